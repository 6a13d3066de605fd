import type { Clock } from "../../../engine/core/clock.ts";
import { type Micros, micros, type Millis } from "../../../engine/core/units.ts";

interface Sleeper {
  readonly until: number;
  wake(): void;
}

/** Time that stands still until a test moves it. */
export class VirtualClock implements Clock {
  #now: Micros;
  readonly #sleepers = new Set<Sleeper>();

  constructor(start: string) {
    this.#now = micros(Date.parse(start) * 1000);
  }

  now(): Micros {
    return this.#now;
  }

  /** Milliseconds since 1970. */
  get millis(): number {
    return Math.floor(this.#now / 1000);
  }

  sleep(duration: Millis, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const stop = () => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason);
      };
      const sleeper: Sleeper = {
        until: this.#now + duration * 1000,
        wake: () => {
          this.#sleepers.delete(sleeper);
          signal?.removeEventListener("abort", stop);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", stop, { once: true });
    });
  }

  /** Moves on, stopping at every sleeper on the way; `settle` lets what it woke run until it sleeps again. */
  async advance(duration: number, settle: () => Promise<void>): Promise<void> {
    const end = this.#now + duration * 1000;
    await settle();
    for (let next = this.#first(end); next; next = this.#first(end)) {
      this.#now = micros(Math.max(this.#now, next.until));
      next.wake();
      await settle();
    }
    this.#now = micros(end);
    await settle();
  }

  #first(end: number): Sleeper | undefined {
    return [...this.#sleepers].filter((s) => s.until <= end).toSorted((a, b) => a.until - b.until)[0];
  }
}
