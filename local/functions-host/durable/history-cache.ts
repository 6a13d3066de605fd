import type { HistoryEvent } from "./history.ts";

/** The history of one execution, parsed and as the text that the library is sent. */
export interface Past {
  readonly execution: string;
  readonly events: HistoryEvent[];
  /** The elements of a JSON array, without its brackets. */
  text: string;
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
    const past: Past = {
      execution,
      events: stored.flatMap((row): HistoryEvent[] => JSON.parse(row)),
      text: stored.map(elementsOf).join(","),
      turns: stored.length,
    };
    this.#keep(id, past);
    return past;
  }

  append(id: string, past: Past, events: readonly HistoryEvent[], text: string): void {
    past.events.push(...events);
    past.text += `${past.text ? "," : ""}${elementsOf(text)}`;
    past.turns++;
    this.#keep(id, past);
  }

  drop(id: string): void {
    this.#size -= this.#kept.get(id)?.text.length ?? 0;
    this.#kept.delete(id);
  }

  #keep(id: string, past: Past): void {
    this.#kept.set(id, past);
    this.#size += past.text.length;
    for (const oldest of this.#kept.keys()) {
      if (this.#size <= MOST_CHARACTERS || oldest === id) return;
      this.drop(oldest);
    }
  }
}

const elementsOf = (array: string): string => array.slice(1, -1);
