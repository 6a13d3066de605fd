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

/** Of 256 digests each: a quarter of a millisecond. */
const NODES_IN_TURN = 16;

/**
 * Which blocks of one disk changed, and the digests of all of them as they were at the newest barrier. Memory: 8 MiB for
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
    return this.#found.size;
  }

  /** Call before the bytes on the disk change. Hashes what the newest barrier still needs of them. */
  change(offset: Bytes, length: Bytes): void {
    const end = Math.ceil((offset + length) / BLOCK);
    for (let block = Math.floor(offset / BLOCK); block < end; block++) {
      if (this.#owed.count > 0 && this.#owed.has(block)) this.#hash(block);
      if (this.#dirty.has(block)) continue;
      this.#dirty.add(block);
      this.#unproved.add(block);
    }
  }

  /** Call before a log is closed. @throws the file system's error */
  save(): void {
    if (!this.#closed) this.#unproved.save();
  }

  /** A barrier: what changed up to now is to be hashed as it is now. @throws RangeError when the last is not done. */
  barrier(): void {
    if (this.#owed.count > 0)
      throw new RangeError(`${this.#owed.count} blocks of the last barrier are not hashed`);
    [this.#owed, this.#dirty] = [this.#dirty, this.#owed];
    this.#dirty.clear();
  }

  /** The newest barrier's proof stands in the journal: call behind that. @throws the file system's error */
  proved(): void {
    this.#unproved.become(this.#dirty);
  }

  /** Hashes the next block owed, if any. */
  hashNext(): void {
    const block = this.#owed.first();
    if (block !== undefined) this.#hash(block);
  }

  /** The digests found since the last call, ascending. */
  take(): Pick<DigestsRecord, "disk" | "blocks" | "digests"> {
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
