import { createHash } from "node:crypto";
import { z } from "zod";
import { type Clock, systemClock } from "../../engine/core/clock.ts";
import { type Digest, digestOf } from "../../engine/core/digest.ts";
import { type Micros, micros } from "../../engine/core/units.ts";
import { archivedDocument } from "./archive.ts";
import type { BlockDevice } from "./block-device.ts";
import { Sqlite, type SqlValue } from "./sqlite.ts";
import { DiskVfs } from "./sqlite-vfs.ts";
import { Tape } from "./tape.ts";

/** What a customer asks for. The amount is in cents. */
export const orderRequest = z.strictObject({
  customer: z.string().min(1).max(100),
  item: z.string().min(1).max(200),
  amount: z.number().int().min(1).max(1_000_000_000),
});
export type OrderRequest = z.infer<typeof orderRequest>;

export interface PlacedOrder {
  readonly id: number;
  readonly placedAt: Micros;
}

export interface Order extends OrderRequest, PlacedOrder {
  readonly body: string;
}

export interface Integrity {
  /** True when SQLite finds nothing wrong. */
  readonly ok: boolean;
  /** SQLite's own words: "ok", or up to a hundred complaints. */
  readonly report: readonly string[];
  readonly orders: number;
  readonly first: number | undefined;
  readonly last: number | undefined;
  readonly documents: number;
  /** Whether everything is in the database itself, as after a freeze. */
  readonly logEmpty: boolean;
  /** The last order on the tape, of a machine that has one. */
  readonly taped: number | undefined;
  /** SHA-256 over the orders in the order of their ids, each as a line of JSON. */
  readonly digest: Digest;
}

/** A document that is scanned in: which one, decides all its bytes. */
export const documentRequest = z.strictObject({
  seed: z.number().int().min(0).max(0xffff_ffff),
  number: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
});
type DocumentRequest = z.infer<typeof documentRequest>;

export interface FiledDocument {
  readonly bytes: number;
}

/** The disks of a machine by what lies on them. */
export interface LedgerDevices {
  readonly database: BlockDevice;
  /** Where the database's disk was formatted for it. */
  readonly log?: BlockDevice | undefined;
  readonly tape?: BlockDevice | undefined;
}

interface Parts {
  readonly sqlite: Sqlite;
  readonly vfs: DiskVfs;
  readonly clock: Clock;
  readonly tape: Tape | undefined;
  readonly wasEmpty: boolean;
}

interface Waiting {
  readonly request: OrderRequest;
  readonly resolve: (placed: PlacedOrder) => void;
  readonly reject: (error: unknown) => void;
}

interface Filing {
  readonly document: Buffer;
  readonly resolve: (filed: FiledDocument) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Exclusive first: the write-ahead log then needs no shared memory, which a raw disk does not have. The log is carried
 * over at 1 MiB, so it fits its region on the smallest disk.
 */
const PRAGMAS = [
  "locking_mode=EXCLUSIVE",
  "journal_mode=WAL",
  "synchronous=FULL",
  "wal_autocheckpoint=256",
  "temp_store=MEMORY",
  "cache_size=-16384",
];
const PAGE = 1000;
/** Orders in one transaction at the most. */
const GROUP = 64;
const COLUMNS = "id, customer, item, amount, placed_at, body";
const row = z.tuple([z.number(), z.string(), z.string(), z.number(), z.number(), z.string()]);
const summary = z.tuple([z.number(), z.number().nullable(), z.number().nullable(), z.number().nullable()]);

/** The application on the simulated machine: takes orders and keeps them on its disk. */
export class Ledger {
  readonly #sqlite: Sqlite;
  readonly #vfs: DiskVfs;
  readonly #clock: Clock;
  readonly #tape: Tape | undefined;
  /** Whether SQLite found everything in the database when it was opened. */
  readonly #wasEmpty: boolean;
  #frozen = false;
  #waiting: Waiting[] = [];
  #filing: Filing[] = [];
  #committing: Promise<void> | undefined;
  #orders: number;
  #newest: PlacedOrder;

  /**
   * Opens the ledger on a formatted disk, with whatever recovery SQLite's log asks for.
   * @throws DiskUnreadable when the disk holds no ledger or it cannot be read.
   */
  static async open(devices: LedgerDevices, clock = systemClock): Promise<Ledger> {
    const vfs = await DiskVfs.mount("disk", devices.database, devices.log);
    const wasEmpty = !vfs.hasLog;
    const sqlite = await Sqlite.open(vfs);
    for (const pragma of PRAGMAS) await sqlite.run(`PRAGMA ${pragma}`);
    const rows = await sqlite.run("SELECT count(*), min(id), max(id), max(placed_at) FROM orders");
    const [orders, , id, placedAt] = summary.parse(rows[0]);
    const newest = { id: id ?? 0, placedAt: micros(placedAt ?? 0) };
    const tape = devices.tape && (await Tape.open(devices.tape));
    return new Ledger({ sqlite, vfs, clock, tape, wasEmpty }, orders, newest);
  }

  private constructor(parts: Parts, orders: number, newest: PlacedOrder) {
    this.#sqlite = parts.sqlite;
    this.#vfs = parts.vfs;
    this.#clock = parts.clock;
    this.#tape = parts.tape;
    this.#wasEmpty = parts.wasEmpty;
    this.#orders = orders;
    this.#newest = newest;
  }

  /** Known without touching the disk, so it answers while the disk stalls. */
  get figures() {
    return { orders: this.#orders, newest: this.#newest, databaseBytes: this.#vfs.databaseBytes };
  }

  /** Resolves once the order is durable. Ids are dense from 1; a larger id never has an earlier `placedAt`. */
  place(request: OrderRequest): Promise<PlacedOrder> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      if (!this.#committing && !this.#frozen) this.#startCommits();
    });
  }

  /** Resolves once the document is durable in the archive, where there is no end of room for them but the disk's. */
  file({ seed, number }: DocumentRequest): Promise<FiledDocument> {
    return new Promise((resolve, reject) => {
      this.#filing.push({ document: archivedDocument(seed, number), resolve, reject });
      if (!this.#committing && !this.#frozen) this.#startCommits();
    });
  }

  /** Orders with an id above `after`, ascending. */
  async list(after: number, limit: number): Promise<Order[]> {
    const sql = `SELECT ${COLUMNS} FROM orders WHERE id > ? ORDER BY id LIMIT ?`;
    return (await this.#sqlite.run(sql, [after, limit])).map(toOrder);
  }

  /** Reads the whole database: seconds for hundreds of MiB, during which no order is taken. */
  async integrity(): Promise<Integrity> {
    const report = (await this.#sqlite.run("PRAGMA integrity_check")).map(([line]) => String(line));
    const sql = "SELECT count(*), min(id), max(id), (SELECT count(*) FROM archive) FROM orders";
    const [orders, first, last, documents] = summary.parse((await this.#sqlite.run(sql))[0]);
    return {
      ok: report.length === 1 && report[0] === "ok",
      report,
      orders,
      first: first ?? undefined,
      last: last ?? undefined,
      documents: documents ?? 0,
      logEmpty: this.#wasEmpty,
      taped: this.#tape?.last,
      digest: await this.#digest(last ?? 0),
    };
  }

  /** Orders wait from now on, and everything is in the database, durable. May be called again. */
  async freeze(): Promise<void> {
    this.#frozen = true;
    await this.#committing;
    await this.#sqlite.run("PRAGMA wal_checkpoint(TRUNCATE)");
  }

  /** Orders are taken again; nothing happens when they were. */
  thaw(): void {
    this.#frozen = false;
    if (!this.#committing) this.#startCommits();
  }

  async close(): Promise<void> {
    await this.#sqlite.close();
  }

  /** As databases do it: orders that come in during a commit share the next one. */
  #startCommits(): void {
    this.#committing = this.#commitWaiting().then(() => {
      this.#committing = undefined;
      if (this.#isWork) this.#startCommits();
    });
  }

  get #isWork(): boolean {
    return !this.#frozen && (this.#waiting.length > 0 || this.#filing.length > 0);
  }

  /** Documents one by one, between groups of orders: none of them is to wait for long. */
  async #commitWaiting(): Promise<void> {
    while (this.#isWork) {
      await this.#commitOrders(this.#waiting.splice(0, GROUP));
      const next = this.#filing.shift();
      if (next) await this.#commitDocument(next);
    }
  }

  async #commitOrders(group: readonly Waiting[]): Promise<void> {
    if (group.length === 0) return;
    try {
      const placed = await this.#insert(group.map(({ request }) => request));
      group.forEach(({ resolve }, index) => resolve(placed[index] ?? this.#newest));
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }

  async #commitDocument({ document, resolve, reject }: Filing): Promise<void> {
    try {
      await this.#sqlite.run("INSERT INTO archive(document) VALUES (?)", [document]);
      resolve({ bytes: document.length });
    } catch (error) {
      reject(error);
    }
  }

  async #insert(requests: readonly OrderRequest[]): Promise<PlacedOrder[]> {
    const placedAt = micros(Math.max(this.#newest.placedAt, this.#clock.now()));
    const placed = requests.map((_, index) => ({ id: this.#newest.id + 1 + index, placedAt }));
    await this.#sqlite.transaction(async (run) => {
      for (const [index, { customer, item, amount }] of requests.entries()) {
        const id = this.#newest.id + 1 + index;
        const body = receipt(id, { customer, item, amount }, placedAt);
        await run(`INSERT INTO orders(${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)`, [
          id,
          customer,
          item,
          amount,
          BigInt(placedAt),
          body,
        ]);
      }
    });
    this.#orders += requests.length;
    this.#newest = placed.at(-1) ?? this.#newest;
    // After the commit and before anybody hears of it: the tape is never ahead of the database.
    await this.#tape?.note(this.#newest.id);
    return placed;
  }

  async #digest(last: number): Promise<Digest> {
    const running = createHash("sha256");
    for (let after = 0; after < last; after += PAGE)
      for (const order of await this.list(after, PAGE))
        if (order.id <= after + PAGE) running.update(`${JSON.stringify(order)}\n`);
    return digestOf(running.digest("hex"));
  }
}

function toOrder(values: SqlValue[]): Order {
  const [id, customer, item, amount, placedAt, body] = row.parse(values);
  return { id, customer, item, amount, placedAt: micros(placedAt), body };
}

const receipt = (id: number, { customer, item, amount }: OrderRequest, placedAt: Micros): string =>
  `Receipt ${id}\nSold to ${customer}\n${item}: ${(amount / 100).toFixed(2)}\nPlaced at ${placedAt} us.\n` +
  "Thank you for your order. Goods remain ours until they are paid for.\n";
