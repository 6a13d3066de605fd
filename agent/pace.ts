import { setImmediate } from "node:timers/promises";
import type { Clock } from "../engine/core/clock.ts";
import { millis } from "../engine/core/units.ts";

/** While the guest is at work, background work gets one turn in this time. */
const BREATH = millis(2);
/** In microseconds. */
const MOMENT = 50_000;

/** A longer time between two requests is the guest's own, in microseconds. */
const LONGEST_GAP = 20_000;
const MOST_GAPS = 4096;

/** Whether a comparison is at work, or stands still to see what the guest's requests take without it. */
type Phase = "work" | "still";

/** Microseconds from one request of the guest to the next. */
type Gaps = Readonly<Record<Phase, readonly number[]>>;

/** Lets the guest go first: background work asks for each turn, and a turn is short. */
export class Pace {
  readonly #clock: Clock;
  #guest = false;
  #busyUntil = 0;
  #phase: Phase | undefined;
  #last: number | undefined;
  #gaps: Record<Phase, number[]> = { work: [], still: [] };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The guest asked for something. */
  noteGuest(): void {
    this.#guest = true;
    if (this.#phase) this.#noteGap(this.#gaps[this.#phase]);
  }

  /** From now on gaps between requests count as of this phase; as of none when it is undefined. */
  measure(phase: Phase | undefined): void {
    if (phase === this.#phase) return;
    this.#phase = phase;
    this.#last = undefined;
  }

  /** What was measured since the last call. */
  measured(): Gaps {
    const gaps = this.#gaps;
    this.#gaps = { work: [], still: [] };
    return gaps;
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

  #noteGap(gaps: number[]): void {
    const now = this.#clock.now();
    const gap = this.#last === undefined ? LONGEST_GAP : now - this.#last;
    this.#last = now;
    if (gap < LONGEST_GAP && gaps.length < MOST_GAPS) gaps.push(gap);
  }
}
