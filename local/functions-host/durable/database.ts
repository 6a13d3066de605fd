import { mkdirSync } from "node:fs";
import path from "node:path";
import { DatabaseSync, type SQLOutputValue, type StatementSync } from "node:sqlite";
import { LeewardError, messageOf } from "../../../engine/core/errors.ts";

/** What each version adds to the one before it. */
const SCHEMAS = [
  `
  CREATE TABLE instance(id TEXT PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, status TEXT NOT NULL, input TEXT, output TEXT,
    custom TEXT, created INTEGER NOT NULL, updated INTEGER NOT NULL, execution TEXT NOT NULL,
    parent TEXT, parent_execution TEXT, parent_task INTEGER) WITHOUT ROWID;
  CREATE INDEX instance_created ON instance(created, id);
  CREATE TABLE history(instance TEXT, turn INTEGER, events TEXT NOT NULL, PRIMARY KEY(instance, turn)) WITHOUT ROWID;
  CREATE TABLE inbox(number INTEGER PRIMARY KEY AUTOINCREMENT, instance TEXT NOT NULL, execution TEXT, message TEXT NOT NULL);
  CREATE INDEX inbox_instance ON inbox(instance);
  CREATE TABLE timer(instance TEXT, task INTEGER, execution TEXT NOT NULL, due INTEGER NOT NULL, held INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY(instance, task)) WITHOUT ROWID;
  CREATE INDEX timer_due ON timer(due) WHERE held = 0;
  CREATE TABLE work(number INTEGER PRIMARY KEY AUTOINCREMENT, instance TEXT NOT NULL, execution TEXT NOT NULL, task INTEGER NOT NULL,
    name TEXT NOT NULL, input TEXT);
  CREATE INDEX work_instance ON work(instance);
  CREATE TABLE schedule(name TEXT PRIMARY KEY, last INTEGER, next INTEGER NOT NULL, updated INTEGER NOT NULL) WITHOUT ROWID;
`,
  `
  CREATE TABLE entity(id TEXT PRIMARY KEY, state TEXT, updated INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE operation(number INTEGER PRIMARY KEY AUTOINCREMENT, entity TEXT NOT NULL, request TEXT NOT NULL, name TEXT NOT NULL,
    input TEXT, caller TEXT, caller_execution TEXT);
  CREATE INDEX operation_entity ON operation(entity);
`,
];

type Value = string | number | null;

export type Row = Record<string, SQLOutputValue>;

/**
 * SQLite with group commit: changes made at about the same time share one transaction and one fsync. A change is visible
 * to later reads of this process at once, and durable when `durable()` resolves; only then may anything outside be told or
 * started. The file is locked: one host per folder.
 */
export class Database {
  /** How many transactions were committed. */
  commits = 0;
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #flushes: (() => void)[] = [];
  #pending: PromiseWithResolvers<void> | undefined;

  /** @throws LeewardError InvalidSetting when the file is in use, or of another version */
  constructor(file: string) {
    mkdirSync(path.dirname(file), { recursive: true });
    this.#db = new DatabaseSync(file);
    try {
      this.#db.exec("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;");
      this.#db.exec("BEGIN IMMEDIATE; COMMIT");
    } catch (error) {
      this.#db.close();
      throw new LeewardError("InvalidSetting", `cannot open ${file}: ${messageOf(error)}`, error);
    }
    const version = Number(this.#db.prepare("PRAGMA user_version").get()?.["user_version"]);
    if (version > SCHEMAS.length)
      throw new LeewardError(
        "InvalidSetting",
        `${file} has version ${version}, this host knows ${SCHEMAS.length}`,
      );
    for (const [from, schema] of SCHEMAS.entries())
      if (from >= version) this.#db.exec(`BEGIN; ${schema} PRAGMA user_version = ${from + 1}; COMMIT`);
  }

  get isOpen(): boolean {
    return this.#db.isOpen;
  }

  /**
   * Makes all changes of the function. It must not await. When it throws the host has a defect, or the disk has: nothing that
   * waits for the commit is stored, nobody is told that it was, and the process ends.
   */
  write<T>(change: () => T): T {
    this.#begin();
    try {
      return change();
    } catch (error) {
      this.#db.close();
      setImmediate(() => {
        throw error;
      });
      throw error;
    }
  }

  /** The function is called inside each transaction, when it ends: for what need not be written if it is gone by then. */
  beforeCommit(flush: () => void): void {
    this.#flushes.push(flush);
  }

  /** Resolves when everything written so far survives a power loss. */
  durable(): Promise<void> {
    return this.#pending?.promise ?? Promise.resolve();
  }

  all(sql: string, values: readonly Value[] = []): Row[] {
    return this.#statement(sql).all(...values);
  }

  get(sql: string, values: readonly Value[] = []): Row | undefined {
    return this.#statement(sql).get(...values);
  }

  /** How many rows it changed. */
  run(sql: string, values: readonly Value[] = []): number {
    return Number(this.#statement(sql).run(...values).changes);
  }

  /** The number of the new row. */
  insert(sql: string, values: readonly Value[]): number {
    return Number(this.#statement(sql).run(...values).lastInsertRowid);
  }

  close(): void {
    this.#commit();
    if (this.isOpen) this.#db.close();
  }

  /** Two rounds of the event loop later, so that turns woken by what was just written still join. */
  #begin(): void {
    if (this.#pending) return;
    this.#db.exec("BEGIN IMMEDIATE");
    this.#pending = Promise.withResolvers();
    setImmediate(() => setImmediate(() => this.#commit()));
  }

  /** Throws into the event loop when the disk fails: what is in memory then is not what is on disk, so nothing may go on. */
  #commit(): void {
    const pending = this.#pending;
    if (!pending || !this.isOpen) return;
    for (const flush of this.#flushes) flush();
    this.#db.exec("COMMIT");
    this.#pending = undefined;
    this.commits++;
    pending.resolve();
  }

  #statement(sql: string): StatementSync {
    const found = this.#statements.get(sql);
    if (found) return found;
    const statement = this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

export const text = (row: Row, column: string): string => {
  const value = row[column];
  if (typeof value !== "string") throw new TypeError(`column ${column} holds ${typeof value}, not text`);
  return value;
};

export const integer = (row: Row, column: string): number => {
  const value = row[column];
  if (typeof value !== "number") throw new TypeError(`column ${column} holds ${typeof value}, not a number`);
  return value;
};

export const nullableText = (row: Row, column: string): string | null =>
  row[column] === null ? null : text(row, column);
