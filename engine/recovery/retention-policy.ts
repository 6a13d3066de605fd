import { z } from "zod";
import { checked } from "../core/schema.ts";
import { millis } from "../core/units.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const duration = (least: number, most: number) =>
  z.number().int().min(least).max(most).transform(checked(millis));
const age = duration(0, 3660 * DAY);

/** As Azure Site Recovery thins: all for two hours, then one an hour, each two hours and each four hours. */
const ASR_LADDER = [
  { until: 2 * HOUR, every: 0 },
  { until: DAY, every: HOUR },
  { until: 7 * DAY, every: 2 * HOUR },
  { until: 15 * DAY, every: 4 * HOUR },
];

/** How long points and writes are kept, and how densely; durations in milliseconds. */
export const retentionPolicy = z.strictObject({
  /** Older points go, but for the newest good and the newest verified one. */
  window: duration(1000, 3660 * DAY).default(millis(DAY)),
  /** A step applies to points younger than `until`; the last one also to older points. `every` 0 keeps all. */
  ladder: z
    .array(z.strictObject({ until: age, every: age }))
    .min(1)
    .max(16)
    .refine((steps) => steps.every(({ until }, i) => until > (steps[i - 1]?.until ?? 0)), {
      message: "each step must reach further than the one before",
    })
    .refine((steps) => steps.every(({ every }, i) => isMultiple(every, steps[i - 1]?.every ?? 0)), {
      message: "each interval must be a multiple of the one before",
    })
    .prefault(ASR_LADDER),
  /** Every write stays reachable for so long. Before that there are points only, and storage holds layers alone. */
  anyWriteWindow: duration(0, 366 * DAY).default(millis(DAY)),
  /** Points are thinned and layers built this often. */
  interval: duration(1000, DAY).default(millis(HOUR / 4)),
  /**
   * What nothing needs any more is deleted after so long. Whoever began to read it has that much time: a restore or a
   * verification that takes longer fails by name, and has to begin again.
   */
  deleteDelay: duration(1000, 30 * DAY).default(millis(DAY)),
});
export type RetentionPolicy = z.output<typeof retentionPolicy>;

/** Intervals then lie inside the coarser ones: the first of a coarse one was the first of a fine one, and is still there. */
const isMultiple = (every: number, of: number): boolean => (of === 0 ? true : every > 0 && every % of === 0);
