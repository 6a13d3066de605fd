import { type Millis, millis } from "../engine/core/units.ts";

const LONGEST = 30_000;

/** 1, 2, 4, … seconds, at most 30: what was away is found again soon. @param tries failures before this one */
export const retryDelay = (tries: number): Millis =>
  millis(Math.min(1000 * 2 ** Math.min(tries, 10), LONGEST));
