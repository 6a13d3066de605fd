import type { HistoryEvent } from "./history.ts";
import { type ReplayedEvent, replayed } from "./replayed.ts";
import { Planner } from "./planner.ts";

/** The history of one execution, as it is stored and as the library sees it. */
export interface Past {
  readonly execution: string;
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
  get(id: string, execution: string, rows: () => string[]): Past {
    const found = this.#kept.get(id);
    if (found?.execution === execution) return found;
    this.drop(id);
    const stored = rows();
    const events = stored.flatMap((row): HistoryEvent[] => JSON.parse(row));
    const past: Past = {
      execution,
      events,
      replayed: replayed(events),
      planner: new Planner(),
      size: stored.reduce((sum, { length }) => sum + length, 0),
      turns: stored.length,
    };
    this.#keep(id, past);
    return past;
  }

  /** @param text the events as they are stored */
  append(id: string, past: Past, events: readonly HistoryEvent[], text: string): void {
    past.events.push(...events);
    past.replayed.push(...replayed(events));
    past.size += text.length;
    past.turns++;
    this.#keep(id, past);
  }

  drop(id: string): void {
    this.#size -= this.#kept.get(id)?.size ?? 0;
    this.#kept.delete(id);
  }

  #keep(id: string, past: Past): void {
    this.#kept.set(id, past);
    this.#size += past.size;
    for (const oldest of this.#kept.keys()) {
      if (this.#size <= MOST_CHARACTERS || oldest === id) return;
      this.drop(oldest);
    }
  }
}
