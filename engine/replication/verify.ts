import { hash } from "node:crypto";
import { DIGEST_BYTES } from "../core/digest.ts";
import { mapInOrder } from "../core/in-order.ts";
import { BLOCK, type Bytes, MIB, bytes } from "../core/units.ts";
import { zeroDigests } from "../journal/digest-tree.ts";
import type { DataKey } from "../journal/key.ts";
import type { ObjectStore } from "../storage/store.ts";
import type { ProvedPoint } from "./digest-gathering.ts";
import { type BlockDigests, DigestWalk, checkRoots, walkMarks } from "./digest-walk.ts";
import { isZero } from "./run.ts";
import { sourcesOf } from "./sources.ts";

export interface DigestsRequest {
  readonly objects: ObjectStore;
  readonly key: DataKey;
  readonly point: ProvedPoint;
}

/**
 * The source's own digests of every block at the point's barrier, gathered from layers and segments, and equal to the
 * roots in the manifest. All in memory, half a KiB for each MiB of disk: `DigestGathering` does without. Of layers it reads the digests
 * only; of segments all up to the point, but opens only those that hold marks.
 * @throws ManifestDamaged when a disk's digests do not give its root; ChainBroken when the point's barrier is not there;
 *   what reading the journal throws
 */
export async function blockDigestsAt({ objects, key, point }: DigestsRequest): Promise<BlockDigests> {
  const walk = new DigestWalk(point);
  await walkMarks(await sourcesOf(objects, point), key, walk);
  checkRoots(point, walk.digests);
  return walk.digests;
}

/** Bytes [offset, offset + length) of a disk. */
export type DiskReader = (offset: Bytes, length: Bytes) => Promise<Uint8Array>;

/** A multiple of the block. */
const READ = 4 * MIB;
const PARALLEL = 4;

/** Digests of some blocks of a disk, from the first of them on. */
interface DigestPiece {
  readonly first: number;
  /** Where the last of them ends. */
  readonly end: Bytes;
  /** 32 bytes each. */
  readonly digests: Uint8Array;
}

/** SHA-256 of each 64 KiB block of a disk, in order, 4 MiB at a time. Reads the disk once. */
export const digestPieces = (read: DiskReader, size: Bytes): AsyncGenerator<DigestPiece> =>
  mapInOrder(offsets(size), PARALLEL, async (offset) => {
    const data = await read(offset, bytes(Math.min(READ, size - offset)));
    return { first: offset / BLOCK, end: bytes(offset + data.length), digests: digestsOf(data) };
  });

/**
 * The same of all blocks at once.
 * @param onProgress bytes read so far
 */
export async function imageDigests(
  read: DiskReader,
  size: Bytes,
  onProgress?: (done: Bytes) => void,
): Promise<Uint8Array> {
  const all = zeroDigests(size);
  for await (const { first, end, digests } of digestPieces(read, size)) {
    all.set(digests, first * DIGEST_BYTES);
    onProgress?.(end);
  }
  return all;
}

/**
 * The numbers of the blocks that are not what the source had, ascending; none when the disk is right.
 * @param digests of every block, as `blockDigestsAt` gives them
 */
export async function verifyImage(
  read: DiskReader,
  size: Bytes,
  digests: Uint8Array,
  onProgress?: (done: Bytes) => void,
): Promise<number[]> {
  return differingBlocks(await imageDigests(read, size, onProgress), digests);
}

/** The numbers of the blocks whose digests are not the same, ascending; both name all blocks of a disk. */
export function differingBlocks(found: Uint8Array, digests: Uint8Array): number[] {
  if (digests.length !== found.length)
    throw new RangeError(`${digests.length} bytes of digests, and ${found.length} to compare them with`);
  const wrong: number[] = [];
  for (let at = 0; at < found.length; at += DIGEST_BYTES)
    if (Buffer.compare(found.subarray(at, at + DIGEST_BYTES), digests.subarray(at, at + DIGEST_BYTES)) !== 0)
      wrong.push(at / DIGEST_BYTES);
  return wrong;
}

function* offsets(size: Bytes): Generator<Bytes> {
  for (let at = 0; at < size; at += READ) yield bytes(at);
}

/** SHA-256 of each block of what is read from the border of a block on: 32 bytes each, in order. */
export function digestsOf(data: Uint8Array): Uint8Array {
  const digests = zeroDigests(bytes(data.length));
  digestBlocks(data, digests);
  return digests;
}

/** Over digests that are those of zeros: finding a block zero is ten times as fast as hashing it. */
function digestBlocks(data: Uint8Array, digests: Uint8Array): void {
  for (let at = 0; at < data.length; at += BLOCK) {
    const block = data.subarray(at, at + BLOCK);
    if (!isZero(block)) digests.set(hash("sha256", block, "buffer"), (at / BLOCK) * DIGEST_BYTES);
  }
}
