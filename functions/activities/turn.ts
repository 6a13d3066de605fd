import type { Clock } from "../../engine/core/clock.ts";

/**
 * Work that grows with the disks is done in turns of three minutes: far below an activity's time-out, long enough that what a
 * turn costs besides does not count, and as much as a kill can cost.
 */
const TURN = 180 * 1e6;

/** Whether the turn that begins now is over. */
export function turnOf(clock: Clock): () => boolean {
  const end = clock.now() + TURN;
  return () => clock.now() >= end;
}

/** Far enough below an activity's time-out that the turn that is begun last ends before it. */
const LONGEST = 1200 * 1e6;

/** Whether an activity that makes several turns, and begins now, has no time for one more. */
export function activityOf(clock: Clock): () => boolean {
  const end = clock.now() + LONGEST;
  return () => clock.now() >= end;
}
