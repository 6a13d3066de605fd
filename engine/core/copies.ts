import { z } from "zod";
import { checked } from "./schema.ts";
import { bytes } from "./units.ts";

/** What comparisons have put into a journal: no writes of the guest. */
export const copies = z.strictObject({
  writes: z.number().int().nonnegative(),
  /** Of data, uncompressed; a copy of zeros counts none. */
  bytes: z.number().transform(checked(bytes)),
});
export type Copies = z.infer<typeof copies>;

const NONE: Copies = { writes: 0, bytes: bytes(0) };

/** With what came behind them; absent while there is nothing. */
export function withCopies(before: Copies = NONE, more: Copies): { readonly copied?: Copies } {
  const writes = before.writes + more.writes;
  return writes === 0 ? {} : { copied: { writes, bytes: bytes(before.bytes + more.bytes) } };
}

/** As they were before what came last. */
export function withoutCopies(behind: Copies = NONE, last: Copies): { readonly copied?: Copies } {
  const writes = behind.writes - last.writes;
  return writes <= 0 ? {} : { copied: { writes, bytes: bytes(behind.bytes - last.bytes) } };
}
