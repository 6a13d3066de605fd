import { z } from "zod";
import { checked } from "../core/schema.ts";
import { micros, sequence } from "../core/units.ts";

/**
 * A state that a failover may go to besides recovery points: `newest` is all that has arrived once the cache was drained,
 * `instant` every write up to it by the source's clock, `write` every write up to this number.
 */
export const wantedMoment = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("newest") }),
  z.object({ kind: z.literal("instant"), time: z.number().transform(checked(micros)) }),
  z.object({ kind: z.literal("write"), sequence: z.number().transform(checked(sequence)) }),
]);
export type WantedMoment = z.infer<typeof wantedMoment>;
