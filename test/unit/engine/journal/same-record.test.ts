import { expect, test } from "vitest";
import { digestOf } from "../../../../engine/core/digest.ts";
import { barrierId } from "../../../../engine/core/ids.ts";
import { bytes, diskIndex, micros, sequence } from "../../../../engine/core/units.ts";
import type { JournalRecord } from "../../../../engine/journal/record.ts";
import { sameRecord } from "../../../../engine/journal/same-record.ts";

const [one, two] = [1, 2].map((n) => barrierId(`00000000-0000-4000-8000-00000000000${n}`));
if (!one || !two) throw new Error("no barriers");
const at = { sequence: sequence(1), time: micros(1) };
const [disk, other] = [diskIndex(0), diskIndex(1)];
const data = { kind: "data" as const, ...at, disk, offset: bytes(0), data: Buffer.from([1, 2]) };
const zero = { kind: "zero" as const, ...at, disk, offset: bytes(0), length: bytes(2) };
const barrier = { kind: "barrier" as const, ...at, id: one, consistency: "crash" as const };
const blocks = Uint32Array.of(1, 70_000);
const digests = { kind: "digests" as const, ...at, barrier: one, disk, blocks, digests: new Uint8Array(64) };
const root = { disk, size: bytes(5), root: digestOf("a".repeat(64)) };
const proof = { kind: "proof" as const, ...at, barrier: one, roots: [root] };

/** Each differs from its neighbours in one thing. */
const RECORDS: readonly JournalRecord[] = [
  data,
  { ...data, sequence: sequence(2) },
  { ...data, time: micros(2) },
  { ...data, disk: other },
  { ...data, offset: bytes(1) },
  { ...data, data: Buffer.from([1, 3]) },
  { ...data, data: Buffer.from([1]) },
  zero,
  { ...zero, disk: other },
  { ...zero, offset: bytes(1) },
  { ...zero, length: bytes(3) },
  barrier,
  { ...barrier, id: two },
  { ...barrier, consistency: "application" },
  digests,
  { ...digests, barrier: two },
  { ...digests, disk: other },
  { ...digests, blocks: Uint32Array.of(1, 70_001) },
  { ...digests, digests: new Uint8Array(64).fill(1, 63) },
  proof,
  { ...proof, barrier: two },
  { ...proof, roots: [] },
  { ...proof, roots: [root, { ...root, disk: other }] },
  { ...proof, roots: [{ ...root, disk: other }] },
  { ...proof, roots: [{ ...root, size: bytes(6) }] },
  { ...proof, roots: [{ ...root, root: digestOf("b".repeat(64)) }] },
];

test("a record is the same as its copy and as nothing else", () => {
  const copies = structuredClone(RECORDS);
  for (const [i, record] of RECORDS.entries())
    expect(copies.map((copy) => sameRecord(record, copy))).toEqual(copies.map((_, j) => i === j));
});

test("no record is the same as a missing one", () => {
  expect(RECORDS.some((record) => sameRecord(record, undefined))).toBe(false);
});
