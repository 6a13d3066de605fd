import { z } from "zod";
import { type Copies, copies } from "../core/copies.ts";
import { type Digest, NO_DIGEST, digestOf } from "../core/digest.ts";
import { checked } from "../core/schema.ts";
import {
  type Bytes,
  type Generation,
  type Micros,
  type Ordinal,
  type Sequence,
  bytes,
  generation,
  micros,
  ordinal,
  sequence,
} from "../core/units.ts";

/** How far a journal has been followed: everything before `next` was read, checked and chained. */
export interface JournalPosition {
  readonly generation: Generation;
  /** The ordinal of the segment to come. */
  readonly next: Ordinal;
  /** Trailer digest of the segment before `next`; before segment 0 that of the base document. */
  readonly chain: Digest;
  /** The last write before `next`. */
  readonly sequence: Sequence;
  /** Its wall-clock time at the source; 0 when there is none. */
  readonly time: Micros;
  /** Bytes of data carried by all writes so far in this generation, uncompressed; zero records count nothing. */
  readonly bytes: Bytes;
  /** Those among all these writes that are copies, as far as segments say so; absent when there is none. */
  readonly copied?: Copies | undefined;
}

/** What a position says of its last write, without its place among segments. */
export const markOf = ({
  sequence: at,
  time,
  bytes: size,
  copied,
}: Pick<JournalPosition, "sequence" | "time" | "bytes" | "copied">) => ({
  sequence: at,
  time,
  bytes: size,
  ...(copied && { copied }),
});

/**
 * The beginning of a generation. Sequences go on across generations: `from` is the last write before it.
 * @param chain digest of the generation's base document; NO_DIGEST for one that begins with empty disks
 */
export const startOf = (of: Generation, from: Sequence, chain: Digest = NO_DIGEST): JournalPosition => ({
  generation: of,
  next: ordinal(0),
  chain,
  sequence: from,
  time: micros(0),
  bytes: bytes(0),
});

export const journalPosition = z.object({
  generation: z.number().transform(checked(generation)),
  next: z.number().transform(checked(ordinal)),
  chain: z.string().transform(checked(digestOf)),
  sequence: z.number().transform(checked(sequence)),
  time: z.number().transform(checked(micros)),
  bytes: z.number().transform(checked(bytes)),
  copied: copies.optional(),
});
