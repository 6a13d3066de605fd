import type { Clock } from "../engine/core/clock.ts";

/** So many marks in a second are made for one region each; each further as many double what one mark covers. */
const BURST = 8;
const SECOND = 1_000_000;

/**
 * How many regions one mark covers. A mark costs a write to stable storage, for which everything waits, so a guest that goes over
 * its whole disk must not pay one for each region: of n regions at most 8 · log2(2n) marks in one go.
 */
export class Widening {
  readonly #clock: Clock;
  #width = 1;
  #marks = 0;
  #since = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A power of two, for the mark that is about to be made. */
  next(): number {
    const seconds = Math.floor((this.#clock.now() - this.#since) / SECOND);
    if (seconds > 0) {
      this.#since = this.#clock.now();
      this.#marks = 0;
      this.#width = Math.max(this.#width / 2 ** Math.min(seconds, 32), 1);
    }
    if (++this.#marks > BURST) {
      this.#marks = 1;
      this.#width *= 2;
    }
    return this.#width;
  }
}
