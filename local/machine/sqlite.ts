import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Factory, SQLITE_OPEN_CREATE, SQLITE_OPEN_READWRITE, SQLITE_ROW } from "wa-sqlite";
import createModule from "wa-sqlite/dist/wa-sqlite-async.mjs";
import { LeewardError, messageOf } from "../../engine/core/errors.ts";
import { DATABASE_NAME, type DiskVfs } from "./sqlite-vfs.ts";

export type SqlValue = number | string | Uint8Array | number[] | bigint | null;

/** Runs one statement inside a transaction. */
export type Run = (sql: string, values: readonly SqlValue[]) => Promise<SqlValue[][]>;

/** One SQLite with one database on one disk. Calls are carried out one after the other. */
export class Sqlite {
  readonly #api: SQLiteAPI;
  readonly #database: number;
  readonly #vfs: DiskVfs;
  readonly #statements = new Map<string, number>();
  #turn: Promise<unknown> = Promise.resolve();

  /** @throws DiskUnreadable when SQLite cannot open what is on the disk. */
  static async open(vfs: DiskVfs): Promise<Sqlite> {
    const api = Factory(await createModule({ instantiateWasm }));
    api.vfs_register(vfs, false);
    try {
      const flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
      return new Sqlite(api, await api.open_v2(DATABASE_NAME, flags, vfs.name), vfs);
    } catch (cause) {
      throw failed("open the database", cause, vfs);
    }
  }

  private constructor(api: SQLiteAPI, database: number, vfs: DiskVfs) {
    this.#api = api;
    this.#database = database;
    this.#vfs = vfs;
  }

  /** Runs one statement and returns its rows. @throws DiskUnreadable with SQLite's message and the disk's. */
  run(sql: string, values: readonly SqlValue[] = []): Promise<SqlValue[][]> {
    return this.#inTurn(() => this.#run(sql, values));
  }

  /** Runs the work in one transaction, with nothing in between, and commits; rolls back when it throws. */
  transaction<T>(work: (run: Run) => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      await this.#run("BEGIN IMMEDIATE", []);
      try {
        const result = await work((sql, values) => this.#run(sql, values));
        await this.#run("COMMIT", []);
        return result;
      } catch (error) {
        await this.#run("ROLLBACK", []).catch(() => undefined); // the first error says more
        throw error;
      }
    });
  }

  close(): Promise<void> {
    return this.#inTurn(async () => {
      for (const statement of this.#statements.values()) await this.#api.finalize(statement);
      this.#statements.clear();
      await this.#api.close(this.#database);
    });
  }

  async #run(sql: string, values: readonly SqlValue[]): Promise<SqlValue[][]> {
    try {
      const statement = this.#statements.get(sql) ?? (await this.#prepare(sql));
      try {
        values.forEach((value, index) => void this.#api.bind(statement, index + 1, value));
        const rows: SqlValue[][] = [];
        while ((await this.#api.step(statement)) === SQLITE_ROW) rows.push(this.#api.row(statement));
        return rows;
      } finally {
        await this.#api.reset(statement);
      }
    } catch (cause) {
      throw failed(sql, cause, this.#vfs);
    }
  }

  async #prepare(sql: string): Promise<number> {
    const text = this.#api.str_new(this.#database, sql);
    try {
      const prepared = await this.#api.prepare_v2(this.#database, this.#api.str_value(text));
      if (!prepared) throw new RangeError("no statement");
      this.#statements.set(sql, prepared.stmt);
      return prepared.stmt;
    } finally {
      this.#api.str_finish(text);
    }
  }

  /** The WebAssembly can be suspended once at a time. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

function failed(what: string, cause: unknown, vfs: DiskVfs): LeewardError {
  const disk = vfs.failure === undefined ? "" : ` (${messageOf(vfs.failure)})`;
  return new LeewardError("DiskUnreadable", `SQLite: ${messageOf(cause)}${disk}, at: ${what}`, cause);
}

/** wa-sqlite would look for its WebAssembly by `fetch`, which takes no files, and compile it anew for each database. */
function instantiateWasm(imports: object, take: (instance: WebAssembly.Instance) => void): object {
  compiled ??= new WebAssembly.Module(readFileSync(require.resolve("wa-sqlite/dist/wa-sqlite-async.wasm")));
  const instance = new WebAssembly.Instance(compiled, imports);
  queueMicrotask(() => take(instance));
  return {}; // its exports follow
}

const require = createRequire(import.meta.url);
let compiled: WebAssembly.Module | undefined;
