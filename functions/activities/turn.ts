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

/** The same of a turn that begins when this is asked for the first time: what comes before is needed in every turn. */
export function turnFromFirstOf(clock: Clock): () => boolean {
  let over: (() => boolean) | undefined;
  return () => (over ??= turnOf(clock))();
}
