import { open, readFile } from "node:fs/promises";
import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { captureTurn } from "../../../engine/capture/image-capture.ts";
import type { Images } from "../../../engine/capture/image.ts";
import { onlyDeclared } from "../../../engine/azure/declared.ts";
import { systemClock } from "../../../engine/core/clock.ts";
import { barrierId, machineId } from "../../../engine/core/ids.ts";
import {
  BLOCK,
  GIB,
  KIB,
  MIB,
  bytes,
  diskIndex,
  generation,
  micros,
  millis,
  sequence,
} from "../../../engine/core/units.ts";
import { newDataKey } from "../../../engine/journal/key.ts";
import { startOf } from "../../../engine/journal/position.ts";
import { cut } from "../../../engine/replication/points.ts";
import { restorePoint } from "../../../engine/replication/restore.ts";
import { ship } from "../../../engine/replication/ship.ts";
import { MemoryObjectStore } from "../../../engine/storage/memory.ts";
import { diskImages } from "../../../functions/activities/disk-images.ts";
import { changesBy } from "../../../functions/activities/snapshot-reader.ts";
import { MemorySink } from "../../fixtures/memory-sink.ts";
import { lossesAt } from "../../fixtures/story.ts";
import { NORTH, type TestBox, finished, groupId, idOf, startBox } from "./fixture.ts";

const MACHINE = machineId("imaged");
const VM = idOf("g", "Microsoft.Compute/virtualMachines", "imaged");
const diskIds = ["os", "data"].map((name) => idOf("g", "Microsoft.Compute/disks", name));

let box: TestBox;
beforeAll(async () => {
  box = await startBox();
  await box.client.put(groupId("g"), { location: NORTH });
  for (const id of diskIds) {
    const properties = { creationData: { createOption: "Empty" }, diskSizeGB: 1, osType: "Linux" };
    const body = { location: NORTH, sku: { name: "Premium_LRS" }, properties };
    await finished(box.client, await box.client.put(id, body));
  }
});
afterAll(() => box.close());

const fileOf = (n: number) => `${box.directory}/disks/${["os", "data"][n]}.img`;

async function write(n: number, offset: number, data: Buffer): Promise<void> {
  const image = await open(fileOf(n), "r+");
  await image.write(data, 0, data.length, offset);
  await image.close();
}

const images = (): Images =>
  diskImages(
    { arm: onlyDeclared(box.client), clock: systemClock },
    {
      machine: MACHINE,
      vmId: VM,
      region: NORTH,
      disks: diskIds.map((id, index) => ({ id, index: diskIndex(index) })),
    },
    Object.assign(Object.create(null), { tlsOptions: { ca: box.ca } }),
  );

const snapshots = async () => {
  const found: unknown[] = [];
  for await (const one of box.client.list(`${groupId("g")}/providers/Microsoft.Compute/snapshots`))
    found.push(one);
  return found;
};

test("two images of two managed disks become points that restore to what the disks were; one snapshot of each is left, and none is open", async () => {
  const cache = new MemoryObjectStore();
  const target = new MemoryObjectStore();
  const key = newDataKey();
  const start = startOf(generation(1), sequence(0));
  let arrived = start;
  let asked = 0;
  const disks = diskIds.map((_, index) => ({
    index: diskIndex(index),
    name: `disk${index}`,
    size: bytes(GIB),
  }));
  const turn = () =>
    captureTurn({
      target,
      cache,
      key,
      machine: MACHINE,
      start,
      arrived,
      base: undefined,
      disks,
      images: images(),
      // The second image is due at once.
      clock: { ...systemClock, now: () => micros(systemClock.now() + asked) },
      interval: millis(60_000),
      wanted: undefined,
      newBarrier: () => barrierId(randomUUID()),
      segmentBytes: bytes(4 * MIB),
      enough: () => false,
    });
  const imaged = async (number: number) => {
    for (;;) {
      const { state, wait } = await turn();
      if (state.base?.number === number && state.swept) return;
      await systemClock.sleep(millis(Math.min(wait, 50)));
    }
  };
  await write(0, 5 * MIB, randomBytes(3 * MIB));
  await write(1, 700 * MIB + 512, randomBytes(512));
  await imaged(1);
  const before = await Promise.all([readFile(fileOf(0)), readFile(fileOf(1))]);
  asked = 120e6;
  await write(0, 6 * MIB, Buffer.alloc(MIB));
  await write(0, 900 * MIB, randomBytes(10 * KIB));
  // More ranges than one answer holds.
  const comb = randomBytes(80 * MIB);
  for (let at = 0; at < comb.length; at += 8 * KIB) comb.fill(0, at, at + 4 * KIB);
  await write(1, 100 * MIB, comb);
  await imaged(2);
  const after = await Promise.all([readFile(fileOf(0)), readFile(fileOf(1))]);
  const limits = { objectBytes: bytes(16 * MIB), maxBytes: bytes(GIB), parallel: 2 };
  const { position, marked } = await ship({ cache, target, machine: MACHINE, from: arrived, limits });
  arrived = position;
  const { points } = await cut({ target, key, machine: MACHINE, disks, marked, pending: [], lossesAt });
  expect(points.length).toBe(2);
  for (const [n, wanted] of [before, after].entries()) {
    const point = points[n];
    if (!point) throw new Error(`there is no point ${n}`);
    const sinks = disks.map(({ size }) => new MemorySink(size));
    await restorePoint({ objects: target, key, point, sinkFor: async ({ index }) => sinks[index] });
    expect(sinks.map(({ content }, index) => content.equals(wanted[index] ?? Buffer.alloc(0)))).toEqual([
      true,
      true,
    ]);
  }
  const left = await snapshots();
  expect(left).toHaveLength(2);
  for (const snapshot of left) expect(snapshot).toMatchObject({ properties: { diskState: "Unattached" } });
}, 240_000);

test("sweeping takes away what is ours alone, and open ones as well", async () => {
  const foreign = idOf("g", "Microsoft.Compute/snapshots", "leeward-foreign");
  const creationData = { createOption: "Copy", sourceResourceId: diskIds[0] };
  const body = { location: NORTH, properties: { creationData, incremental: true } };
  await finished(box.client, await box.client.put(foreign, body));
  const image = { generation: generation(7), number: 1 };
  const dead = images();
  await dead.take(image);
  while ((await dead.look(image)).state === "pending") await systemClock.sleep(millis(20));
  await dead.open(image, undefined, diskIndex(0));
  await images().sweep([]);
  expect(await snapshots()).toMatchObject([{ name: "leeward-foreign" }]);
});

test("differences are taken from the storage's client with the byte that it leaves out, in order, over as many answers as it takes", async () => {
  const answers = [
    {
      pageRange: [{ offset: 8192, count: 4095 }],
      clearRange: [{ offset: 0, count: 511 }],
      continuationToken: "more",
    },
    { pageRange: [{ offset: 12_288, count: BLOCK - 1 }], clearRange: [{ offset: 12_288, count: 8191 }] },
  ];
  const asked: number[][] = [];
  const found = await changesBy(
    async (offset, count) => {
      asked.push([offset, count]);
      return answers[asked.length - 1] ?? {};
    },
    0,
    BLOCK,
  );
  expect(asked).toEqual([
    [0, BLOCK],
    [12_288, BLOCK - 12_288],
  ]);
  expect(found).toEqual([
    { start: 0, end: 512, cleared: true },
    { start: 8192, end: BLOCK, cleared: false },
  ]);
});
