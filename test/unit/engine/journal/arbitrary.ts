import fc from "fast-check";
import { type Digest, NO_DIGEST, digestOf } from "../../../../engine/core/digest.ts";
import { type MachineId, barrierId, machineId } from "../../../../engine/core/ids.ts";
import {
  GIB,
  type Sequence,
  bytes,
  diskIndex,
  generation,
  micros,
  ordinal,
  sequence,
} from "../../../../engine/core/units.ts";
import { dataKey } from "../../../../engine/journal/key.ts";
import type { JournalRecord, WriteRecord } from "../../../../engine/journal/record.ts";
import type { SegmentContent } from "../../../../engine/journal/seal.ts";

export const KEY = dataKey(Buffer.alloc(32, 7));
export const OTHER_KEY = dataKey(Buffer.alloc(32, 8));
export const MACHINE: MachineId = machineId("ledger-3f9a01c2");

const whole = (max: number) => fc.integer({ min: 0, max });
const time = whole(Number.MAX_SAFE_INTEGER).map(micros);
const disk = whole(63).map(diskIndex);
const offset = fc.oneof(whole(4 * GIB), whole(2 ** 52)).map(bytes);
const barrier = fc.uuid().map(barrierId);
export const anyDigest: fc.Arbitrary<Digest> = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((raw) => digestOf(Buffer.from(raw).toString("hex")));

/** Random bytes, and bytes that compress. */
const guestData = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 600 }),
  fc.tuple(fc.integer({ min: 1, max: 9000 }), whole(255)).map(([length, fill]) => Buffer.alloc(length, fill)),
);

const blocksAndDigests = fc.uniqueArray(whole(2 ** 32 - 1), { maxLength: 8 }).chain((blocks) =>
  fc.record({
    blocks: fc.constant(Uint32Array.from(blocks).sort()),
    digests: fc.uint8Array({ minLength: blocks.length * 32, maxLength: blocks.length * 32 }),
  }),
);

const roots = fc
  .uniqueArray(whole(63), { maxLength: 5 })
  .chain((disks) =>
    fc.tuple(
      ...disks
        .toSorted((a, b) => a - b)
        .map((index) => fc.record({ disk: fc.constant(diskIndex(index)), size: offset, root: anyDigest })),
    ),
  );

const at = { sequence: fc.constant(sequence(0)), time };
const ofWrite = (write: fc.Arbitrary<WriteRecord>): fc.Arbitrary<WriteRecord> =>
  fc.tuple(write, fc.boolean()).map(([record, copied]) => (copied ? { ...record, copied: true } : record));
const anyRecord: fc.Arbitrary<JournalRecord> = fc.oneof(
  {
    weight: 6,
    arbitrary: ofWrite(
      fc.record({ kind: fc.constant("data" as const), ...at, disk, offset, data: guestData }),
    ),
  },
  {
    weight: 3,
    arbitrary: ofWrite(
      fc.record({
        kind: fc.constant("zero" as const),
        ...at,
        disk,
        offset,
        length: fc.integer({ min: 1, max: 2 ** 52 }).map(bytes),
      }),
    ),
  },
  fc.record({
    kind: fc.constant("barrier" as const),
    ...at,
    id: barrier,
    consistency: fc.constantFrom("crash" as const, "application" as const),
  }),
  fc
    .record({ kind: fc.constant("digests" as const), ...at, barrier, disk, pairs: blocksAndDigests })
    .map(({ pairs, ...record }) => ({ ...record, ...pairs })),
  fc.record({ kind: fc.constant("proof" as const), ...at, barrier, roots }),
);

/** Gives each record the sequence that the rules want. */
function inOrder(from: Sequence, records: readonly JournalRecord[]): JournalRecord[] {
  let last: number = from;
  return records.map((record) => {
    if (record.kind === "data" || record.kind === "zero") last += 1;
    return { ...record, sequence: sequence(last) };
  });
}

/** Any segment that may be sealed. */
export const anyContent: fc.Arbitrary<SegmentContent> = fc
  .record({
    machine: fc.constantFrom(MACHINE, machineId("a"), machineId("b".repeat(63))),
    generation: fc.integer({ min: 1, max: 999_999 }).map(generation),
    ordinal: whole(999_999_999_999).map(ordinal),
    previous: fc.oneof(fc.constant(NO_DIGEST), anyDigest),
    from: whole(2 ** 52).map(sequence),
    records: fc.array(anyRecord, { maxLength: 12 }),
    key: fc.constant(KEY),
  })
  .map((content) => ({ ...content, records: inOrder(content.from, content.records) }));

/** One write of 4 KiB after the other, with a barrier at the end if wanted. */
export function someContent(over: Partial<SegmentContent> = {}, writes = 3): SegmentContent {
  const from = over.from ?? sequence(0);
  const records = Array.from({ length: writes }, (_, i): JournalRecord => ({
    kind: "data",
    sequence: sequence(from + 1 + i),
    time: micros(1_790_000_000_000_000 + from + i),
    disk: diskIndex(0),
    offset: bytes(i * 8192),
    data: Buffer.alloc(4096, from + i + 1),
  }));
  return {
    machine: MACHINE,
    generation: generation(1),
    ordinal: ordinal(0),
    previous: NO_DIGEST,
    from,
    records,
    key: KEY,
    ...over,
  };
}
