import { type Micros, micros } from "../../engine/core/units.ts";
import type { Dice } from "./dice.ts";

/** A machine's own clock against the true one, which is the control plane's. */
export interface MachineClock {
  readonly own: (time: Micros) => Micros;
  /** The first true time at which the own clock shows it. */
  readonly truly: (own: number) => Micros;
}

export const TRUE_CLOCK: MachineClock = { own: (time) => time, truly: (own) => micros(Math.ceil(own)) };

/** So far a clock may be set wrong, in microseconds, and so much too fast or too slow it may run. */
const MOST_OFF = 3_600_000_000;
const MOST_DRIFT = 150e-6;

/** Set wrong by up to an hour and drifting, from the true time `since` on. */
export function wrongClock(dice: Dice, since: Micros): MachineClock {
  const off = dice.below(2 * MOST_OFF) - MOST_OFF;
  const rate = 1 + (dice.below(2001) - 1000) * (MOST_DRIFT / 1000);
  return {
    own: (time) => micros(Math.floor(since + off + (time - since) * rate)),
    truly: (own) => micros(Math.ceil(since + (own - since - off) / rate)),
  };
}
