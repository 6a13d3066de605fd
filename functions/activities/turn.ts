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

/** A turn with all that comes before it: far enough below an activity's time-out that what it did can still be kept. */
const LONGEST = 1200 * 1e6;

/**
 * The same of a turn that begins when this is asked for the first time. What comes before is done in every turn: one that it took
 * long to come to lasts as long, so that no more than half of all time goes there, as far as an activity's time allows it.
 */
export function turnFromFirstOf(clock: Clock): () => boolean {
  const begun = clock.now();
  let end: number | undefined;
  return () => {
    const now = clock.now();
    end ??= Math.min(now + Math.max(TURN, now - begun), begun + LONGEST);
    return now >= end;
  };
}
