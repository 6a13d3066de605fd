import type { Clock } from "../../engine/core/clock.ts";
import { type Micros, micros } from "../../engine/core/units.ts";

interface Sleeper {
  readonly until: number;
  wake(): void;
}

/** Milliseconds of the world's own time: what works longer waits for what never comes. */
const LONGEST_WORK = 120_000;

/**
 * One clock for everybody of a story. It stands still while anything is at work, and jumps to the next sleeper when
 * everybody sleeps.
 */
export class StoryClock {
  #now: number;
  readonly #sleepers = new Set<Sleeper>();
  readonly #processes = new Set<Process>();

  constructor(start: Micros) {
    this.#now = start;
  }

  now(): Micros {
    return micros(this.#now);
  }

  /** @param busy what of its work it does not count itself */
  process(busy: (process: Process) => boolean = () => false): Process {
    const made: Process = new Process({
      now: () => this.now(),
      sleep: (microseconds, wake) => {
        const sleeper = { until: this.#now + microseconds, wake };
        this.#sleepers.add(sleeper);
        return () => void this.#sleepers.delete(sleeper);
      },
      busy: () => busy(made),
      end: () => void this.#processes.delete(made),
    });
    this.#processes.add(made);
    return made;
  }

  /**
   * Lets time pass until the condition holds.
   * @throws Error when it does not within so many seconds of this clock, or when nobody is left to make it hold
   */
  async until(holds: () => boolean | Promise<boolean>, seconds: number, what: string): Promise<void> {
    const end = this.#now + seconds * 1e6;
    for (;;) {
      await this.#rest();
      if (await holds()) return;
      const next = [...this.#sleepers].toSorted((a, b) => a.until - b.until)[0];
      if (!next) throw new Error(`${what}: nothing is at work any more`);
      if (next.until > end) throw new Error(`${what}: not within ${seconds} s`);
      this.#now = Math.max(this.#now, next.until);
      next.wake();
    }
  }

  async pass(seconds: number): Promise<void> {
    const end = this.#now + seconds * 1e6;
    const alarm: Sleeper = { until: end, wake: () => void this.#sleepers.delete(alarm) };
    this.#sleepers.add(alarm);
    await this.until(() => this.#now >= end, seconds, "time to pass");
  }

  /** Files and the thread pool take their time, which is none of this clock. */
  async #rest(): Promise<void> {
    const began = performance.now();
    do await new Promise(setImmediate);
    while (
      [...this.#processes].some((process) => process.atWork()) &&
      performance.now() - began < LONGEST_WORK
    );
    if (performance.now() - began >= LONGEST_WORK) throw new Error("what is at work never comes to rest");
  }
}

interface Life {
  now(): Micros;
  /** Wakes the sleeper, unless what is returned is called before. */
  sleep(microseconds: number, wake: () => void): () => void;
  busy(): boolean;
  end(): void;
}

/** What can be killed: it sleeps, works, and when it has ended nothing that it waits for ever comes. */
export class Process {
  readonly #life: Life;
  readonly #ended = new AbortController();
  #working = 0;
  /** How much of what works is asleep. */
  asleep = 0;

  constructor(life: Life) {
    this.#life = life;
  }

  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** For those who are counted as working otherwise. */
  get clock(): Clock {
    return { now: () => this.#life.now(), sleep: (wait, signal) => this.#sleep(wait, true, signal) };
  }

  /** For those who only wait. */
  wait(milliseconds: number): Promise<void> {
    return this.#sleep(milliseconds, false);
  }

  async work<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#working++;
    try {
      return await work();
    } finally {
      this.#working--;
    }
  }

  atWork(): boolean {
    return this.#working > this.asleep || this.#life.busy();
  }

  kill(): void {
    this.#ended.abort();
    this.#life.end();
  }

  #sleep(milliseconds: number, counted: boolean, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      if (this.ended.aborted) return;
      const leave = () => {
        cancel();
        if (counted) this.asleep--;
        signal?.removeEventListener("abort", stop);
        this.ended.removeEventListener("abort", leave);
      };
      const stop = () => {
        leave();
        reject(signal?.reason);
      };
      if (counted) this.asleep++;
      const cancel = this.#life.sleep(milliseconds * 1000, () => {
        leave();
        resolve();
      });
      signal?.addEventListener("abort", stop, { once: true });
      this.ended.addEventListener("abort", leave, { once: true });
    });
  }
}
