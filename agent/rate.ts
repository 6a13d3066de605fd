import type { Clock } from "../engine/core/clock.ts";
import { type Bytes, type Micros, bytes } from "../engine/core/units.ts";

const WINDOW = 5_000_000;
const STEP = 250_000;

/** Bytes a second over the last five seconds. */
export class Rate {
  readonly #clock: Clock;
  readonly #steps: { readonly since: Micros; bytes: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(count: number): void {
    const now = this.#clock.now();
    const last = this.#steps.at(-1);
    if (last && now - last.since < STEP) last.bytes += count;
    else this.#steps.push({ since: now, bytes: count });
    this.#forget(now);
  }

  perSecond(): Bytes {
    const now = this.#clock.now();
    this.#forget(now);
    const first = this.#steps[0];
    if (!first) return bytes(0);
    const all = this.#steps.reduce((sum, step) => sum + step.bytes, 0);
    return bytes(Math.round((all / Math.max(now - first.since, STEP)) * 1_000_000));
  }

  #forget(now: Micros): void {
    while (this.#steps[0] && now - this.#steps[0].since > WINDOW) this.#steps.shift();
  }
}
