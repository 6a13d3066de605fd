import type { HistoryEvent } from "./history.ts";
import { type ReplayedEvent, replayed } from "./replayed.ts";
import { Planner } from "./planner.ts";
import type { Instance } from "./store.ts";

/** An instance with the history of its execution, as it is stored and as the library sees it. */
export interface Past {
  instance: Instance;
  readonly events: HistoryEvent[];
  readonly replayed: ReplayedEvent[];
  readonly planner: Planner;
  /** Characters in the store. */
  size: number;
  /** Rows in the store: one per turn. */
  turns: number;
}

const MOST_CHARACTERS = 64 * 1024 * 1024;

/** Keeps histories of instances at work, the most recently used ones up to a total size. */
export class HistoryCache {
  readonly #kept = new Map<string, Past>();
  #size = 0;

  /** @param rows reads the stored turns, oldest first */
  get(instance: Instance, rows: () => string[]): Past {
    const found = this.#kept.get(instance.id);
    if (found?.instance.execution === instance.execution) return found;
    this.drop(instance.id);
    const stored = rows();
    const events = stored.flatMap((row): HistoryEvent[] => JSON.parse(row));
    const past: Past = {
      instance,
      events,
      replayed: replayed(events),
      planner: new Planner(),
      size: stored.reduce((sum, { length }) => sum + length, 0),
      turns: stored.length,
    };
    this.#keep(past);
    return past;
  }

  /** @param text the events as they are stored */
  append(past: Past, events: readonly HistoryEvent[], text: string): void {
    this.drop(past.instance.id);
    past.events.push(...events);
    past.replayed.push(...replayed(events));
    past.size += text.length;
    past.turns++;
    this.#keep(past);
  }

  instance(id: string): Instance | undefined {
    return this.#kept.get(id)?.instance;
  }

  /** What of it has changed. */
  update(instance: Instance): void {
    const past = this.#kept.get(instance.id);
    if (past?.instance.execution === instance.execution) past.instance = instance;
    else this.drop(instance.id);
  }

  drop(id: string): void {
    this.#size -= this.#kept.get(id)?.size ?? 0;
    this.#kept.delete(id);
  }

  #keep(past: Past): void {
    const { id } = past.instance;
    this.#kept.set(id, past);
    this.#size += past.size;
    for (const oldest of this.#kept.keys()) {
      if (this.#size <= MOST_CHARACTERS || oldest === id) return;
      this.drop(oldest);
    }
  }
}
