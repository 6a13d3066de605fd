import { z } from "zod";
import { checked } from "../core/schema.ts";
import { generation, micros, sequence } from "../core/units.ts";

/** The machine was given to the other direction, whose record names what it is from here on. */
export const reversal = z.object({
  /** The region that replicates it from now on: the one that it was failed over from. */
  to: z.string(),
  /** Issued with it: the first generation there. */
  generation: z.number().transform(checked(generation)),
  /** No write of this direction has a later number. */
  sequence: z.number().transform(checked(sequence)),
  at: z.number().transform(checked(micros)),
});
