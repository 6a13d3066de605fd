import type { Bytes, Micros } from "../core/units.ts";

/**
 * The narrow waist between Leeward and Azure Storage. `azure-*.ts` are the real ones, `memory.ts` the fast ones,
 * `directory.ts` holds objects that were downloaded; one suite (`test/contract/*-store.ts`) holds all to every promise
 * written here.
 *
 * All methods throw `LeewardError`: `StorageUnavailable` (after the client's own retries), `StorageDenied`,
 * `StorageRefused`, `NotFound` when the container or table is missing, and the codes named at each method. Names are
 * relative to the store's container; a name or key outside the rules of `name.ts` is a RangeError before anything is sent.
 */

declare const etag: unique symbol;
export type ETag = string & { readonly [etag]: true };
export const etagOf = (text: string): ETag => text as ETag;

export interface ObjectInfo {
  readonly name: string;
  readonly size: Bytes;
  readonly etag: ETag;
}

export interface StoredObject extends ObjectInfo {
  readonly body: Buffer;
  /** What the storage says of the body, if it says so. */
  readonly md5?: Uint8Array | undefined;
}

/** Whether `get` compares the body with the storage's own checksum, which costs twice as much as a SHA-256. */
export type GetCheck = "checked" | "unchecked";

/** When a put may happen: only if nothing is there, only if unchanged since this ETag, or whatever is there. */
export type PutCondition = "absent" | "any" | { readonly unchangedSince: ETag };

/** Immutable blobs of up to a few tens of MiB: segments, manifests, small documents. */
export interface ObjectStore {
  /**
   * The whole object, or undefined when there is none.
   * @param check `unchecked` for content that carries a digest of its own, which the caller checks
   */
  get(name: string, check?: GetCheck): Promise<StoredObject | undefined>;
  /**
   * Stores in one atomic request; the storage checks the content on arrival.
   * @param md5 of the body, when it is known; it is computed otherwise
   * @throws ObjectExists for "absent" when the name is taken; ObjectChanged when the ETag no longer fits.
   */
  put(name: string, body: Uint8Array, condition: PutCondition, md5?: Uint8Array): Promise<ETag>;
  /** All objects whose name starts with the prefix, in ascending byte order of names. */
  list(prefix: string): AsyncIterable<ObjectInfo>;
  /** Deletes; nothing happens to names that do not exist. May run twice. */
  delete(names: readonly string[]): Promise<void>;
  /** Creates the container if there is none. */
  ensureContainer(): Promise<void>;
}

declare const snapshot: unique symbol;
/** Names one snapshot of one page blob, as the storage issued it. */
export type SnapshotId = string & { readonly [snapshot]: true };
export const snapshotId = (text: string): SnapshotId => text as SnapshotId;

declare const fence: unique symbol;
/** The right to write to one page blob, held by one process at a time. */
export type Fence = string & { readonly [fence]: true };
export const fenceOf = (text: string): Fence => text as Fence;

export interface PageSnapshot {
  readonly id: SnapshotId;
  /** When it was taken, by the storage's clock. */
  readonly taken: Micros;
}

export interface PageRange {
  readonly offset: Bytes;
  readonly length: Bytes;
}

/** Azure's limit for one page write. */
export const MAX_PAGE_WRITE = 4 * 1024 * 1024;

/** Sparse page blobs: the replica's disks. Offsets and lengths are multiples of 512; never-written bytes read as zero. */
export interface PageStore {
  /**
   * Creates an all-zero page blob; nothing happens when one of this size exists.
   * @throws ObjectExists if of another size, RangeError when the size is 0, not aligned or over Azure's 8 TiB.
   */
  create(name: string, size: Bytes): Promise<void>;
  /**
   * Takes the right to write from whoever holds it; the former holder's later writes throw FenceLost.
   * Implemented by an infinite lease that is broken and taken anew.
   * @throws NotFound when there is no such blob, StateNotAllowed for a copy that `promote` made.
   */
  takeFence(name: string): Promise<Fence>;
  /** Nothing happens when the fence was lost or the blob is gone. */
  releaseFence(name: string, fence: Fence): Promise<void>;
  /** Writes at most MAX_PAGE_WRITE bytes. @throws FenceLost, RangeError when not aligned or out of bounds. */
  write(name: string, fence: Fence, offset: Bytes, data: Uint8Array): Promise<void>;
  /** Makes the range read as zero and frees its storage. @throws FenceLost, RangeError. */
  clear(name: string, fence: Fence, offset: Bytes, length: Bytes): Promise<void>;
  /** @throws NotFound when there is no such blob or snapshot, RangeError when not aligned or out of bounds. */
  read(name: string, offset: Bytes, length: Bytes, at?: SnapshotId): Promise<Buffer>;
  /**
   * Ranges that may hold data, ascending, merged where they touch; everything outside reads as zero.
   * @throws NotFound when there is no such blob or snapshot.
   */
  ranges(name: string, at?: SnapshotId): Promise<PageRange[]>;
  /** @throws FenceLost when another process took the right to write. */
  snapshot(name: string, fence: Fence): Promise<SnapshotId>;
  /** Every snapshot of the blob, oldest first; none when there is no such blob. */
  snapshots(name: string): Promise<PageSnapshot[]>;
  /** Nothing happens when it is gone already. */
  deleteSnapshot(name: string, at: SnapshotId): Promise<void>;
  /**
   * Makes `copy` a blob with the content of the snapshot, server side, replacing an earlier copy; returns its URL.
   * A copy is never written: Azurite shares its pages with the snapshot (`docs/box.md`).
   * @throws NotFound when there is no such snapshot; ObjectExists when `copy` is a blob that `promote` did not make.
   */
  promote(name: string, at: SnapshotId, copy: string): Promise<string>;
  /** Deletes the blob with its snapshots; nothing happens when there is none. */
  delete(name: string): Promise<void>;
  /** Creates the container if there is none. */
  ensureContainer(): Promise<void>;
}

export interface StoredRecord {
  readonly key: string;
  readonly value: unknown;
  readonly etag: ETag;
}

/**
 * Small JSON documents in Table storage: kind is the partition, key the row. A document takes at most 60,000 bytes as
 * JSON in ASCII, where any other character counts 6 or 12. Readers parse the value with their own schema.
 */
export interface RecordStore {
  get(kind: string, key: string): Promise<StoredRecord | undefined>;
  /** @throws ObjectExists, ObjectChanged as for objects; RangeError when the document is too large. */
  put(kind: string, key: string, value: unknown, condition: PutCondition): Promise<ETag>;
  /** Every record of the kind, ascending by the bytes of the key. */
  list(kind: string): AsyncIterable<StoredRecord>;
  /**
   * The first records of the kind, or the first ones behind a key: fewer than `limit` only when there are no more. Ascending by
   * the key as Table storage takes it, which is by its bytes where it is made of `A-Z a-z 0-9 . _ -`. What is not in the page is
   * not read.
   * @param limit from 1 to 1,000
   */
  page(kind: string, limit: number, after?: string): Promise<StoredRecord[]>;
  /** Nothing happens when there is none. @throws ObjectChanged when it was changed since that ETag */
  delete(kind: string, key: string, unchangedSince?: ETag): Promise<void>;
  /** Creates the table if there is none. */
  ensureTable(): Promise<void>;
}
