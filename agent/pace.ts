import { setImmediate } from "node:timers/promises";
import type { Clock } from "../engine/core/clock.ts";
import { millis } from "../engine/core/units.ts";

/** While the guest is at work, background work gets one turn in this time. */
const BREATH = millis(2);
/** In microseconds. */
const MOMENT = 50_000;

/** Lets the guest go first: background work asks for each turn, and a turn is short. */
export class Pace {
  readonly #clock: Clock;
  #guest = false;
  #busyUntil = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The guest asked for something. */
  noteGuest(): void {
    this.#guest = true;
  }

  /** Whether it asked for anything a moment ago. */
  get guestActive(): boolean {
    if (this.#guest) this.#busyUntil = this.#clock.now() + MOMENT;
    return this.#clock.now() < this.#busyUntil;
  }

  /** Resolves when background work may take its next turn. */
  async turn(): Promise<void> {
    const busy = this.#guest;
    if (busy) this.#busyUntil = this.#clock.now() + MOMENT;
    this.#guest = false;
    if (busy) await this.#clock.sleep(BREATH);
    else await setImmediate();
  }
}
