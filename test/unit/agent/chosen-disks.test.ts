import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Capture } from "../../../agent/capture.ts";
import { FREE_PLACE } from "../../../agent/free-place.ts";
import { sha256 } from "../../../engine/core/digest.ts";
import { BLOCK, diskIndex, generation, millis, sequence } from "../../../engine/core/units.ts";
import { dataKey } from "../../../engine/journal/key.ts";
import { startOf } from "../../../engine/journal/position.ts";
import type { JournalRecord } from "../../../engine/journal/record.ts";
import {
  KEY_BYTES,
  MACHINE,
  QUICK,
  type TestMachine,
  barrier,
  readJournal,
  replayed,
  testMachine,
  until,
  write,
} from "./machine.ts";

const SIZE = 4 * BLOCK;
const filled = (fill: number) => Buffer.alloc(SIZE, fill);

/** As the control plane answers: of which disks the generation is. */
const begin = (machine: TestMachine, of: number, record: readonly number[], one = machine.capture): void =>
  one.begin({
    machine: MACHINE,
    generation: generation(of),
    from: sequence(0),
    record: record.map(diskIndex),
    policy: QUICK,
    store: machine.store,
    key: dataKey(KEY_BYTES),
  });

async function point(capture: Capture, n: number): Promise<void> {
  await until(() => capture.status?.mode === "streaming");
  await capture.requestBarrier(barrier(n));
  await until(() => capture.status?.backlog.segments === 0);
}

function put(capture: Capture, name: string, data: Buffer): void {
  const found = capture.exports.find((one) => one.name === name);
  if (!found) throw new Error(`there is no ${name}`);
  write(found, BLOCK, data);
}

const journalOf = ({ store }: TestMachine, of: number): Promise<JournalRecord[]> =>
  readJournal(store, startOf(generation(of), sequence(0)));

/** Disks that the records name. */
const named = (records: readonly JournalRecord[]) =>
  [...new Set(records.flatMap((one) => ("disk" in one ? [one.disk] : [])))].toSorted((a, b) => a - b);

const rootsIn = (records: readonly JournalRecord[]) =>
  records.flatMap((one) => (one.kind === "proof" ? [one.roots.map(({ disk }) => disk)] : []));

test("disks that the generation is not of are served and written, and nothing of them is in the journal", async () => {
  const machine = testMachine([filled(1), filled(2), filled(3)]);
  begin(machine, 1, [0, 2]);
  for (const name of ["disk0", "disk1", "disk2"]) put(machine.capture, name, Buffer.alloc(BLOCK, 9));
  await point(machine.capture, 1);
  expect(machine.capture.status?.initialCopy).toMatchObject({ done: 2 * SIZE, total: 2 * SIZE });
  await machine.capture.close(millis(0));
  const records = await journalOf(machine, 1);
  expect(named(records)).toEqual([0, 2]);
  expect(rootsIn(records)).toEqual([[0, 2]]);
  const [first, none, last] = replayed(records, [SIZE, SIZE, SIZE]);
  const held = machine.diskPaths.map((path) => sha256(readFileSync(path)));
  expect([first, last].map((disk) => sha256(disk ?? none ?? Buffer.alloc(0)))).toEqual([held[0], held[2]]);
  expect(sha256(readFileSync(machine.diskPaths[1] ?? ""))).not.toBe(sha256(filled(2)));
});

test("an agent that is started with one disk more goes on where it was, and records that one from the next generation on", async () => {
  const machine = testMachine([filled(1), filled(2)]);
  begin(machine, 1, [0, 1]);
  await point(machine.capture, 1);
  await machine.capture.close(millis(0));
  const added = join(machine.spoolDirectory, "added.img");
  writeFileSync(added, filled(5));
  const again = machine.restarted({ diskPaths: [...machine.diskPaths, added] });
  expect(again.resume).toMatchObject({ generation: 1 });
  expect(again.disks.map(({ index }) => index)).toEqual([0, 1, 2]);
  put(again, "disk2", Buffer.alloc(BLOCK, 7));
  begin(machine, 1, [0, 1], again);
  put(again, "disk1", Buffer.alloc(BLOCK, 8));
  await point(again, 2);
  expect(named(await journalOf(machine, 1))).toEqual([0, 1]);
  begin(machine, 2, [0, 1, 2], again);
  await point(again, 3);
  await again.close(millis(0));
  const records = await journalOf(machine, 2);
  expect(rootsIn(records)).toEqual([[0, 1, 2]]);
  const held = [...machine.diskPaths, added].map((path) => sha256(readFileSync(path)));
  expect(replayed(records, [SIZE, SIZE, SIZE]).map(sha256)).toEqual(held);
});

test("a place that is kept free is nobody's, and the others keep their numbers", async () => {
  const machine = testMachine([filled(1), filled(2), filled(3)]);
  begin(machine, 1, [0, 2]);
  await point(machine.capture, 1);
  await machine.capture.close(millis(0));
  const [first = "", , last = ""] = machine.diskPaths;
  const again = machine.restarted({ diskPaths: [first, FREE_PLACE, last] });
  expect(again.resume).toMatchObject({ generation: 1 });
  expect(again.exports.map(({ name }) => name)).toEqual(["disk0", "disk2"]);
  expect(again.disks.map(({ index }) => index)).toEqual([0, 2]);
  begin(machine, 1, [0, 2], again);
  put(again, "disk2", Buffer.alloc(BLOCK, 8));
  await point(again, 2);
  await again.close(millis(0));
  const records = await journalOf(machine, 1);
  expect(rootsIn(records)).toEqual([
    [0, 2],
    [0, 2],
  ]);
  expect(sha256(replayed(records, [SIZE, SIZE, SIZE])[2] ?? Buffer.alloc(0))).toBe(
    sha256(readFileSync(last)),
  );
});

test("an agent that lacks a disk that it recorded cannot go on", async () => {
  const machine = testMachine([filled(1), filled(2)]);
  begin(machine, 1, [0, 1]);
  await point(machine.capture, 1);
  await machine.capture.close(millis(0));
  const again = machine.restarted({ diskPaths: machine.diskPaths.slice(0, 1) });
  expect(again.resume).toBeUndefined();
  await again.close(millis(0));
});
