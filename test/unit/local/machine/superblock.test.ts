import fc from "fast-check";
import { expect, test } from "vitest";
import { MIB, bytes } from "../../../../engine/core/units.ts";
import {
  SUPERBLOCK_BYTES,
  decodeSuperblock,
  emptySuperblock,
  encodeSuperblock,
  readSuperblock,
  writeSuperblock,
} from "../../../../local/machine/superblock.ts";
import { RecordingDevice } from "./recording-device.ts";

const SIZE = bytes(8 * MIB);
const empty = emptySuperblock(SIZE);
const at = (sequence: number) => ({ ...empty, sequence, length: 4096 * sequence });

test("a superblock is read as it was written", () => {
  expect(decodeSuperblock(encodeSuperblock(at(7)))).toEqual(at(7));
});

test("the regions lie one behind the other and fill the disk", () => {
  for (const size of [8 * MIB, 100 * MIB + 512, 1024 * MIB]) {
    const { log, database } = emptySuperblock(bytes(size));
    expect(log.offset).toBeGreaterThanOrEqual(2 * SUPERBLOCK_BYTES);
    expect(database.offset).toBe(log.offset + log.size);
    expect(database.offset + database.size).toBe(size);
  }
});

test("any changed byte makes a superblock invalid", () => {
  const change = fc.tuple(fc.nat(SUPERBLOCK_BYTES - 1), fc.integer({ min: 1, max: 255 }));
  fc.assert(
    fc.property(change, ([where, how]) => {
      const block = encodeSuperblock(at(3));
      block.writeUInt8(block.readUInt8(where) ^ how, where);
      expect(decodeSuperblock(block)).toBeUndefined();
    }),
  );
});

test("a write that is torn at any sector leaves the one before", async () => {
  for (let kept = 0; kept < SUPERBLOCK_BYTES; kept += 512) {
    const device = new RecordingDevice(Buffer.alloc(SIZE));
    await writeSuperblock(device, at(1));
    await writeSuperblock(device, at(2));
    await device.write((3 % 2) * SUPERBLOCK_BYTES, Buffer.alloc(SUPERBLOCK_BYTES, 0xee));
    if (kept > 0) await device.write(SUPERBLOCK_BYTES, encodeSuperblock(at(3)).subarray(0, kept));
    expect(await readSuperblock(device)).toEqual(at(2));
  }
});

test("a disk without a valid superblock, or of another size, is refused", async () => {
  const blank = new RecordingDevice(Buffer.alloc(SIZE));
  await expect(readSuperblock(blank)).rejects.toThrow("holds no ledger");
  const grown = new RecordingDevice(Buffer.alloc(SIZE + MIB));
  await writeSuperblock(grown, at(1));
  await expect(readSuperblock(grown)).rejects.toThrow(`formatted with ${SIZE} bytes`);
});

test("a disk that is too small is refused", () => {
  expect(() => emptySuperblock(bytes(8 * MIB - 512))).toThrow("too small");
});
