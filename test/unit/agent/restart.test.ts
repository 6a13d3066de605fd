import { readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { Bitmap } from "../../../agent/bitmap.ts";
import { DigestTable } from "../../../agent/digest-table.ts";
import { KeptBitmap } from "../../../agent/kept-bitmap.ts";
import { nodeFiles } from "../../../agent/node-files.ts";
import type { Capture } from "../../../agent/capture.ts";
import { sha256 } from "../../../engine/core/digest.ts";
import { BLOCK, GIB, MIB, bytes, millis } from "../../../engine/core/units.ts";
import { DigestTree, rootOf, zeroDigests } from "../../../engine/journal/digest-tree.ts";
import type { JournalRecord } from "../../../engine/journal/record.ts";
import type { ObjectStore } from "../../../engine/storage/store.ts";
import { troubledCache } from "../../fixtures/cache-trouble.ts";
import {
  LateSealer,
  QUICK,
  type TestMachine,
  barrier,
  caughtUp,
  diskOf,
  scratch,
  streaming,
  testMachine,
  until,
  write,
} from "./machine.ts";

/** The agent is gone without a word; another one has its disks and its spool. */
async function killed(machine: TestMachine): Promise<{ capture: Capture }> {
  await caughtUp(machine);
  const capture = machine.restarted();
  onTestFinished(() => capture.close(millis(0)).catch(() => undefined));
  machine.begin(1, machine.store, undefined, capture);
  return { capture };
}

const named = (records: readonly JournalRecord[], n: number): number =>
  records.reduce(
    (sum, one) => sum + (one.kind === "digests" && one.barrier === barrier(n) ? one.blocks.length : 0),
    0,
  );

async function proofOf(machine: TestMachine, { capture }: { capture: Capture }, n: number) {
  await capture.requestBarrier(barrier(n));
  await caughtUp({ capture });
  const records = await machine.journal();
  const proof = records.find((one) => one.kind === "proof" && one.barrier === barrier(n));
  return { named: named(records, n), roots: proof?.kind === "proof" ? proof.roots : [] };
}

function rootsNow(machine: TestMachine) {
  return machine.diskPaths.map((path, disk) => {
    const content = readFileSync(path);
    const digests = [];
    for (let at = 0; at < content.length; at += BLOCK)
      digests.push(Buffer.from(sha256(content.subarray(at, at + BLOCK)), "hex"));
    const size = bytes(content.length);
    return { disk, size, root: rootOf(size, Buffer.concat(digests)) };
  });
}

test("after a kill only what changed since the last proof is hashed", async () => {
  const machine = testMachine([Buffer.alloc(8 * MIB, 1)]);
  machine.begin();
  await streaming(machine);
  expect((await proofOf(machine, machine, 1)).named).toBe(128);
  write(diskOf(machine), 5 * BLOCK, Buffer.alloc(4096, 2));
  write(diskOf(machine), 9 * BLOCK + 100 * 512, Buffer.alloc(3 * BLOCK, 3));
  const next = await killed(machine);
  write(diskOf(next), 50 * BLOCK, Buffer.alloc(512, 4));
  const { named: count, roots } = await proofOf(machine, next, 2);
  expect(count).toBe(1 + 4 + 1);
  expect(roots).toEqual(rootsNow(machine));
});

test("a segment whose sealing ends after the agent gets no name: what was left is what the next one finds", async () => {
  const sealer = new LateSealer();
  const machine = testMachine([Buffer.alloc(MIB)], 64 * MIB, { draftSegment: sealer.draft });
  machine.begin();
  await streaming(machine);
  write(diskOf(machine), 0, Buffer.alloc(4096, 1));
  await until(() => machine.capture.status?.backlog.segments !== 0);
  await machine.capture.close(millis(0));
  const files = () => readdirSync(join(machine.spoolDirectory, "000001")).toSorted();
  const left = files();
  sealer.letAll();
  await until(() => sealer.finished > 0);
  await new Promise((resolve) => setImmediate(resolve));
  expect(files().filter((name) => name.endsWith(".log"))).toEqual(
    left.filter((name) => name.endsWith(".log")),
  );
  expect(files().filter((name) => name.endsWith(".seg"))).toEqual([]);
});

test("what a log told of before a kill is still known after a second one, when it is a segment", async () => {
  const sealers = [new LateSealer(), new LateSealer(), new LateSealer()] as const;
  const [first, second, third] = sealers;
  for (const sealer of sealers) sealer.letAll();
  const machine = testMachine([Buffer.alloc(8 * MIB, 1)], 64 * MIB, { draftSegment: first.draft });
  // Its log is open when it is killed: nothing was saved for its end.
  machine.begin(1, machine.store, { ...QUICK, sealAge: millis(600_000) });
  await streaming(machine);
  await proofOf(machine, machine, 1);
  await first.kill();
  write(diskOf(machine), 5 * BLOCK, Buffer.alloc(4096, 2));
  const again = (sealer: LateSealer, store: ObjectStore) => {
    const capture = machine.restarted({ draftSegment: sealer.draft });
    onTestFinished(() => capture.close(millis(0)).catch(() => undefined));
    machine.begin(1, store, undefined, capture);
    return { capture };
  };
  const stuck = troubledCache(machine.store);
  stuck.trouble = "stuck";
  again(second, stuck.store);
  await until(() => second.finished > 0);
  await second.kill();
  const { named: count, roots } = await proofOf(machine, again(third, machine.store), 2);
  expect(count).toBe(1);
  expect(roots).toEqual(rootsNow(machine));
});

test("without its files a restarted agent names every block again", async () => {
  const machine = testMachine([Buffer.alloc(MIB, 1)]);
  machine.begin();
  await streaming(machine);
  await proofOf(machine, machine, 1);
  rmSync(join(machine.spoolDirectory, "000001", "disk00.changed"));
  const next = await killed(machine);
  expect(await proofOf(machine, next, 2)).toEqual({ named: 16, roots: rootsNow(machine) });
});

test("a table of digests in a file gives the roots of one in memory, before and after a restart", () => {
  const path = join(scratch(), "digests");
  const size = bytes(GIB + 5 * BLOCK - 512);
  const memory = new DigestTree(size, zeroDigests(size));
  const all = zeroDigests(size).length / 32;
  const changes = fc.array(fc.tuple(fc.nat(all - 1), fc.uint8Array({ minLength: 32, maxLength: 32 })));
  fc.assert(
    fc.property(changes, (some) => {
      const table = new DigestTable(nodeFiles, path, size);
      const tree = new DigestTree(size, table);
      for (const [block, digest] of some) {
        digest[0] = 1;
        tree.set(block, digest);
        memory.set(block, digest);
      }
      while (tree.settle(7));
      expect(tree.root()).toBe(memory.root());
      table.close();
    }),
    { numRuns: 20 },
  );
});

test("a kept bitmap is found again as it was saved", () => {
  const bound = 100_000;
  const path = join(scratch(), "bits");
  const numbers = fc.array(fc.nat(bound - 1), { maxLength: 50 });
  fc.assert(
    fc.property(numbers, numbers, numbers, (start, saved, lost) => {
      const first = new KeptBitmap(nodeFiles, path, bound);
      const begin = new Bitmap(bound);
      for (const n of start) begin.add(n);
      first.become(begin);
      for (const n of saved) first.add(n);
      first.save();
      for (const n of lost) first.add(n);
      first.close();
      const again = new KeptBitmap(nodeFiles, path, bound);
      const expected = [...new Set([...start, ...saved])].toSorted((a, b) => a - b);
      expect([...again.numbers]).toEqual(expected);
      expect(again.numbers.count).toBe(expected.length);
      expect(again.numbers.first()).toBe(expected[0]);
      again.close();
    }),
  );
});
