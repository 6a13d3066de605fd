import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { barrierId } from "../../../../engine/core/ids.ts";
import { MIB, bytes, diskIndex, micros, sequence } from "../../../../engine/core/units.ts";
import { openSegment } from "../../../../engine/journal/open.ts";
import type { DataRecord, JournalRecord } from "../../../../engine/journal/record.ts";
import { sealSegment } from "../../../../engine/journal/seal.ts";
import { KEY, someContent } from "./arbitrary.ts";

const time = micros(1);
const disk = diskIndex(0);
const offset = bytes(0);
const barrier = barrierId("00000000-0000-4000-8000-000000000001");
const write = (at: number, data: Uint8Array = Buffer.alloc(1)): DataRecord => ({
  kind: "data",
  sequence: sequence(at),
  time,
  disk,
  offset,
  data,
});
const digests = (blocks: number[], length: number): JournalRecord => ({
  kind: "digests",
  barrier,
  sequence: sequence(0),
  time,
  disk,
  blocks: Uint32Array.from(blocks),
  digests: new Uint8Array(length),
});

test.each<[string, JournalRecord[], string]>([
  ["a gap in the sequence", [write(1), write(3)], "record 1 (data) has sequence 3, not 2"],
  ["a repeated sequence", [write(1), write(1)], "record 1 (data) has sequence 1, not 2"],
  ["a first write that does not follow", [write(2)], "record 0 (data) has sequence 2, not 1"],
  [
    "a barrier that takes a sequence",
    [{ kind: "barrier", id: barrier, sequence: sequence(1), time, consistency: "crash" }],
    "record 0 (barrier) has sequence 1, not 0",
  ],
  ["a write of nothing", [write(1, Buffer.alloc(0))], "record 0 (data) covers nothing"],
  [
    "a zero record of nothing",
    [{ kind: "zero", sequence: sequence(1), time, disk, offset, length: bytes(0) }],
    "record 0 (zero) covers nothing",
  ],
  [
    "a range behind every disk",
    [{ ...write(1), offset: bytes(Number.MAX_SAFE_INTEGER) }],
    "record 0 (data) ends behind every disk",
  ],
  ["digests that are not of the blocks", [digests([1, 2], 32)], "record 0 (digests) has 32 bytes of digests"],
  ["digests out of order", [digests([2, 2], 64)], "record 0 (digests) names blocks out of order"],
  [
    "a proof out of order",
    [
      {
        kind: "proof",
        barrier,
        sequence: sequence(0),
        time,
        roots: [1, 0].map((index) => ({
          disk: diskIndex(index),
          size: bytes(1),
          root: someContent().previous,
        })),
      },
    ],
    "record 0 (proof) names disks out of order",
  ],
  ["more than 64 MiB", [write(1, Buffer.alloc(64 * MIB))], "the limit is"],
])("%s is refused", async (_, records, message) => {
  await expect(sealSegment(someContent({ records }))).rejects.toThrow(message);
});

test("a segment whose data change while it is sealed is never handed out", async () => {
  const data = Buffer.alloc(4096, 1);
  const sealing = sealSegment(someContent({ records: [write(1, data)] }));
  data[77] = 2;
  await expect(sealing).rejects.toMatchObject({ code: "SegmentDamaged" });
});

test.each([
  ["zeros", Buffer.alloc(3 * MIB), true],
  ["random bytes", randomBytes(3 * MIB), false],
  ["a few random bytes", randomBytes(3000), false],
  ["random bytes and as many zeros", Buffer.concat([randomBytes(MIB), Buffer.alloc(MIB)]), true],
])("%s are stored in the shorter form", async (_, data, compressed) => {
  const sealed = await sealSegment(someContent({ records: [write(1, data)] }));
  expect(sealed.header.compressed).toBe(compressed);
  const [record] = await openSegment(sealed, KEY);
  expect(record?.kind === "data" && Buffer.compare(record.data, data)).toBe(0);
});

test("an index that shrinks does not make dense data worth compressing", async () => {
  const records = Array.from({ length: 20 }, (_, i) => write(i + 1, randomBytes(4096)));
  const { header } = await sealSegment(someContent({ records }));
  expect(header).toMatchObject({ compressed: false, storedLength: 20 * (4096 + 32) });
});

test("many segments sealed at once keep apart", async () => {
  const contents = Array.from({ length: 12 }, (_, i) => someContent({ from: sequence(i * 100) }, 40 + i));
  const sealed = await Promise.all(contents.map(sealSegment));
  for (const [i, { records }] of contents.entries()) {
    const segment = sealed[i];
    if (!segment) throw new Error(`no segment ${i}`);
    expect(await openSegment(segment, KEY)).toEqual(records);
  }
});
