import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { sha256 } from "../../../engine/core/digest.ts";
import { BLOCK, SECTOR, bytes, millis } from "../../../engine/core/units.ts";
import { rootOf } from "../../../engine/journal/digest-tree.ts";
import { barrier, diskOf, replayed, streaming, testMachine, until, write } from "./machine.ts";

/** Azure gives no VM more data disks. */
const DISKS = 64;
const SIZE = 3 * BLOCK + 5 * SECTOR;
const SECTORS = SIZE / SECTOR;

test(`a machine of ${DISKS} disks has one order of writes, one barrier and a root for each disk, and goes on when its agent starts again`, async () => {
  const model = Array.from({ length: DISKS }, (_, disk) => Buffer.alloc(SIZE, disk + 1));
  const sizes = model.map(({ length }) => length);
  const machine = testMachine(model.map((disk) => Buffer.from(disk)));
  machine.begin();
  await streaming(machine);

  /** Each round touches every disk, in another order and at another place. */
  const work = (from: number, rounds: number, of = machine.capture) => {
    for (let n = from * DISKS; n < (from + rounds) * DISKS; n++) {
      const disk = (n * 29) % DISKS;
      const data = Buffer.alloc(SECTOR, n % 251);
      const offset = ((n * 7) % SECTORS) * SECTOR;
      write(diskOf({ capture: of }, disk), offset, data);
      model[disk]?.set(data, offset);
    }
  };
  work(0, 10);
  const before = model.map((disk) => Buffer.from(disk));
  const proof = machine.capture.requestBarrier(barrier(1));
  work(10, 10);
  await proof;
  await machine.capture.close(millis(0));

  const again = machine.restarted();
  expect(again.resume).toBeDefined();
  machine.begin(1, machine.store, undefined, again);
  await until(() => again.status?.mode === "streaming");
  work(20, 10, again);
  await again.requestBarrier(barrier(2));
  await until(() => again.status?.backlog.segments === 0);
  await again.close(millis(0));

  const records = await machine.journal();
  const sequences = records.flatMap((one) =>
    one.kind === "data" || one.kind === "zero" ? [one.sequence] : [],
  );
  expect(sequences).toEqual(sequences.map((_, n) => n + 1));
  expect(replayed(records, sizes, barrier(1)).map(sha256)).toEqual(before.map(sha256));
  for (const [id, disks] of [
    [barrier(1), before],
    [barrier(2), model],
  ] as const) {
    const proved = records.find((one) => one.kind === "proof" && one.barrier === id);
    expect(proved).toMatchObject({
      roots: disks.map((disk, index) => ({ disk: index, root: rootFor(disk) })),
    });
  }
  expect(replayed(records, sizes).map(sha256)).toEqual(model.map(sha256));
  expect(machine.diskPaths.map((path) => sha256(readFileSync(path)))).toEqual(model.map(sha256));
});

function rootFor(disk: Buffer): string {
  const digests = Array.from({ length: Math.ceil(disk.length / BLOCK) }, (_, n) =>
    Buffer.from(sha256(disk.subarray(n * BLOCK, (n + 1) * BLOCK)), "hex"),
  );
  return rootOf(bytes(disk.length), Buffer.concat(digests));
}
