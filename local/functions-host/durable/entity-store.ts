import { type Database, integer, nullableText, type Row, text } from "./database.ts";

/** An entity's id in the task hub. Names of entities match in any case, keys do not. */
export const entityId = (name: string, key: string): string => `@${name.toLowerCase()}@${key}`;

export const isEntityId = (id: string): boolean => id.startsWith("@");

export function entityOf(id: string): { name: string; key: string } {
  const at = id.indexOf("@", 1);
  return { name: id.slice(1, at), key: id.slice(at + 1) };
}

export interface Entity {
  readonly id: string;
  /** JSON text. */
  readonly state: string | null;
  /** When its last operation ended, milliseconds since 1970. */
  readonly updated: number;
}

/** What someone asks of an entity. */
export interface Operation {
  readonly entity: string;
  /** The answer comes to the caller as an event of this name. */
  readonly request: string;
  readonly name: string;
  /** JSON text. */
  readonly input: string | null;
  /** Who waits for the answer; null for a signal. */
  readonly caller: { readonly instance: string; readonly execution: string } | null;
}

export interface QueuedOperation extends Operation {
  readonly number: number;
}

export interface EntityFilter {
  /** All names when undefined. */
  readonly name?: string;
  /** Milliseconds since 1970, both inclusive. */
  readonly updatedFrom?: number;
  readonly updatedTo?: number;
}

/** States of entities, and what they are asked for, in order. Every method that changes something must run inside `db.write`. */
export class EntityStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  get(id: string): Entity | undefined {
    const row = this.#db.get("SELECT * FROM entity WHERE id = ?", [id]);
    return row && entityOfRow(row);
  }

  put({ id, state, updated }: Entity): void {
    this.#db.run("INSERT OR REPLACE INTO entity VALUES(?,?,?)", [id, state, updated]);
  }

  delete(id: string): void {
    this.#db.run("DELETE FROM entity WHERE id = ?", [id]);
  }

  /** By id, those behind `after`. */
  list({ name, updatedFrom, updatedTo }: EntityFilter, top: number, after: string): Entity[] {
    const prefix = name === undefined ? "" : entityId(name, "");
    return this.#db
      .all(
        "SELECT * FROM entity WHERE id > ? AND substr(id, 1, length(?)) = ? AND updated BETWEEN ? AND ? ORDER BY id LIMIT ?",
        [after, prefix, prefix, updatedFrom ?? 0, updatedTo ?? Number.MAX_SAFE_INTEGER, top],
      )
      .map(entityOfRow);
  }

  /** By name. */
  counts(): { name: string; count: number }[] {
    return this.#db
      .all(
        "SELECT substr(id, 2, instr(substr(id, 2), '@') - 1) AS name, count(*) AS count FROM entity GROUP BY 1 ORDER BY 1",
      )
      .map((row) => ({ name: text(row, "name"), count: integer(row, "count") }));
  }

  ask({ entity, request, name, input, caller }: Operation): void {
    this.#db.run(
      "INSERT INTO operation(entity, request, name, input, caller, caller_execution) VALUES(?,?,?,?,?,?)",
      [entity, request, name, input, caller?.instance ?? null, caller?.execution ?? null],
    );
  }

  /** The oldest ones first. */
  operations(id: string, most: number): QueuedOperation[] {
    return this.#db
      .all("SELECT * FROM operation WHERE entity = ? ORDER BY number LIMIT ?", [id, most])
      .map(operationOfRow);
  }

  done({ number }: QueuedOperation): void {
    this.#db.run("DELETE FROM operation WHERE number = ?", [number]);
  }

  /** Entities that have something to do. */
  asked(): string[] {
    return this.#db
      .all("SELECT entity FROM operation GROUP BY entity ORDER BY min(number)")
      .map((row) => text(row, "entity"));
  }
}

const entityOfRow = (row: Row): Entity => ({
  id: text(row, "id"),
  state: nullableText(row, "state"),
  updated: integer(row, "updated"),
});

const operationOfRow = (row: Row): QueuedOperation => ({
  number: integer(row, "number"),
  entity: text(row, "entity"),
  request: text(row, "request"),
  name: text(row, "name"),
  input: nullableText(row, "input"),
  caller:
    row["caller"] === null
      ? null
      : { instance: text(row, "caller"), execution: text(row, "caller_execution") },
});
