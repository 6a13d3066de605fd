import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { sha256 } from "../../../engine/core/digest.ts";
import { LeewardError } from "../../../engine/core/errors.ts";
import type { BarrierId } from "../../../engine/core/ids.ts";
import { BLOCK, MIB, SECTOR, bytes, millis } from "../../../engine/core/units.ts";
import { rootOf, zeroDigests } from "../../../engine/journal/digest-tree.ts";
import type { JournalRecord } from "../../../engine/journal/record.ts";
import {
  LateSealer,
  barrier,
  caughtUp,
  diskOf,
  replayed,
  streaming,
  testMachine,
  until,
  write,
} from "./machine.ts";

const SIZES = [MIB, 5 * BLOCK + 3 * SECTOR];

type Step =
  | { do: "write"; disk: number; sector: number; sectors: number; fill: number }
  | { do: "zero"; disk: number; sector: number; sectors: number }
  | { do: "flush"; disk: number }
  | { do: "barrier" }
  | { do: "breathe" }
  | { do: "seal" };

const place = { disk: fc.nat(1), sector: fc.nat(2047), sectors: fc.integer({ min: 1, max: 300 }) };
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("write" as const),
      ...place,
      fill: fc.integer({ min: 1, max: 255 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("zero" as const), ...place }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("flush" as const), disk: fc.nat(1) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("barrier" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("breathe" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("seal" as const) }) },
);

/** Fits the range of a step into its disk. */
function range({ disk, sector, sectors }: { disk: number; sector: number; sectors: number }) {
  const all = (SIZES[disk] ?? 0) / SECTOR;
  const first = sector % all;
  const count = Math.min(sectors, all - first);
  return { offset: bytes(first * SECTOR), length: bytes(count * SECTOR) };
}

test("the journal up to any barrier is the disks at that instant, and digests and roots say so", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      fc.infiniteStream(fc.nat(255)),
      async (steps, fills) => {
        const before = SIZES.map((size) => Buffer.alloc(size));
        before[0]?.fill(fills.next().value ?? 1, 3 * BLOCK, 6 * BLOCK);
        const sealer = new LateSealer();
        const machine = testMachine(before, 64 * MIB, { draftSegment: sealer.draft });
        const model = before.map((disk) => Buffer.from(disk));
        const atBarrier = new Map<BarrierId, Buffer[]>();
        machine.begin();
        await streaming(machine);
        let proofs = Promise.resolve();
        for (const one of steps) {
          if (one.do === "write") {
            const { offset, length } = range(one);
            const data = Buffer.alloc(length, one.fill);
            write(diskOf(machine, one.disk), offset, data);
            model[one.disk]?.set(data, offset);
          } else if (one.do === "zero") {
            const { offset, length } = range(one);
            const zeroed = diskOf(machine, one.disk).zero(offset, length);
            model[one.disk]?.fill(0, offset, offset + length);
            await zeroed;
          } else if (one.do === "flush") await diskOf(machine, one.disk).flush();
          else if (one.do === "seal") sealer.letOne();
          else if (one.do === "breathe") await new Promise((resolve) => setImmediate(resolve));
          else {
            await proofs;
            const id = barrier(atBarrier.size);
            atBarrier.set(
              id,
              model.map((disk) => Buffer.from(disk)),
            );
            proofs = machine.capture.requestBarrier(id);
          }
        }
        await proofs;
        sealer.letAll();
        await caughtUp(machine);
        const records = await machine.journal();
        expect(replayed(records, SIZES).map(sha256)).toEqual(model.map(sha256));
        expect(machine.diskPaths.map((path) => sha256(readFileSync(path)))).toEqual(model.map(sha256));
        for (const [id, disks] of atBarrier) {
          expect(replayed(records, SIZES, id).map(sha256)).toEqual(disks.map(sha256));
          expectProof(records, id, disks);
        }
        await machine.capture.close(millis(0));
      },
    ),
    { numRuns: 60 },
  );
});

/** Folds all digests up to the barrier's proof, and compares them with the blocks themselves. */
function expectProof(records: readonly JournalRecord[], id: BarrierId, disks: readonly Buffer[]): void {
  const tables = disks.map((disk) => Buffer.from(zeroDigests(bytes(disk.length))));
  for (const record of records) {
    if (record.kind === "digests")
      record.blocks.forEach((block, n) =>
        tables[record.disk]?.set(record.digests.subarray(n * 32, n * 32 + 32), block * 32),
      );
    if (record.kind !== "proof" || record.barrier !== id) continue;
    disks.forEach((disk, index) => {
      const table = tables[index] ?? Buffer.alloc(0);
      for (let block = 0; block * BLOCK < disk.length; block++) {
        const content = disk.subarray(block * BLOCK, (block + 1) * BLOCK);
        expect(table.toString("hex", block * 32, block * 32 + 32)).toBe(sha256(content));
      }
      expect(record.roots[index]).toEqual({
        disk: index,
        size: disk.length,
        root: rootOf(bytes(disk.length), table),
      });
    });
    return;
  }
  expect.unreachable(`barrier ${id} has no proof`);
}

test("a write that overtakes an unhashed block does not change the barrier's digest", async () => {
  const machine = testMachine([Buffer.alloc(MIB, 1)]);
  machine.begin();
  await streaming(machine);
  // What the initial copy found is hashed already; this is not.
  for (let at = 0; at < MIB; at += BLOCK) write(diskOf(machine), at, Buffer.alloc(BLOCK, 1));
  const proved = machine.capture.requestBarrier(barrier(1));
  for (let at = 0; at < MIB; at += BLOCK) write(diskOf(machine), at, Buffer.alloc(4096, 2));
  await proved;
  await caughtUp(machine);
  const records = await machine.journal();
  expectProof(records, barrier(1), [Buffer.alloc(MIB, 1)]);
  const [last] = records.filter(({ kind }) => kind === "data").slice(-1);
  expect(last?.sequence).toBe(machine.capture.status?.captured.sequence);
});

test("the initial copy never carries older content than a write in front of it", async () => {
  const content = Buffer.alloc(8 * MIB, 1);
  const machine = testMachine([content, Buffer.alloc(MIB, 3)]);
  const sizes = [8 * MIB, MIB];
  machine.begin();
  for (let n = 0; machine.capture.status?.mode === "initial-copy"; n++) {
    const data = Buffer.alloc(4096, 2 + (n % 200));
    const offset = ((n * 37) % 2048) * 4096;
    write(diskOf(machine), offset, data);
    content.set(data, offset);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await caughtUp(machine);
  const records = await machine.journal();
  expect(records.filter(({ kind }) => kind === "data").length).toBeGreaterThan(33);
  expect(replayed(records, sizes).map(sha256)).toEqual([content, Buffer.alloc(MIB, 3)].map(sha256));
});

test("no barrier is set before the initial copy is complete, and then each id once", async () => {
  const machine = testMachine([Buffer.alloc(4 * MIB, 1)]);
  machine.begin();
  await machine.capture.requestBarrier(barrier(1));
  await machine.capture.requestBarrier(barrier(1));
  expect(machine.capture.status?.barriers).toEqual([]);
  await until(() => machine.capture.status?.barriers.length === 1);
  await machine.capture.requestBarrier(barrier(1));
  await until(() => machine.capture.status?.backlog.segments === 0);
  await until(() => machine.capture.status?.mode === "streaming");
  const kinds = (await machine.journal()).map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind === "barrier")).toHaveLength(1);
  expect(kinds.indexOf("barrier")).toBeGreaterThan(kinds.lastIndexOf("data"));
});

test("zero blocks are left out of the initial copy", async () => {
  const content = Buffer.alloc(4 * MIB);
  content.fill(7, 3 * BLOCK, 4 * BLOCK);
  const machine = testMachine([content]);
  machine.begin();
  await streaming(machine);
  await caughtUp(machine);
  expect(machine.capture.status?.captured.bytes).toBe(BLOCK);
  expect(machine.capture.status?.initialCopy).toEqual({
    done: 4 * MIB,
    total: 4 * MIB,
    rate: 0,
    scope: "all",
    sent: BLOCK,
  });
});

test("an orderly end leaves nothing to do but to go on", async () => {
  const machine = testMachine([Buffer.alloc(MIB, 1)]);
  machine.begin();
  await streaming(machine);
  await machine.capture.close(millis(5000));
  const again = machine.restarted();
  onTestFinished(() => again.close(millis(0)));
  expect(again.resume?.generation).toBe(1);
  expect(again.resume?.next).toBe(machine.capture.status?.cached.next);
  expect(again.status?.captured).toEqual(machine.capture.status?.captured);
});

test("a journal that breaks while it is registered to go on gets no second history", async () => {
  const machine = testMachine([Buffer.alloc(MIB, 1)]);
  machine.begin();
  await streaming(machine);
  await caughtUp(machine);
  const before = await machine.journal();
  machine.capture.stop(new LeewardError("SpoolDamaged", "the spool's disk failed"));
  machine.begin();
  write(diskOf(machine), 0, Buffer.alloc(BLOCK, 2));
  expect(machine.capture.status?.mode).toBe("stopped");
  expect(machine.capture.resume).toBeUndefined();
  expect(await machine.journal()).toEqual(before);
});
