import { randomUUID } from "node:crypto";
import { type Clock, systemClock } from "../core/clock.ts";
import { LeewardError } from "../core/errors.ts";
import { ExtentSet } from "../core/extent.ts";
import { BLOCK, type Bytes, type Micros, bytes } from "../core/units.ts";
import { encodeDocument } from "./document.ts";
import { byBytes, checkName, escapeKey } from "./name.ts";
import { checkAligned, checkPageBlobSize, checkWithin, checkWriteLength } from "./page.ts";
import {
  type ETag,
  type Fence,
  type ObjectInfo,
  type ObjectStore,
  type PageRange,
  type PageSnapshot,
  type PageStore,
  type PutCondition,
  type RecordStore,
  type SnapshotId,
  type StoredObject,
  type StoredRecord,
  etagOf,
  fenceOf,
  snapshotId,
} from "./store.ts";

/** @throws ObjectExists, ObjectChanged when what is there does not meet the condition. */
function checkCondition(name: string, found: ETag | undefined, condition: PutCondition): void {
  if (condition === "any") return;
  if (condition === "absent") {
    if (found !== undefined) throw new LeewardError("ObjectExists", `${name} exists`);
  } else if (found !== condition.unchangedSince) {
    throw new LeewardError("ObjectChanged", `${name} was changed by someone else`);
  }
}

/** Objects in memory, for tests and simulation. */
export class MemoryObjectStore implements ObjectStore {
  readonly #objects = new Map<string, { body: Buffer; etag: ETag }>();

  async get(name: string): Promise<StoredObject | undefined> {
    checkName(name);
    const found = this.#objects.get(name);
    if (!found) return undefined;
    return { name, size: bytes(found.body.length), etag: found.etag, body: Buffer.from(found.body) };
  }

  async put(name: string, body: Uint8Array, condition: PutCondition): Promise<ETag> {
    checkName(name);
    checkCondition(name, this.#objects.get(name)?.etag, condition);
    const etag = etagOf(randomUUID());
    this.#objects.set(name, { body: Buffer.from(body), etag });
    return etag;
  }

  async *list(prefix: string): AsyncGenerator<ObjectInfo> {
    const names: string[] = [];
    for (const name of this.#objects.keys()) if (name.startsWith(prefix)) names.push(name);
    for (const name of names.sort()) {
      const found = this.#objects.get(name);
      if (found) yield { name, size: bytes(found.body.length), etag: found.etag };
    }
  }

  async delete(names: readonly string[]): Promise<void> {
    names.forEach(checkName);
    for (const name of names) this.#objects.delete(name);
  }

  async ensureContainer(): Promise<void> {
    // exists from the start
  }
}

/** What a page blob or one of its snapshots holds. Blocks are replaced, never changed, so that a snapshot shares them. */
interface Pages {
  readonly size: Bytes;
  readonly blocks: Map<number, Buffer>;
  readonly written: ExtentSet;
}

interface Snapshot extends Pages {
  readonly taken: Micros;
}

interface PageBlob extends Pages {
  readonly snapshots: Map<SnapshotId, Snapshot>;
  readonly isCopy: boolean;
  fence: Fence | undefined;
}

const copyOf = ({ size, blocks, written }: Pages): Pages => ({
  size,
  blocks: new Map(blocks),
  written: ExtentSet.of(written),
});

const ZEROES = Buffer.alloc(BLOCK);

/** Page blobs in memory, for tests and simulation; memory follows what was written, in blocks of 64 KiB. */
export class MemoryPageStore implements PageStore {
  readonly #blobs = new Map<string, PageBlob>();
  readonly #clock: Clock;

  /** @param clock of the storage */
  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  async create(name: string, size: Bytes): Promise<void> {
    checkName(name);
    checkPageBlobSize(size);
    const found = this.#blobs.get(name);
    if (found && (found.size !== size || found.isCopy))
      throw new LeewardError("ObjectExists", `${name} exists with ${found.size} bytes, not ${size}`);
    if (found) return;
    const empty = { size, blocks: new Map<number, Buffer>(), written: new ExtentSet() };
    this.#blobs.set(name, { ...empty, snapshots: new Map(), isCopy: false, fence: undefined });
  }

  async takeFence(name: string): Promise<Fence> {
    const blob = this.#blob(name);
    if (blob.isCopy) throw new LeewardError("StateNotAllowed", `${name} is a copy and is never written`);
    blob.fence = fenceOf(randomUUID());
    return blob.fence;
  }

  async releaseFence(name: string, fence: Fence): Promise<void> {
    checkName(name);
    const blob = this.#blobs.get(name);
    if (blob?.fence === fence) blob.fence = undefined;
  }

  async write(name: string, fence: Fence, offset: Bytes, data: Uint8Array): Promise<void> {
    checkWriteLength(data.length);
    const blob = this.#fenced(name, fence, offset, data.length);
    const source = Buffer.from(data.buffer, data.byteOffset, data.length);
    eachBlock(offset, data.length, (index, start, from, length) => {
      const block = Buffer.from(blob.blocks.get(index) ?? ZEROES);
      source.copy(block, start, from, from + length);
      blob.blocks.set(index, block);
    });
    blob.written.add(offset, offset + data.length);
  }

  async clear(name: string, fence: Fence, offset: Bytes, length: Bytes): Promise<void> {
    const blob = this.#fenced(name, fence, offset, length);
    eachBlock(offset, length, (index, start, _from, count) => {
      const found = blob.blocks.get(index);
      if (count === BLOCK) blob.blocks.delete(index);
      else if (found) blob.blocks.set(index, Buffer.from(found).fill(0, start, start + count));
    });
    blob.written.subtract(offset, offset + length);
  }

  async read(name: string, offset: Bytes, length: Bytes, at?: SnapshotId): Promise<Buffer> {
    checkAligned(offset, length);
    const pages = this.#pages(name, at);
    checkWithin(pages.size, offset, length);
    const data = Buffer.alloc(length);
    eachBlock(offset, length, (index, start, from, count) => {
      pages.blocks.get(index)?.copy(data, from, start, start + count);
    });
    return data;
  }

  async ranges(name: string, at?: SnapshotId): Promise<PageRange[]> {
    const { written } = this.#pages(name, at);
    return [...written].map(({ start, end }) => ({ offset: bytes(start), length: bytes(end - start) }));
  }

  async snapshot(name: string, fence: Fence): Promise<SnapshotId> {
    const blob = this.#blob(name);
    if (blob.fence !== fence) throw fenceLost(name);
    const id = snapshotId(randomUUID());
    blob.snapshots.set(id, { ...copyOf(blob), taken: this.#clock.now() });
    return id;
  }

  async snapshots(name: string): Promise<PageSnapshot[]> {
    checkName(name);
    const found = this.#blobs.get(name)?.snapshots ?? [];
    return [...found].map(([id, { taken }]) => ({ id, taken }));
  }

  async deleteSnapshot(name: string, at: SnapshotId): Promise<void> {
    checkName(name);
    this.#blobs.get(name)?.snapshots.delete(at);
  }

  async promote(name: string, at: SnapshotId, copy: string): Promise<string> {
    checkName(copy);
    const pages = this.#pages(name, at);
    if (this.#blobs.get(copy)?.isCopy === false)
      throw new LeewardError("ObjectExists", `${copy} is a blob of its own`);
    this.#blobs.set(copy, { ...copyOf(pages), snapshots: new Map(), isCopy: true, fence: undefined });
    return `memory:///${copy}`;
  }

  async delete(name: string): Promise<void> {
    checkName(name);
    this.#blobs.delete(name);
  }

  async ensureContainer(): Promise<void> {
    // exists from the start
  }

  #blob(name: string): PageBlob {
    checkName(name);
    const blob = this.#blobs.get(name);
    if (!blob) throw new LeewardError("NotFound", `there is no page blob ${name}`);
    return blob;
  }

  #pages(name: string, at: SnapshotId | undefined): Pages {
    const blob = this.#blob(name);
    const pages = at === undefined ? blob : blob.snapshots.get(at);
    if (!pages) throw new LeewardError("NotFound", `there is no snapshot ${at} of ${name}`);
    return pages;
  }

  #fenced(name: string, fence: Fence, offset: number, length: number): PageBlob {
    checkAligned(offset, length);
    const blob = this.#blob(name);
    checkWithin(blob.size, offset, length);
    if (blob.fence !== fence) throw fenceLost(name);
    return blob;
  }
}

const fenceLost = (name: string) =>
  new LeewardError("FenceLost", `another process took the right to write to ${name}`);

/** Calls for each block that the range touches: its index, where in it, where in the range, and how many bytes. */
function eachBlock(
  offset: number,
  length: number,
  visit: (index: number, start: number, from: number, count: number) => void,
): void {
  for (let from = 0; from < length;) {
    const start = (offset + from) % BLOCK;
    const count = Math.min(BLOCK - start, length - from);
    visit((offset + from - start) / BLOCK, start, from, count);
    from += count;
  }
}

/** Records in memory, for tests and simulation. What they hold is frozen, since every reader gets the same. */
export class MemoryRecordStore implements RecordStore {
  readonly #kinds = new Map<string, Map<string, { value: unknown; etag: ETag }>>();

  async get(kind: string, key: string): Promise<StoredRecord | undefined> {
    const found = this.#kind(kind, key).get(key);
    return found && { key, ...found };
  }

  async put(kind: string, key: string, value: unknown, condition: PutCondition): Promise<ETag> {
    const records = this.#kind(kind, key);
    const text = encodeDocument(value);
    checkCondition(`${kind} ${key}`, records.get(key)?.etag, condition);
    const etag = etagOf(randomUUID());
    records.set(key, { value: JSON.parse(text, (_, part: unknown) => Object.freeze(part)), etag });
    return etag;
  }

  async *list(kind: string): AsyncGenerator<StoredRecord> {
    escapeKey(kind);
    const records = [...(this.#kinds.get(kind) ?? [])].sort(([a], [b]) => byBytes(a, b));
    for (const [key, found] of records) yield { key, ...found };
  }

  async page(kind: string, limit: number, after?: string): Promise<StoredRecord[]> {
    escapeKey(kind);
    const written = [...(this.#kinds.get(kind) ?? [])].map(
      ([key, found]) => [escapeKey(key), { key, ...found }] as const,
    );
    const behind = after === undefined ? "" : escapeKey(after);
    return written
      .filter(([key]) => key > behind)
      .sort(([a], [b]) => byBytes(a, b))
      .slice(0, limit)
      .map(([, record]) => record);
  }

  async delete(kind: string, key: string, unchangedSince?: ETag): Promise<void> {
    const records = this.#kind(kind, key);
    const found = records.get(key);
    if (found && unchangedSince !== undefined)
      checkCondition(`${kind} ${key}`, found.etag, { unchangedSince });
    records.delete(key);
  }

  async ensureTable(): Promise<void> {
    // exists from the start
  }

  /** Of all records that there ever were. */
  kinds(): string[] {
    return [...this.#kinds.keys()];
  }

  #kind(kind: string, key: string) {
    escapeKey(kind);
    escapeKey(key);
    const found = this.#kinds.get(kind) ?? new Map<string, { value: unknown; etag: ETag }>();
    this.#kinds.set(kind, found);
    return found;
  }
}
