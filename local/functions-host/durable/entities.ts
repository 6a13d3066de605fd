import { randomUUID } from "node:crypto";
import type { Dispatcher } from "./dispatcher.ts";
import type { Entity, EntityFilter } from "./entity-store.ts";
import type { Store } from "./store.ts";

/** The commands and queries behind the entities' part of the management API. */
export class Entities {
  readonly #store: Store;
  readonly #dispatcher: Dispatcher;

  constructor(store: Store, dispatcher: Dispatcher) {
    this.#store = store;
    this.#dispatcher = dispatcher;
  }

  /** Resolves once the signal is durable; nobody hears what became of it. */
  async signal(entity: string, name: string, input: string | null): Promise<void> {
    const operation = { entity, request: randomUUID(), name, input, caller: null };
    this.#store.db.write(() => this.#store.entities.ask(operation));
    this.#dispatcher.note({ instances: [entity], work: [] });
    await this.#store.db.durable();
  }

  async get(id: string): Promise<Entity | undefined> {
    const entity = this.#store.entities.get(id);
    await this.#store.db.durable();
    return entity;
  }

  /** How many there are of each name. */
  names(): { name: string; count: number }[] {
    return this.#store.entities.counts();
  }

  /** @param after the last id of the page before */
  async list(filter: EntityFilter, top: number, after: string): Promise<{ page: Entity[]; next?: string }> {
    const found = this.#store.entities.list(filter, top + 1, after);
    await this.#store.db.durable();
    const page = found.slice(0, top);
    const last = found.length > top ? page.at(-1) : undefined;
    return { page, ...(last ? { next: last.id } : {}) };
  }
}
