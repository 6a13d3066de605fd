import { hash } from "node:crypto";
import { DIGEST_BYTES } from "../engine/core/digest.ts";
import { BLOCK, type Bytes, type DiskIndex, bytes } from "../engine/core/units.ts";
import { DigestTree, blockCount, zeroDigests } from "../engine/journal/digest-tree.ts";
import type { DigestsRecord, DiskRoot } from "../engine/journal/record.ts";
import { Bitmap } from "./bitmap.ts";
import type { Disk } from "./disk.ts";

/**
 * Which blocks of one disk changed, and the digests of all of them as they were at the newest barrier. 36 bytes of
 * memory for each 64 KiB of disk.
 */
export class DiskDigests {
  readonly #index: DiskIndex;
  readonly #disk: Disk;
  readonly #tree: DigestTree;
  readonly #block = Buffer.allocUnsafe(BLOCK);
  /** Changed since the newest barrier. */
  #dirty: Bitmap;
  /** Changed before the newest barrier and not hashed yet; on the disk they are still as they were at the barrier. */
  #owed: Bitmap;
  #found = new Map<number, Buffer>();

  constructor(index: DiskIndex, disk: Disk) {
    this.#index = index;
    this.#disk = disk;
    this.#tree = new DigestTree(disk.size, zeroDigests(disk.size));
    this.#dirty = new Bitmap(blockCount(disk.size));
    this.#owed = new Bitmap(blockCount(disk.size));
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
      this.#dirty.add(block);
    }
  }

  /** Nothing is known of what was named before: name everything again. */
  changeAll(): void {
    this.#dirty.fill();
  }

  /** A barrier: what changed up to now is to be hashed as it is now. @throws RangeError when the last is not done. */
  barrier(): void {
    if (this.#owed.count > 0)
      throw new RangeError(`${this.#owed.count} blocks of the last barrier are not hashed`);
    this.#owed = this.#dirty;
    this.#dirty = new Bitmap(blockCount(this.#disk.size));
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

  root(): DiskRoot {
    return { disk: this.#index, size: this.#disk.size, root: this.#tree.root() };
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
