import { z } from "zod";
import { checked } from "../core/schema.ts";
import { type Micros, type Millis, micros } from "../core/units.ts";

/** How fast a figure that only grows does so, as a mean that forgets: seen at moments that nobody chose. */
export const rate = z.object({
  /** The figure when it was last seen. */
  total: z.number(),
  at: z.number().transform(checked(micros)),
  perSecond: z.number().nonnegative(),
});
export type Rate = z.infer<typeof rate>;

/**
 * Takes note of the figure. What is `memory` old weighs 1/e of what is new, however often one looks, as in Unix's load
 * averages. A figure that fell began anew, with a new generation or a new process: the mean stays, and goes on from there. One seen out
 * of order changes nothing.
 */
export function observe(old: Rate | undefined, total: number, at: Micros, memory: Millis): Rate {
  if (!old) return { total, at, perSecond: 0 };
  const seconds = (at - old.at) / 1e6;
  if (seconds <= 0) return old;
  if (total < old.total) return { total, at, perSecond: old.perSecond };
  const kept = Math.exp((-1000 * seconds) / memory);
  const seen = (total - old.total) / seconds;
  return { total, at, perSecond: kept * old.perSecond + (1 - kept) * seen };
}
