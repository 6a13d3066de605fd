import { zstdCompressSync } from "node:zlib";
import { expect, test } from "vitest";
import { MIB, bytes, sequence } from "../../../../engine/core/units.ts";
import { bodyLength, encodeBody } from "../../../../engine/journal/body.ts";
import { encryptInto } from "../../../../engine/journal/cipher.ts";
import { ENTRY, ENTRY_BYTES } from "../../../../engine/journal/entry.ts";
import {
  HEADER,
  HEADER_BYTES,
  type SegmentHeader,
  VERSION,
  writeHeader,
} from "../../../../engine/journal/header.ts";
import { openSegment } from "../../../../engine/journal/open.ts";
import { sealSegment } from "../../../../engine/journal/seal.ts";
import { TRAILER_BYTES, checkSegment, splitPack, writeTrailer } from "../../../../engine/journal/segment.ts";
import { summarize } from "../../../../engine/journal/summary.ts";
import { KEY, someContent } from "./arbitrary.ts";

/*
 * A faulty writer that holds the key: cipher and digest are right, what is inside is not. Readers refuse that too.
 */
async function faulty(over: Partial<SegmentHeader>, change: (body: Buffer) => Buffer = (body) => body) {
  const { records, key, ...place } = someContent();
  const body = Buffer.alloc(bodyLength(records));
  encodeBody(place.from, records, body);
  const stored = change(body);
  const segment = Buffer.alloc(HEADER_BYTES + stored.length + TRAILER_BYTES);
  writeHeader(segment, {
    version: VERSION,
    ...place,
    ...summarize(place.from, records),
    indivisible: false,
    continues: false,
    compressed: false,
    bodyLength: bytes(stored.length),
    storedLength: bytes(stored.length),
    nonce: Buffer.alloc(12),
    ...over,
  });
  encryptInto(segment, stored, key);
  writeTrailer(segment);
  return openSegment(checkSegment(segment), KEY);
}

const damage = (message: string) => ({
  code: "SegmentDamaged",
  message: expect.stringContaining(message),
});

test("the same writer without a fault is understood", async () => {
  expect(await faulty({})).toHaveLength(3);
});

test.each<[string, Partial<SegmentHeader>, string]>([
  ["another last write", { to: sequence(2) }, "header says to 2, its records say 3"],
  ["fewer bytes of data", { dataBytes: bytes(1) }, "header says dataBytes 1"],
  ["marks that are not there", { marks: true }, "header says marks true"],
  ["a proof that is not there", { proofs: true }, "header says proofs true"],
  ["a barrier that is not there", { barriers: true }, "header says barriers true"],
  ["more than its version knows", { version: 1, proofs: true }, "flags 8"],
  ["fewer records", { records: 2, to: sequence(2) }, "bytes behind the last record"],
  ["a last write before the first", { from: sequence(5), to: sequence(4) }, "writes 5 to 4"],
  ["more writes than records", { to: sequence(9) }, "writes 0 to 9 in 3 records"],
  ["more records than fit", { records: 1000, to: sequence(3) }, "1000 records in a body"],
  ["a body beyond the limit", { compressed: true, bodyLength: bytes(65 * MIB) }, "a body of 68157440 bytes"],
  ["other bytes of copies", { copiedBytes: bytes(1) }, "header says copiedBytes 1"],
  ["copies that are none", { copiedWrites: 1 }, "header says copiedWrites 1"],
  ["copies, in a version that counts none", { version: 3, copiedWrites: 1 }, "reserved bytes in use"],
  ["more copies than data", { copiedBytes: bytes(50_000) }, "50000 copied bytes"],
  ["more copies than writes", { copiedWrites: 4 }, "4 copies among writes 0 to 3"],
  ["more data than body", { dataBytes: bytes(50_000) }, "50000 bytes of data in a body of"],
  [
    "a body that grew",
    { compressed: true, bodyLength: bytes(1000), records: 0, to: sequence(0), dataBytes: bytes(0) },
    "stored in",
  ],
])("a header that claims %s is refused", async (_, over, message) => {
  await expect(faulty(over)).rejects.toMatchObject(damage(message));
});

test.each<[string, number, string]>([
  ["an unknown flag", HEADER.flags.at, "flags 128"],
  ["more copies than writes", HEADER.copiedWrites.at, "128 copies among writes"],
  ["another length of the header", HEADER.headerLength.at, "impossible header: lengths 128 and"],
  ["bytes behind the machine id", HEADER.machine.at + 63, "machine id without an end"],
])("a header with %s is refused", async (_, at, message) => {
  const { bytes: segment } = await sealSegment(someContent());
  segment.writeUInt8(128, at);
  writeTrailer(segment);
  expect(() => checkSegment(segment)).toThrow(expect.objectContaining(damage(message)));
});

test("a header that claims gigabytes is refused before anybody waits for them", async () => {
  const { bytes: segment } = await sealSegment(someContent());
  segment.writeUInt32LE(0xf0000000, HEADER.storedLength.at);
  expect(() => splitPack(segment)).toThrow(expect.objectContaining(damage("impossible header")));
});

test("a pack is not taken for a segment", async () => {
  const { bytes: segment } = await sealSegment(someContent());
  const pack = Buffer.concat([segment, segment]);
  expect(() => checkSegment(pack)).toThrow(expect.objectContaining(damage(`came with ${pack.length}`)));
});

/** Sets one byte of the first entry. */
const inEntry = (field: keyof typeof ENTRY, value: number) => (body: Buffer) => {
  body.writeUInt8(value, ENTRY[field].at);
  return body;
};

test.each<[string, (body: Buffer) => Buffer, string]>([
  ["an unknown kind of record", inEntry("kind", 9), "not a kind of record: 9"],
  ["a disk that no machine has", inEntry("disk", 64), "not a disk index: 64"],
  ["reserved bytes in use", inEntry("reserved", 1), "reserved bytes"],
  ["a sequence that does not follow", inEntry("sequenceDelta", 7), "has sequence 7, not 1"],
  ["data beyond the end", inEntry("length", 255), "SegmentDamaged"],
  ["bytes behind the last record", (body) => Buffer.concat([body, Buffer.alloc(5)]), "5 bytes behind"],
  ["data that are missing", (body) => body.subarray(0, -1), "ends behind the segment"],
  ["a barrier in the place of data", inEntry("kind", 3), "a payload of 4096 bytes, not 24"],
])("a body with %s is refused", async (_, change, message) => {
  const wanted = message === "SegmentDamaged" ? { code: "SegmentDamaged" } : damage(message);
  await expect(faulty({}, change)).rejects.toMatchObject(wanted);
});

test("a small body that unpacks to more than its header says is refused before it is unpacked", async () => {
  const bomb = zstdCompressSync(Buffer.alloc(40 * MIB));
  const over = {
    compressed: true,
    bodyLength: bytes(3 * ENTRY_BYTES + 3 * 4096),
    storedLength: bytes(bomb.length),
  };
  await expect(faulty(over, () => bomb)).rejects.toMatchObject(damage("does not decompress"));
});

test("a body that unpacks to less than its header says is refused", async () => {
  const short = zstdCompressSync(Buffer.alloc(5000));
  const over = {
    compressed: true,
    bodyLength: bytes(3 * ENTRY_BYTES + 3 * 4096),
    storedLength: bytes(short.length),
  };
  await expect(faulty(over, () => short)).rejects.toMatchObject(damage("a body of 5000"));
});
