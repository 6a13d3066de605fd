import { hash } from "node:crypto";
import { ExtentSet } from "../core/extent.ts";
import { BLOCK, type Bytes, type DiskIndex, bytes } from "../core/units.ts";
import { ZERO_BLOCK, blockCount } from "../journal/digest-tree.ts";
import { encodeExtents } from "../journal/extents-text.ts";
import { extentsUpTo } from "./kept-turn.ts";

export interface SizedDisk {
  readonly index: DiskIndex;
  readonly size: Bytes;
}

/** Numbers of 64 KiB blocks, for each disk. */
export type Blocks = ReadonlyMap<DiskIndex, ExtentSet>;

/** A block as somebody holds it. */
export interface FoundBlock {
  readonly disk: DiskIndex;
  readonly block: number;
  /** SHA-256, 32 bytes. */
  readonly digest: Uint8Array;
}

export const noBlocks = (disks: readonly SizedDisk[]): Blocks =>
  new Map(disks.map(({ index }) => [index, new ExtentSet()]));

export const allBlocks = (disks: readonly SizedDisk[]): Blocks =>
  new Map(disks.map(({ index, size }) => [index, ExtentSet.of([{ start: 0, end: blockCount(size) }])]));

export const unionOf = (disks: readonly SizedDisk[], sets: readonly Blocks[]): Blocks =>
  new Map(
    disks.map(({ index }) => [index, ExtentSet.of(sets.flatMap((set) => [...(set.get(index) ?? [])]))]),
  );

export const countOf = (blocks: Blocks): number =>
  [...blocks.values()].reduce((sum, { total }) => sum + total, 0);

/** The last block of a disk may be shorter. */
export const blockLength = (size: Bytes, block: number): Bytes =>
  bytes(Math.min(BLOCK, size - block * BLOCK));

const ZERO = Buffer.from(ZERO_BLOCK, "hex");

/** SHA-256 of so many zeros, at most a block. */
export const zeroDigest = (length: Bytes): Uint8Array =>
  length === BLOCK ? ZERO : hash("sha256", Buffer.alloc(length), "buffer");

/** Some of all blocks, counted through all disks in index order: those of [start, end). */
export function blocksOf(
  disks: readonly SizedDisk[],
  { start, end }: { readonly start: number; readonly end: number },
): Blocks {
  let base = 0;
  return new Map(
    disks.map(({ index, size }) => {
      const count = blockCount(size);
      const from = Math.min(Math.max(start - base, 0), count);
      const to = Math.min(Math.max(end - base, 0), count);
      base += count;
      return [index, ExtentSet.of(from < to ? [{ start: from, end: to }] : [])];
    }),
  );
}

/** As a document has them; disks without any are left out. */
export const textOfBlocks = (blocks: Blocks): { disk: DiskIndex; extents: string }[] =>
  [...blocks]
    .filter(([, { total }]) => total > 0)
    .map(([disk, extents]) => ({ disk, extents: encodeExtents(extents) }));

/**
 * @param of for messages, as in `a verification`
 * @throws ManifestDamaged when they are none, or go beyond a disk
 */
export function blocksFromText(
  of: string,
  text: readonly { readonly disk: DiskIndex; readonly extents: string }[],
  disks: readonly SizedDisk[],
): Blocks {
  const found = new Map(text.map(({ disk, extents }) => [disk, extents]));
  return new Map(
    disks.map(({ index, size }) => {
      const extents = found.get(index);
      const what = `blocks of disk ${index} in ${of}`;
      return [index, extents === undefined ? new ExtentSet() : extentsUpTo(what, extents, blockCount(size))];
    }),
  );
}
