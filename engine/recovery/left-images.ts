import { z } from "zod";
import { armId, machineId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { type Micros, micros } from "../core/units.ts";

const time = z.number().transform(checked(micros));

/**
 * Images of a machine that could not be deleted when its capture ended, since their region did not answer. Kind `leftImages`,
 * by machine; it outlives the item.
 */
export const leftImagesRecord = z.object({
  format: z.literal(1),
  machine: z.string().transform(checked(machineId)),
  /** They are found there by their tags; a machine's id is of one enablement. */
  group: z.string().transform(checked(armId)),
  since: time,
  triedAt: time,
  /** What was said the last time. */
  why: z.string(),
});
export type LeftImages = z.infer<typeof leftImagesRecord>;

/** A region that is lost is lost for hours. */
const EVERY = 10 * 60e6;

export const leftImagesDue = (now: Micros, { triedAt }: LeftImages): boolean => now - triedAt >= EVERY;
