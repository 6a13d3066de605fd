import { z } from "zod";
import { checked } from "../core/schema.ts";
import { type Micros, bytes, micros, sequence } from "../core/units.ts";
import type { Reached, Reported } from "./losses.ts";

/** The loss that a failover announces: everything after the point or the write that it goes to. */
export const announcement = z.object({
  /** The last write that is kept. */
  after: z.number().transform(checked(sequence)),
  /**
   * From the state that was chosen to the failover; where the source is not known to have written after it, from the
   * source's last word.
   */
  seconds: z.number(),
  /** Writes and guest bytes after it that the source is known to have made: more may have followed `knownUntil`. */
  writes: z.number(),
  bytes: z.number().transform(checked(bytes)),
  /** The last write that the source is known to have made, and when it said so by its own clock. */
  knownSequence: z.number().transform(checked(sequence)),
  knownUntil: z.number().transform(checked(micros)),
});
export type Announcement = z.infer<typeof announcement>;

/**
 * What everything after the chosen point or write comes to, as far as it is known. A point of an older generation than what is
 * known has all of the newer one behind it, and an unknown part of its own: the bytes are then a lower bound.
 */
export function announce(now: Micros, point: Reached, arrived: Reached, reported?: Reported): Announcement {
  const known = newest([point, arrived, ...(reported ? [reported.captured, reported.cached] : [])]);
  const writes = known.sequence - point.sequence;
  const before = known.generation === point.generation ? point.bytes : 0;
  const knownUntil = micros(Math.max(reported?.at ?? 0, known.time));
  return {
    after: point.sequence,
    seconds: Math.max(now - (writes === 0 ? Math.max(point.time, knownUntil) : point.time), 0) / 1e6,
    writes,
    bytes: bytes(writes === 0 ? 0 : Math.max(known.bytes - before, 0)),
    knownSequence: known.sequence,
    knownUntil,
  };
}

const newest = (reached: readonly [Reached, ...Reached[]]): Reached =>
  reached.reduce((a, b) => (b.sequence > a.sequence ? b : a));
