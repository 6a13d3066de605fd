import { hash } from "node:crypto";
import { DIGEST_BYTES } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";
import type { BarrierId } from "../core/ids.ts";
import { mapInOrder } from "../core/in-order.ts";
import { BLOCK, type Bytes, type DiskIndex, MIB, bytes } from "../core/units.ts";
import { rootOf, zeroDigests } from "../journal/digest-tree.ts";
import type { DataKey } from "../journal/key.ts";
import type { RecoveryPoint } from "../journal/manifest.ts";
import type { DigestsRecord } from "../journal/record.ts";
import type { ObjectStore } from "../storage/store.ts";
import { journalStart, readForward } from "./journal-reader.ts";
import { marksOf } from "./points.ts";
import { isZero } from "./run.ts";

/** For each disk: SHA-256 of each of its 64 KiB blocks, 32 bytes each, in order. */
export type BlockDigests = ReadonlyMap<DiskIndex, Uint8Array>;

export interface DigestsRequest {
  readonly objects: ObjectStore;
  readonly key: DataKey;
  readonly point: RecoveryPoint;
}

/**
 * The source's own digests of every block at the point's barrier, folded from the journal, and equal to the roots in
 * the manifest. Half a KiB of memory per MiB of disk. Reads the whole journal of the generation up to the point, but
 * opens only segments that hold marks.
 * @throws ManifestDamaged when a disk's digests do not give its root; what reading the journal throws
 */
export async function blockDigestsAt(s: DigestsRequest): Promise<BlockDigests> {
  const { objects, key, point } = s;
  const digests = new Map(point.disks.map(({ index, size }) => [index, zeroDigests(size)]));
  // A later barrier may have been set, and digested in part, before the point's proof came.
  const upToPoint = new Set<BarrierId>();
  const from = await journalStart(objects, point.machine, point.generation);
  for await (const { segment } of readForward({ objects, machine: point.machine, from, to: point.position }))
    for (const record of await marksOf(segment, key)) {
      if (record.kind === "barrier" && !upToPoint.has(point.id)) upToPoint.add(record.id);
      if (record.kind === "digests" && upToPoint.has(record.barrier)) fold(point, digests, record);
    }
  checkRoots(point, digests);
  return digests;
}

function fold(point: RecoveryPoint, digests: Map<DiskIndex, Uint8Array>, record: DigestsRecord): void {
  const disk = digests.get(record.disk);
  for (const [i, block] of record.blocks.entries()) {
    const at = block * DIGEST_BYTES;
    if (!disk || at >= disk.length)
      throw new LeewardError(
        "SegmentDamaged",
        `barrier ${record.barrier} of ${point.machine} has a digest of block ${block} of disk ${record.disk}, which there is not`,
      );
    disk.set(record.digests.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES), at);
  }
}

function checkRoots(point: RecoveryPoint, digests: BlockDigests): void {
  for (const { index, size, root } of point.disks) {
    const found = rootOf(size, digests.get(index) ?? new Uint8Array());
    if (found !== root)
      throw new LeewardError(
        "ManifestDamaged",
        `the digests of disk ${index} in the journal of ${point.machine} give root ${found}; point ${point.id} says ${root}`,
      );
  }
}

/** Bytes [offset, offset + length) of a disk. */
export type DiskReader = (offset: Bytes, length: Bytes) => Promise<Uint8Array>;

/** A multiple of the block. */
const READ = 4 * MIB;
const PARALLEL = 4;

/**
 * SHA-256 of each 64 KiB block of a disk, 32 bytes each, in order. Reads the disk once, 4 MiB at a time.
 * @param onProgress bytes read so far
 */
export async function imageDigests(
  read: DiskReader,
  size: Bytes,
  onProgress?: (done: Bytes) => void,
): Promise<Uint8Array> {
  const digests = zeroDigests(size);
  const parts = mapInOrder(offsets(size), PARALLEL, async (offset) => {
    const length = bytes(Math.min(READ, size - offset));
    return { offset, data: await read(offset, length) };
  });
  for await (const { offset, data } of parts) {
    digestBlocks(data, digests.subarray((offset / BLOCK) * DIGEST_BYTES));
    onProgress?.(bytes(offset + data.length));
  }
  return digests;
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
  const found = await imageDigests(read, size, onProgress);
  if (digests.length !== found.length)
    throw new RangeError(`${digests.length} bytes of digests for a disk of ${size} bytes`);
  const wrong: number[] = [];
  for (let at = 0; at < found.length; at += DIGEST_BYTES)
    if (Buffer.compare(found.subarray(at, at + DIGEST_BYTES), digests.subarray(at, at + DIGEST_BYTES)) !== 0)
      wrong.push(at / DIGEST_BYTES);
  return wrong;
}

function* offsets(size: Bytes): Generator<Bytes> {
  for (let at = 0; at < size; at += READ) yield bytes(at);
}

/** Over digests that are those of zeros: finding a block zero is ten times as fast as hashing it. */
function digestBlocks(data: Uint8Array, digests: Uint8Array): void {
  for (let at = 0; at < data.length; at += BLOCK) {
    const block = data.subarray(at, at + BLOCK);
    if (!isZero(block)) digests.set(hash("sha256", block, "buffer"), (at / BLOCK) * DIGEST_BYTES);
  }
}
