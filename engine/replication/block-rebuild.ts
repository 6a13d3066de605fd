import { hash } from "node:crypto";
import { ExtentSet } from "../core/extent.ts";
import { BLOCK, type Bytes, type DiskIndex, bytes, diskIndex } from "../core/units.ts";
import type { DataRecord, WriteRecord } from "../journal/record.ts";
import {
  type Blocks,
  type FoundBlock,
  type SizedDisk,
  blockLength,
  countOf,
  noBlocks,
  unionOf,
  zeroDigest,
} from "./blocks.ts";
import { lengthOf } from "./merge.ts";

/** A block of which some bytes are still to come, from older writes. */
interface Partial {
  readonly content: Buffer;
  readonly filled: ExtentSet;
}

const DISK_SHIFT = 2 ** 40;

/** Bytes of a disk, as a write leaves them. */
type Taken = Piece | Exclude<WriteRecord, DataRecord>;
export type Piece = Pick<DataRecord, "kind" | "disk" | "offset" | "data">;

/**
 * Puts wanted blocks together from writes that come newest first, and lets go of each as soon as it is whole. Of blocks
 * that are whole only in part it holds at most so many bytes: what is beyond is put off to another walk.
 */
export class BlockRebuild {
  /** Put off. */
  readonly deferred: Blocks;
  /** Not whole yet. */
  readonly wanted: Blocks;
  readonly #sizes: ReadonlyMap<DiskIndex, Bytes>;
  readonly #memory: Bytes;
  readonly #partial = new Map<number, Partial>();

  /** @param deferred what was put off before */
  constructor(disks: readonly SizedDisk[], wanted: Blocks, memory: Bytes, deferred = noBlocks(disks)) {
    this.#sizes = new Map(disks.map(({ index, size }) => [index, size]));
    this.wanted = unionOf(disks, [wanted]);
    this.deferred = unionOf(disks, [deferred]);
    this.#memory = memory;
  }

  get done(): boolean {
    return countOf(this.wanted) === 0;
  }

  /** @returns what this write makes whole */
  *take(record: Taken): Generator<FoundBlock> {
    const first = Math.floor(record.offset / BLOCK);
    const end = Math.ceil((record.offset + lengthOf(record)) / BLOCK);
    for (const part of this.wanted.get(record.disk)?.intersect(first, Math.max(first, end)) ?? [])
      for (let block = part.start; block < part.end; block++) {
        const digest = this.#fill(record, block);
        if (!digest) continue;
        this.#drop(record.disk, block);
        yield { disk: record.disk, block, digest };
      }
  }

  /** Everything that is still wanted when no write is left: what was never written is zero. */
  *rest(): Generator<FoundBlock> {
    for (const [disk, blocks] of this.wanted)
      for (const { start, end } of blocks)
        for (let block = start; block < end; block++) {
          const partial = this.#partial.get(disk * DISK_SHIFT + block);
          const digest = partial ? digestOf(partial.content) : zeroDigest(this.#length(disk, block));
          yield { disk, block, digest };
        }
  }

  /** What is known of blocks that are whole only in part; views of what they hold. Taken again, it is known again. */
  *partials(): Generator<Piece> {
    for (const [key, { content, filled }] of [...this.#partial].toSorted(([a], [b]) => a - b))
      for (const { start, end } of filled) {
        const offset = bytes((key % DISK_SHIFT) * BLOCK + start);
        const data = content.subarray(start, end);
        yield { kind: "data", disk: diskIndex(Math.floor(key / DISK_SHIFT)), offset, data };
      }
  }

  /** The block's digest once it is whole. */
  #fill(record: Taken, block: number): Uint8Array | undefined {
    const { disk, offset } = record;
    const key = disk * DISK_SHIFT + block;
    const length = this.#length(disk, block);
    const base = block * BLOCK - offset;
    const start = Math.max(0, -base);
    const end = Math.min(length, lengthOf(record) - base);
    const known = this.#partial.get(key);
    if (!known && end - start === length)
      return record.kind === "data"
        ? digestOf(record.data.subarray(base, base + length))
        : zeroDigest(length);
    const partial = known ?? this.#open(disk, block, length);
    if (!partial) return undefined;
    for (const part of partial.filled.claim(start, end))
      if (record.kind === "data")
        partial.content.set(record.data.subarray(base + part.start, base + part.end), part.start);
    return partial.filled.total === length ? digestOf(partial.content) : undefined;
  }

  #open(disk: DiskIndex, block: number, length: Bytes): Partial | undefined {
    if ((this.#partial.size + 1) * BLOCK > Math.max(this.#memory, BLOCK)) {
      this.deferred.get(disk)?.add(block, block + 1);
      this.#drop(disk, block);
      return undefined;
    }
    const partial = { content: Buffer.alloc(length), filled: new ExtentSet() };
    this.#partial.set(disk * DISK_SHIFT + block, partial);
    return partial;
  }

  #drop(disk: DiskIndex, block: number): void {
    this.#partial.delete(disk * DISK_SHIFT + block);
    this.wanted.get(disk)?.subtract(block, block + 1);
  }

  #length(disk: DiskIndex, block: number): Bytes {
    const size = this.#sizes.get(disk);
    if (size === undefined) throw new RangeError(`there is no disk ${disk}`);
    return blockLength(size, block);
  }
}

const digestOf = (content: Uint8Array): Uint8Array => hash("sha256", content, "buffer");
