import { randomUUID } from "node:crypto";
import { type TableClient, type TableEntityResult, odata } from "@azure/data-tables";
import { LeewardError, hasCode } from "../core/errors.ts";
import { PATIENT, type Patience, attempt } from "./attempt.ts";
import { unlessMissing } from "./azure-failure.ts";
import { pagesOf } from "./azure-listing.ts";
import { PIECES, chunksOf, encodeDocument } from "./document.ts";
import { byBytes, escapeKey, unescapeKey } from "./name.ts";
import { type ETag, type PutCondition, type RecordStore, type StoredRecord, etagOf } from "./store.ts";

/** How many records one answer holds; Azure's limit is 1,000 and 4 MiB. */
const LIST_PAGE = 1000;

interface Row {
  /** An id of the put that wrote the record, see `azure-object.ts`. */
  put?: string;
  /** The document in pieces. */
  [piece: `document${number}`]: string;
}

interface Entity extends Row {
  partitionKey: string;
  rowKey: string;
}

/** One table, in Azure or Azurite. */
export class AzureRecordStore implements RecordStore {
  readonly #table: TableClient;
  readonly #patience: Patience;

  constructor(table: TableClient, patience: Patience = PATIENT) {
    this.#table = table;
    this.#patience = patience;
  }

  async get(kind: string, key: string): Promise<StoredRecord | undefined> {
    const found = await this.#row(kind, key);
    return found && recordOf(key, found);
  }

  async put(kind: string, key: string, value: unknown, condition: PutCondition): Promise<ETag> {
    const id = randomUUID();
    const pieces = chunksOf(encodeDocument(value)).map((piece, n) => [`document${n}`, piece] as const);
    const entity = { ...keysOf(kind, key), put: id, ...Object.fromEntries(pieces) };
    try {
      return await this.#store(`storing ${kind} ${key}`, entity, condition);
    } catch (error) {
      const broken = ["ObjectExists", "ObjectChanged", "NotFound"] as const;
      if (condition === "any" || !broken.some((code) => hasCode(error, code))) throw error;
      const found = await this.#row(kind, key);
      if (found?.put === id) return etagOf(found.etag);
      throw condition === "absent"
        ? new LeewardError("ObjectExists", `${kind} ${key} exists`)
        : new LeewardError("ObjectChanged", `${kind} ${key} was changed by someone else`);
    }
  }

  /** A kind is read whole before it is yielded, because escaped keys sort otherwise than keys. */
  async *list(kind: string): AsyncGenerator<StoredRecord> {
    const filter = odata`PartitionKey eq ${escapeKey(kind)}`;
    const records: StoredRecord[] = [];
    const pages = pagesOf(`listing ${kind}`, this.#patience, LIST_PAGE, (abortSignal) =>
      this.#table.listEntities<Row>({ abortSignal, queryOptions: { filter } }),
    );
    for await (const page of pages)
      for (const row of page) records.push(recordOf(unescapeKey(row.rowKey ?? ""), row));
    yield* records.sort((a, b) => byBytes(a.key, b.key));
  }

  async page(kind: string, limit: number, after?: string): Promise<StoredRecord[]> {
    const inKind = odata`PartitionKey eq ${escapeKey(kind)}`;
    const filter = after === undefined ? inKind : `${inKind} and ${odata`RowKey gt ${escapeKey(after)}`}`;
    const records: StoredRecord[] = [];
    // A page may be shorter than was asked for, and more may follow.
    const pages = pagesOf(`a page of ${kind}`, this.#patience, limit, (abortSignal) =>
      this.#table.listEntities<Row>({ abortSignal, queryOptions: { filter } }),
    );
    for await (const page of pages) {
      for (const row of page) records.push(recordOf(unescapeKey(row.rowKey ?? ""), row));
      if (records.length >= limit) break;
    }
    return records.slice(0, limit);
  }

  async delete(kind: string, key: string, unchangedSince?: ETag): Promise<void> {
    const { partitionKey, rowKey } = keysOf(kind, key);
    // The client's own default is any.
    const condition = unchangedSince === undefined ? {} : { etag: unchangedSince };
    await attempt(`deleting ${kind} ${key}`, this.#patience, (abortSignal) =>
      unlessMissing(() => this.#table.deleteEntity(partitionKey, rowKey, { abortSignal, ...condition })),
    );
  }

  async ensureTable(): Promise<void> {
    await attempt(`creating table ${this.#table.tableName}`, this.#patience, (abortSignal) =>
      this.#table.createTable({ abortSignal }),
    );
  }

  #row(kind: string, key: string): Promise<TableEntityResult<Row> | undefined> {
    const { partitionKey, rowKey } = keysOf(kind, key);
    return attempt(`reading ${kind} ${key}`, this.#patience, (abortSignal) =>
      unlessMissing(() => this.#table.getEntity<Row>(partitionKey, rowKey, { abortSignal })),
    );
  }

  async #store(what: string, entity: Entity, condition: PutCondition): Promise<ETag> {
    const { etag } = await attempt(what, this.#patience, (abortSignal) => {
      if (condition === "absent") return this.#table.createEntity(entity, { abortSignal });
      if (condition === "any") return this.#table.upsertEntity(entity, "Replace", { abortSignal });
      return this.#table.updateEntity(entity, "Replace", { abortSignal, etag: condition.unchangedSince });
    });
    return etagOf(etag ?? "");
  }
}

const keysOf = (kind: string, key: string) => ({ partitionKey: escapeKey(kind), rowKey: escapeKey(key) });

const recordOf = (key: string, row: TableEntityResult<Row>): StoredRecord => ({
  key,
  value: JSON.parse(Array.from({ length: PIECES }, (_, n) => row[`document${n}`] ?? "").join("")),
  etag: etagOf(row.etag),
});
