import { hash } from "node:crypto";
import { LeewardError } from "../../engine/core/errors.ts";
import { type Bytes, KIB, MIB, SECTOR, bytes } from "../../engine/core/units.ts";
import type { BlockDevice } from "./block-device.ts";

/**
 * The disk of a machine that has a database and nothing else, no partitions and no file system:
 *
 * | from | length | what |
 * |---|---|---|
 * | 0 | 4 KiB | superblock, copy 0 |
 * | 4 KiB | 4 KiB | superblock, copy 1 |
 * | 1 MiB | 1/16 of the disk, 2 to 64 MiB | write-ahead log |
 * | behind the log | the rest | database |
 *
 * With a second disk the log lies there, from 1 MiB on, and the database begins where it would lie.
 *
 * The log has no length on disk: SQLite's own frame checksums say where it ends, and a log whose first sector is zero
 * is empty. The database has one, in the superblock, which is written only after the bytes it covers were flushed.
 *
 * A superblock is little-endian: magic (8 bytes), version u32, the log's disk (0 or 1) u32, then as u64 sequence, disk size, log offset,
 * log size, database offset, database capacity, database length; zeros; the SHA-256 of all that in the last 32 bytes.
 * Number n is written over copy n mod 2, so the newest but one survives a torn write; the valid copy with the larger
 * number counts.
 */
export interface Superblock {
  readonly sequence: number;
  readonly diskSize: Bytes;
  readonly log: Region & { readonly disk: 0 | 1 };
  readonly database: Region;
  /** Bytes of the database file. */
  readonly length: number;
}

interface Region {
  readonly offset: number;
  readonly size: number;
}

const MAGIC = Buffer.from("LWLEDGER");
const VERSION = 1;
export const SUPERBLOCK_BYTES = 4 * KIB;
const CHECKED_BYTES = SUPERBLOCK_BYTES - 32;
const FIRST_REGION = MIB;
const MIN_LOG = 2 * MIB;
const MAX_LOG = 64 * MIB;

/** The layout of an empty disk, or of two. @throws InvalidRequest when one is smaller than 8 MiB. */
export function emptySuperblock(diskSize: Bytes, logDiskSize?: Bytes): Superblock {
  const least = Math.min(diskSize, logDiskSize ?? diskSize);
  if (least < 8 * MIB)
    throw new LeewardError("InvalidRequest", `a disk of ${least} bytes is too small: 8 MiB is the least`);
  if (logDiskSize !== undefined) {
    const size = Math.min(MAX_LOG, logDiskSize - FIRST_REGION);
    const database = { offset: FIRST_REGION, size: diskSize - FIRST_REGION };
    return { sequence: 0, diskSize, log: { disk: 1, offset: FIRST_REGION, size }, database, length: 0 };
  }
  const logSize = Math.max(MIN_LOG, Math.min(MAX_LOG, Math.floor(diskSize / 16 / SECTOR) * SECTOR));
  const log = { disk: 0, offset: FIRST_REGION, size: logSize } as const;
  const start = log.offset + log.size;
  return { sequence: 0, diskSize, log, database: { offset: start, size: diskSize - start }, length: 0 };
}

/** @throws DiskUnreadable when neither copy is valid, or the disk is not the one that was formatted. */
export async function readSuperblock(device: BlockDevice): Promise<Superblock> {
  const both = await device.read(0, 2 * SUPERBLOCK_BYTES);
  const [first, second] = [0, 1].map((copy) =>
    decodeSuperblock(both.subarray(copy * SUPERBLOCK_BYTES, (copy + 1) * SUPERBLOCK_BYTES)),
  );
  const newest = (first?.sequence ?? -1) > (second?.sequence ?? -1) ? first : second;
  if (!newest) throw new LeewardError("DiskUnreadable", "the disk holds no ledger: no superblock is valid");
  if (newest.diskSize !== device.size)
    throw new LeewardError(
      "DiskUnreadable",
      `the disk was formatted with ${newest.diskSize} bytes and has ${device.size}`,
    );
  return newest;
}

/** Writes the superblock over the older copy and flushes it. */
export async function writeSuperblock(device: BlockDevice, superblock: Superblock): Promise<void> {
  await device.write((superblock.sequence % 2) * SUPERBLOCK_BYTES, encodeSuperblock(superblock));
  await device.flush();
}

export function encodeSuperblock(superblock: Superblock): Buffer {
  const block = Buffer.alloc(SUPERBLOCK_BYTES);
  MAGIC.copy(block);
  block.writeUInt32LE(VERSION, 8);
  block.writeUInt32LE(superblock.log.disk, 12);
  const { sequence, diskSize, log, database, length } = superblock;
  [sequence, diskSize, log.offset, log.size, database.offset, database.size, length].forEach(
    (value, index) => void block.writeBigUInt64LE(BigInt(value), 16 + 8 * index),
  );
  checksum(block).copy(block, CHECKED_BYTES);
  return block;
}

/** Undefined when the bytes are no valid superblock. */
export function decodeSuperblock(block: Buffer): Superblock | undefined {
  if (block.length !== SUPERBLOCK_BYTES || !block.subarray(0, 8).equals(MAGIC)) return undefined;
  if (block.readUInt32LE(8) !== VERSION || !checksum(block).equals(block.subarray(CHECKED_BYTES)))
    return undefined;
  const value = (index: number) => Number(block.readBigUInt64LE(16 + 8 * index));
  return {
    sequence: value(0),
    diskSize: bytes(value(1)),
    log: { disk: block.readUInt32LE(12) === 0 ? 0 : 1, offset: value(2), size: value(3) },
    database: { offset: value(4), size: value(5) },
    length: value(6),
  };
}

const checksum = (block: Buffer): Buffer => hash("sha256", block.subarray(0, CHECKED_BYTES), "buffer");
