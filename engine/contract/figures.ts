import { z } from "zod";

const loss = z.object({ seconds: z.number(), bytes: z.number(), writes: z.number() });

/** What would be lost if the machine, or its whole region, were gone. */
export const bothLosses = z.object({ vm: loss, region: loss });

/**
 * `time` in microseconds since 1970; `bytes` of guest data since the generation began, `copiedBytes` what comparisons put
 * into the journal besides.
 */
const mark = z.object({
  generation: z.number(),
  sequence: z.number(),
  time: z.number(),
  bytes: z.number(),
  copiedBytes: z.number(),
});
export type MarkView = z.infer<typeof mark>;

/** A mark that is missing is not known or not begun. */
export const allWatermarks = z.object({
  captured: mark.optional(),
  cached: mark.optional(),
  arrived: mark.optional(),
  applied: mark.optional(),
  verified: mark.optional(),
});

/** Newer points that could not be read, for the manifest of each was damaged and could not be made again. */
export const passedOver = z.array(z.object({ point: z.string(), code: z.string(), message: z.string() }));
