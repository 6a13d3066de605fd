import { z } from "zod";
import { checked } from "../core/schema.ts";
import { ordinal } from "../core/units.ts";
import { journalPosition } from "./position.ts";

/** Where a segment that may hold barriers or proofs lies, so that nobody need look for it. */
export const markedSegment = z.object({
  /** The first ordinal of its object, which names it. */
  first: z.number().transform(checked(ordinal)),
  /** Behind the segment. */
  position: journalPosition,
  barriers: z.boolean(),
  proofs: z.boolean(),
});
export type MarkedSegment = z.infer<typeof markedSegment>;
