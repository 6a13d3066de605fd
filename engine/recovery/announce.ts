import { z } from "zod";
import { checked } from "../core/schema.ts";
import { type Micros, bytes, micros, sequence } from "../core/units.ts";
import { madeAfter, newestOf } from "./guest-writes.ts";
import type { Reached, Reported } from "./losses.ts";
import type { ProgressRecord } from "./progress.ts";

/** The loss that a failover announces: everything after the point or the write that it goes to. */
export const announcement = z.object({
  /** The last write that is kept. */
  after: z.number().transform(checked(sequence)),
  /**
   * From the state that was chosen to the failover; where the source is not known to have written after it, from the
   * source's last word.
   */
  seconds: z.number(),
  /** What the guest is known to have written after it, without copies of comparisons: more may have followed `knownUntil`. */
  writes: z.number(),
  bytes: z.number().transform(checked(bytes)),
  /** The last write that the source is known to have made, and when it said so by its own clock. */
  knownSequence: z.number().transform(checked(sequence)),
  knownUntil: z.number().transform(checked(micros)),
});
export type Announcement = z.infer<typeof announcement>;

/**
 * What everything after the chosen point or write comes to, as far as it is known. Behind the end of a generation something may have
 * been written that nobody heard of: then the time counts from the choice, whatever is known.
 */
export function announce(
  now: Micros,
  chosen: Reached,
  progress: Pick<ProgressRecord, "arrived" | "from" | "ended">,
  reported?: Reported,
): Announcement {
  const { arrived } = progress;
  const made = madeAfter(chosen, progress, reported);
  const present = newestOf(arrived, reported);
  const known = present.sequence > chosen.sequence ? present : chosen;
  const knownUntil = micros(Math.max(reported?.at ?? 0, known.time));
  const nothing = made.writes === 0 && chosen.generation === arrived.generation;
  return {
    after: chosen.sequence,
    seconds: Math.max(now - (nothing ? Math.max(chosen.time, knownUntil) : chosen.time), 0) / 1e6,
    ...made,
    knownSequence: known.sequence,
    knownUntil,
  };
}
