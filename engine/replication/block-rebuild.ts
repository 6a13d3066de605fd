import { hash } from "node:crypto";
import { type Extent, ExtentSet } from "../core/extent.ts";
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

/** A block of which some bytes are still to come, from older writes: what is known of it, and no more. */
interface Partial {
  readonly pieces: { readonly start: number; readonly data: Uint8Array }[];
  readonly filled: ExtentSet;
}

/** What a piece, and the block that it is of, weigh in memory besides its bytes. */
const PIECE_BYTES = 512;

const DISK_SHIFT = 2 ** 40;

/** Bytes of a disk, as a write leaves them. */
type Taken = Piece | Exclude<WriteRecord, DataRecord>;
export type Piece = Pick<DataRecord, "kind" | "disk" | "offset" | "data">;

/**
 * Puts wanted blocks together from writes that come newest first, and lets go of each as soon as it is whole. Of blocks
 * that are whole only in part it holds what is known, at most so many bytes: what is beyond is put off to another walk.
 */
export class BlockRebuild {
  /** Put off. */
  readonly deferred: Blocks;
  /** Not whole yet. */
  readonly wanted: Blocks;
  readonly #sizes: ReadonlyMap<DiskIndex, Bytes>;
  readonly #memory: Bytes;
  readonly #partial = new Map<number, Partial>();
  #held = 0;

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
          const length = this.#length(disk, block);
          const digest = partial ? digestOf(contentOf(partial, length)) : zeroDigest(length);
          yield { disk, block, digest };
        }
  }

  /** What is known of blocks that are whole only in part; views of what they hold. Taken again, it is known again. */
  *partials(): Generator<Piece> {
    for (const [key, { pieces }] of [...this.#partial].toSorted(([a], [b]) => a - b))
      for (const { start, data } of pieces.toSorted((a, b) => a.start - b.start)) {
        const offset = bytes((key % DISK_SHIFT) * BLOCK + start);
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
    const partial = known ?? { pieces: [], filled: new ExtentSet() };
    for (const part of partial.filled.claim(start, end)) {
      const piece = { start: part.start, data: pieceOf(record, base, part) };
      partial.pieces.push(piece);
      this.#held += PIECE_BYTES + piece.data.length;
    }
    this.#partial.set(key, partial);
    if (partial.filled.total === length) return digestOf(contentOf(partial, length));
    // One block at least is brought to its end by each walk.
    if (this.#held <= this.#memory || this.#partial.size === 1) return undefined;
    this.deferred.get(disk)?.add(block, block + 1);
    this.#drop(disk, block);
    return undefined;
  }

  #drop(disk: DiskIndex, block: number): void {
    const key = disk * DISK_SHIFT + block;
    for (const { data } of this.#partial.get(key)?.pieces ?? []) this.#held -= data.length + PIECE_BYTES;
    this.#partial.delete(key);
    this.wanted.get(disk)?.subtract(block, block + 1);
  }

  #length(disk: DiskIndex, block: number): Bytes {
    const size = this.#sizes.get(disk);
    if (size === undefined) throw new RangeError(`there is no disk ${disk}`);
    return blockLength(size, block);
  }
}

/** A copy: a view would keep the whole body of its segment in memory. */
const pieceOf = (record: Taken, base: number, { start, end }: Extent): Uint8Array =>
  record.kind === "data"
    ? Uint8Array.from(record.data.subarray(base + start, base + end))
    : new Uint8Array(end - start);

function contentOf({ pieces }: Partial, length: Bytes): Buffer {
  const content = Buffer.alloc(length);
  for (const { start, data } of pieces) content.set(data, start);
  return content;
}

const digestOf = (content: Uint8Array): Uint8Array => hash("sha256", content, "buffer");
