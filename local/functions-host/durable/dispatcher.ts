import type { Clock } from "../../../engine/core/clock.ts";
import { millis } from "../../../engine/core/units.ts";
import type { Effects } from "./outcome.ts";
import type { Store } from "./store.ts";

/** A platform timer cannot wait longer than 24 days; it is set again then. */
const LONGEST_SLEEP = 86_400_000;

export interface DispatcherOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly now: () => number;
  readonly maxOrchestrations: number;
  readonly maxActivities: number;
  readonly turn: (instance: string) => Promise<Effects>;
  readonly activity: (number: number) => Promise<Effects>;
}

/** Decides what runs next: turns of instances that have mail, activities, and waking at the next timer. */
export class Dispatcher {
  readonly #o: DispatcherOptions;
  readonly #ready = new Set<string>();
  readonly #turning = new Set<string>();
  readonly #queue: number[] = [];
  #working = 0;
  /** Work that waits for the commit that holds it. */
  #committing = 0;
  #scheduled = false;
  #stopped = false;
  #alarm: { due: number; cancel: AbortController } | undefined;
  #idle: (() => void)[] = [];

  constructor(options: DispatcherOptions) {
    this.#o = options;
  }

  /** Takes up whatever the store holds. */
  start(): void {
    for (const id of this.#o.store.mailbox.instances()) this.#ready.add(id);
    for (const id of this.#o.store.entities.asked()) this.#ready.add(id);
    this.#queue.push(...this.#o.store.allWork());
    this.#kick();
  }

  /** Nothing new is started; what runs may still finish and be stored. */
  stop(): void {
    this.#stopped = true;
    this.#alarm?.cancel.abort();
  }

  /** Takes note of what a change gave to do. */
  note({ instances, work }: Effects): void {
    for (const id of instances) this.#ready.add(id);
    if (work.length > 0) {
      this.#committing++;
      void this.#o.store.db.durable().then(() => {
        this.#committing--;
        this.#queue.push(...work);
        this.#kick();
      });
    }
    this.#kick();
  }

  /** Resolves when nothing is left to do before the clock moves on or someone calls. */
  idle(): Promise<void> {
    if (this.#isIdle()) return this.#o.store.db.durable();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idle.push(resolve);
    return promise.then(() => this.#o.store.db.durable());
  }

  #isIdle(): boolean {
    const waiting = this.#ready.size + this.#turning.size + this.#queue.length + this.#working;
    return waiting === 0 && this.#committing === 0 && !this.#scheduled;
  }

  #kick(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#stopped) return;
    const now = this.#o.now();
    const { due, next } = this.#o.store.timers(now);
    for (const id of due) if (!this.#turning.has(id)) this.#ready.add(id);
    for (const id of this.#ready) {
      if (this.#turning.size >= this.#o.maxOrchestrations) break;
      if (this.#turning.has(id)) continue;
      this.#ready.delete(id);
      void this.#turn(id);
    }
    while (this.#working < this.#o.maxActivities) {
      const number = this.#queue.shift();
      if (number === undefined) break;
      void this.#activity(number);
    }
    this.#setAlarm(next, now);
    if (this.#isIdle()) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** An error in here is one of the host itself: it ends the process, which loses nothing. */
  async #turn(id: string): Promise<void> {
    this.#turning.add(id);
    const effects = await this.#o.turn(id);
    this.#turning.delete(id);
    this.note(effects);
  }

  async #activity(number: number): Promise<void> {
    this.#working++;
    const effects = await this.#o.activity(number);
    this.#working--;
    this.note(effects);
  }

  #setAlarm(due: number, now: number): void {
    if (due === this.#alarm?.due) return;
    this.#alarm?.cancel.abort();
    this.#alarm = undefined;
    if (due === Number.POSITIVE_INFINITY) return;
    const cancel = new AbortController();
    this.#alarm = { due, cancel };
    this.#o.clock.sleep(millis(Math.min(due - now, LONGEST_SLEEP)), cancel.signal).then(
      () => {
        this.#alarm = undefined;
        this.#kick();
      },
      () => undefined,
    );
  }
}
