import { hash } from "node:crypto";
import { join } from "node:path";
import { DIGEST_BYTES } from "../engine/core/digest.ts";
import { BLOCK, type Bytes, type DiskIndex, bytes } from "../engine/core/units.ts";
import { DigestTree, blockCount } from "../engine/journal/digest-tree.ts";
import type { DigestsRecord, DiskRoot } from "../engine/journal/record.ts";
import { Bitmap } from "./bitmap.ts";
import { DigestTable } from "./digest-table.ts";
import type { Disk } from "./disk.ts";
import type { Files } from "./files.ts";
import { KeptBitmap } from "./kept-bitmap.ts";

const fileIn = (directory: string, disk: DiskIndex, kind: "digests" | "changed") =>
  join(directory, `disk${String(disk).padStart(2, "0")}.${kind}`);

/** Looks at what the guest changes in blocks [first, end), from `watch` until `unwatch`. */
export interface Watch {
  readonly first: number;
  readonly end: number;
  readonly touched: Set<number>;
}

/** Of 256 digests each: a quarter of a millisecond. */
const NODES_IN_TURN = 16;

/**
 * Which blocks of one disk changed, and the digests of all of them as they were at the newest barrier. Memory: 12 MiB for
 * each TiB of disk. Disk: 32 bytes for each block that is not zero, and a bit for each block.
 *
 * Two files let a killed process go on: the digests, and which blocks changed since the newest barrier that was *proved*.
 * The second one is saved before a log is closed (`save`) and holds all that closed logs changed; the changes of
 * the open log are found in it. So after a kill those blocks are hashed again, and no others: a digest that an unfinished
 * barrier left in the table is of a block that changed since the last proof.
 */
export class DiskDigests {
  readonly #index: DiskIndex;
  readonly #disk: Disk;
  readonly #table: DigestTable;
  readonly #tree: DigestTree;
  readonly #block = Buffer.allocUnsafe(BLOCK);
  /** Changed since the newest barrier. */
  #dirty: Bitmap;
  /** Changed before the newest barrier and not hashed yet; on the disk they are still as they were at the barrier. */
  #owed: Bitmap;
  /** Changed since the newest barrier that was proved. */
  readonly #unproved: KeptBitmap;
  #found = new Map<number, Buffer>();
  /** Changed since the newest barrier, and their digests are in the table already. */
  #known: Bitmap;
  /** Changed before the newest barrier, with their digests in the table, and no record names them yet. */
  #unnamed: Bitmap;
  readonly #watches = new Set<Watch>();
  #closed = false;

  /**
   * Goes on with the files in the directory.
   * @param fresh nothing of the disk was named yet, and nothing has changed; otherwise files that are missing make all
   *   blocks count as changed
   */
  constructor(s: { files: Files; directory: string; index: DiskIndex; disk: Disk; fresh: boolean }) {
    const { files, disk } = s;
    const table = fileIn(s.directory, s.index, "digests");
    const changed = fileIn(s.directory, s.index, "changed");
    const known = s.fresh || (files.exists(table) && files.exists(changed));
    this.#index = s.index;
    this.#disk = disk;
    this.#table = new DigestTable(files, table, disk.size);
    this.#tree = new DigestTree(disk.size, this.#table);
    const count = blockCount(disk.size);
    this.#unproved = new KeptBitmap(files, changed, count);
    this.#dirty = new Bitmap(count);
    this.#owed = new Bitmap(count);
    this.#known = new Bitmap(count);
    this.#unnamed = new Bitmap(count);
    if (known) this.#dirty.become(this.#unproved.numbers);
    else this.#dirty.fill();
    this.#unproved.become(this.#dirty);
  }

  /** Blocks that the newest barrier still waits for. */
  get owed(): number {
    return this.#owed.count;
  }

  /** Digests that no record holds yet. */
  get found(): number {
    return this.#found.size + this.#unnamed.count;
  }

  /** Call before the bytes on the disk change. Hashes what the newest barrier still needs of them. */
  change(offset: Bytes, length: Bytes): void {
    const end = Math.ceil((offset + length) / BLOCK);
    for (let block = Math.floor(offset / BLOCK); block < end; block++) {
      if (this.#owed.count > 0 && this.#owed.has(block)) this.#hash(block);
      if (this.#watches.size > 0) this.#note(block);
      if (this.#dirty.has(block)) continue;
      this.#dirty.add(block);
      if (this.#known.count > 0) this.#known.remove(block);
      this.#unproved.add(block);
    }
  }

  watch(first: number, end: number): Watch {
    const watch = { first, end, touched: new Set<number>() };
    this.#watches.add(watch);
    return watch;
  }

  unwatch(watch: Watch): void {
    this.#watches.delete(watch);
  }

  /**
   * The digests of blocks from `first` on, as they are now, found on the way of a comparison. Those that changed since the
   * newest barrier are named at the next one without being hashed again; the others are as in the generation's base.
   */
  learn(first: number, digests: Uint8Array): void {
    this.#tree.set(first, digests);
    for (let block = first; block < first + digests.length / DIGEST_BYTES; block++) {
      if (!this.#dirty.has(block)) continue;
      this.#dirty.remove(block);
      this.#known.add(block);
    }
  }

  /** Since the newest barrier, so that it will be hashed for the next. */
  hasChanged(block: number): boolean {
    return this.#dirty.has(block);
  }

  /** Changed since the newest barrier that was proved, and what was marked. A view. */
  get unproved(): Bitmap {
    return this.#unproved.numbers;
  }

  /** It changes, and nobody records it: the journal is broken. */
  mark(offset: Bytes, length: Bytes): void {
    const end = Math.ceil((offset + length) / BLOCK);
    for (let block = Math.floor(offset / BLOCK); block < end; block++) this.#unproved.add(block);
  }

  /** Call before a log is closed. @throws the file system's error */
  save(): void {
    if (!this.#closed) this.#unproved.save();
  }

  /** A barrier: what changed up to now is to be hashed as it is now. @throws RangeError when the last is not done. */
  barrier(): void {
    if (this.#owed.count > 0 || this.#unnamed.count > 0)
      throw new RangeError(`${this.#owed.count} blocks of the last barrier are not hashed`);
    [this.#unnamed, this.#known] = [this.#known, this.#unnamed];
    [this.#owed, this.#dirty] = [this.#dirty, this.#owed];
    this.#dirty.clear();
  }

  /** The newest barrier's proof stands in the journal: call behind that. @throws the file system's error */
  proved(): void {
    this.#unproved.become(this.#dirty);
    for (const block of this.#known) this.#unproved.add(block);
  }

  /** Hashes the next block owed, if any. */
  hashNext(): void {
    const block = this.#owed.first();
    if (block !== undefined) this.#hash(block);
  }

  /** Digests that no record holds, ascending: those hashed since the last call, or so many of those known before. */
  take(most: number): Pick<DigestsRecord, "disk" | "blocks" | "digests"> {
    for (let n = this.#found.size; n < most && this.#unnamed.count > 0; n++) {
      const block = this.#unnamed.first() ?? 0;
      this.#unnamed.remove(block);
      this.#found.set(block, Buffer.from(this.#table.read(block, block + 1)));
    }
    const blocks = Uint32Array.from(this.#found.keys()).toSorted();
    const digests = new Uint8Array(blocks.length * DIGEST_BYTES);
    blocks.forEach((block, n) => digests.set(this.#found.get(block) ?? [], n * DIGEST_BYTES));
    this.#found = new Map();
    return { disk: this.#index, blocks, digests };
  }

  /** Does some of the work of `root`, where a whole disk's takes most of a second. False when nothing is left of it. */
  settle(): boolean {
    return this.#tree.settle(NODES_IN_TURN);
  }

  root(): DiskRoot {
    return { disk: this.#index, size: this.#disk.size, root: this.#tree.root() };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#table.close();
    this.#unproved.close();
  }

  #note(block: number): void {
    for (const { first, end, touched } of this.#watches)
      if (block >= first && block < end) touched.add(block);
  }

  #hash(block: number): void {
    const offset = block * BLOCK;
    const content = this.#block.subarray(0, Math.min(BLOCK, this.#disk.size - offset));
    this.#disk.read(bytes(offset), content);
    const digest = hash("sha256", content, "buffer");
    this.#tree.set(block, digest);
    this.#found.set(block, digest);
    this.#owed.remove(block);
  }
}
