import type { Clock } from "../engine/core/clock.ts";
import { millis } from "../engine/core/units.ts";
import type { Pace } from "./pace.ts";

/**
 * How much of the machine a comparison takes. While the guest asks for nothing: everything. While it is at work: one
 * piece at a time, with a rest behind it.
 */
export class Throttle {
  readonly #pace: Pace;
  readonly #clock: Clock;
  readonly #most: number;

  /** @param most pieces that are hashed at the same time, when nobody minds */
  constructor(pace: Pace, clock: Clock, most: number) {
    this.#pace = pace;
    this.#clock = clock;
    this.#most = most;
  }

  /** Pieces that may be hashed at the same time. */
  get width(): number {
    return this.gentle ? 1 : 2 * this.#most;
  }

  /** The guest is at work: small pieces. */
  get gentle(): boolean {
    return this.#pace.guestActive;
  }

  /** Behind each piece. */
  async rest(): Promise<void> {
    await this.#pace.turn();
    if (this.gentle) await this.#clock.sleep(millis(1));
  }
}
