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

/** With what it is preceded by, still below an activity's time-out. */
const LONGEST = 600 * 1e6;

/**
 * The same of a turn that begins when this is asked for the first time. What comes before is done in every turn: one that it took
 * long to come to lasts as long, so that at most half of all time goes there.
 */
export function turnFromFirstOf(clock: Clock): () => boolean {
  const begun = clock.now();
  let end: number | undefined;
  return () => {
    const now = clock.now();
    end ??= now + Math.min(Math.max(TURN, now - begun), LONGEST);
    return now >= end;
  };
}
