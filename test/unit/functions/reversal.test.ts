import { randomBytes } from "node:crypto";
import { beforeEach, expect, test } from "vitest";
import { armId, operationId } from "../../../engine/core/ids.ts";
import { BLOCK, MIB, SECTOR, bytes, diskIndex, generation, micros } from "../../../engine/core/units.ts";
import { newDataKey } from "../../../engine/journal/key.ts";
import { type ItemRecord, itemKeyOf, sourceOf, targetOf } from "../../../engine/recovery/item.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { beginningOn, keepsMarks, reasonOf } from "../../../engine/recovery/resync.ts";
import { BaseDigests } from "../../../engine/replication/base-digests.ts";
import { readBase } from "../../../engine/replication/lineage.ts";
import { imageDigests } from "../../../engine/replication/verify.ts";
import { MemoryObjectStore, MemoryRecordStore } from "../../../engine/storage/memory.ts";
import { resyncActivities } from "../../../functions/activities/resync.ts";
import { chooseBase } from "../../../functions/base-choice.ts";
import { generationFor } from "../../../functions/generations.ts";
import { giveAway, receive, seedTurn } from "../../../functions/reversal.ts";
import type { Services } from "../../../functions/services.ts";
import { collect } from "../../fixtures/collect.ts";
import { ITEM, failedOver, position, progress } from "../engine/recovery/fixture.ts";

const SIZES = [MIB + SECTOR, 3 * BLOCK];
const { machine } = failedOver();
const LIMITS = { segmentBytes: bytes(BLOCK), maxBytes: bytes(64 * MIB) };

/** One direction: what its app has in the region that it leads to. */
class Side {
  readonly records = recordsIn(new MemoryRecordStore());
  readonly target = new MemoryObjectStore();
  readonly cache = new MemoryObjectStore();
  readonly #key = newDataKey();
  #now = 1e15;

  get services(): Services {
    return {
      ...Object.create(null),
      records: this.records,
      target: this.target,
      clock: { now: () => micros((this.#now += 1e6)), sleep: async () => undefined },
      keyOf: async () => this.#key,
      objectsAt: () => this.cache,
    };
  }

  async item(): Promise<ItemRecord> {
    const found = await this.records.items.get(itemKeyOf(machine));
    if (!found) throw new Error("no item");
    return found.value;
  }

  /** As an agent registers that has no journal to go on with. */
  register() {
    const { services } = this;
    return generationFor(this.records, { machine }, undefined, async (issued, old) =>
      beginningOn(await chooseBase(services, issued, old), old, reasonOf(issued, old), services.clock.now()),
    );
  }

  async seedAll(disks: readonly Buffer[]): Promise<number> {
    for (let turns = 0; turns < 20; turns++) {
      const { state, copied } = await seedTurn(this.services, machine, readersOf(disks), LIMITS);
      if (state !== "more") return copied;
    }
    throw new Error("it never ends");
  }

  /** What the agent is to compare with, once it is offered. */
  async offered(): Promise<BaseDigests> {
    await resyncActivities.tendResync({ machine }, { services: this.services, client: Object.create(null) });
    const { generation: of } = await this.item();
    const kept = await readBase(this.target, machine, of);
    if (!kept) throw new Error("no base");
    const place = { machine, generation: of, digest: kept.digest, id: kept.base.point.id };
    const { cache } = this;
    return new BaseDigests({ cache: () => cache, key: () => this.#key, place });
  }
}

const readersOf = (disks: readonly Buffer[]) =>
  disks.map((disk, i) => ({
    index: diskIndex(i),
    size: bytes(disk.length),
    read: async (offset: number, length: number) => disk.subarray(offset, offset + length),
  }));

let there: Side;
let here: Side;
let old: Buffer[];

/** What the two apps know of the machine as it runs in the other region. */
const terms = (from: ItemRecord) => ({
  source: { ...sourceOf(from), region: "there", principal: "its new identity" },
  target: { ...targetOf(from), region: "here" },
});

const DISKS = SIZES.map((size, i) => ({
  index: diskIndex(i),
  id: armId(`${ITEM}/disk${i}`),
  name: `disk${i}`,
  size: bytes(size),
  sku: "Premium_LRS",
  caching: "None" as const,
}));
const SOURCE = {
  region: "here",
  vmSize: "Standard_D2s_v5",
  tags: {},
  principal: "its first identity",
  network: { name: "net", addressPrefixes: [], subnets: [] },
  nics: [],
  disks: DISKS,
};
const TARGET = {
  region: "there",
  resourceGroup: armId(`${ITEM}/group`),
  network: armId(`${ITEM}/network`),
  vm: armId(`${ITEM}/vm`),
  cache: { id: armId(`${ITEM}/cache`), blobEndpoint: "https://cache" },
};

beforeEach(async () => {
  there = new Side();
  here = new Side();
  old = SIZES.map((size) => randomBytes(size));
  const item = { ...failedOver(), source: SOURCE, target: TARGET };
  await there.records.items.create(itemKeyOf(machine), item);
  await there.records.progress.create(machine, progress({ machine, arrived: position(9, 60) }));
});

const failover = () => failedOver().job.operation;

async function turned(): Promise<ItemRecord> {
  const given = await giveAway(there.services, machine, { failover: failover(), to: "here" });
  await receive(here.services, given, terms(given));
  return given;
}

/** What was taken over is failed over as well, and taken back. */
async function turnedFrom(from: Side, to: Side, [source, target]: [string, string]): Promise<ItemRecord> {
  await from.records.items.update(itemKeyOf(machine), (item) => ({
    ...item,
    state: "UnplannedFailoverCommitPending",
    generation: generation(item.generation + 1),
  }));
  const { job } = await from.item();
  const back = await giveAway(from.services, machine, { failover: job.operation, to: target });
  await receive(to.services, back, {
    source: { ...sourceOf(back), region: source },
    target: { ...targetOf(back), region: target },
  });
  return back;
}

test("drills of one direction say nothing of the other", async () => {
  const verdict = {
    operation: failover(),
    startTime: micros(1),
    state: "Failed" as const,
    cleanedTime: micros(2),
  };
  await there.records.items.update(itemKeyOf(machine), (item) => ({ ...item, drills: [verdict] }));
  expect((await turned()).drills).toEqual([verdict]);
  expect((await here.item()).drills).toBeUndefined();
});

test("what the old disks hold is what the first generation of the other direction is compared with", async () => {
  await turned();
  expect(await here.seedAll(old)).toBe(SIZES.reduce((sum, size) => sum + size, 0));
  expect(await here.item()).toMatchObject({ state: "InitialReplication", generation: 4 });
  const { resync, arrived, from } = await here.register();
  expect(resync).toMatchObject({ reason: "reversal", base: { generation: 3 } });
  expect(arrived.generation).toBe(5);
  expect(from).toBeGreaterThan(60);
  const offered = await here.offered();
  expect(await offered.ready()).toBe(true);
  const [disk] = DISKS;
  if (!disk) throw new Error("no disk");
  const now = Buffer.from(old[0] ?? []);
  now[5 * BLOCK] = ~(now[5 * BLOCK] ?? 0);
  const digests = await imageDigests(
    async (offset, length) => now.subarray(offset, offset + length),
    disk.size,
  );
  expect(await offered.differing(disk, 0, digests.length / 32, digests)).toEqual([5]);
});

test("the disks of a direction that was left and is taken again are read on top of its own journal", async () => {
  await turned();
  await here.seedAll(old);
  await here.register();
  const back = await turnedFrom(here, there, ["here", "there"]);
  expect(await there.seedAll(old)).toBeGreaterThan(0);
  expect((await there.item()).generation).toBeGreaterThan(back.generation);
});

test("two turns of the same disks write nothing twice, and a third one that comes late nothing at all", async () => {
  await turned();
  const [a, b] = await Promise.all([here.seedAll(old), here.seedAll(old)]);
  expect([a, b]).toContain(SIZES.reduce((sum, size) => sum + size, 0));
  const before = await collect(here.target.list("machines/"));
  expect(await seedTurn(here.services, machine, readersOf(old), LIMITS)).toMatchObject({ state: "ended" });
  expect(await collect(here.target.list("machines/"))).toEqual(before);
  expect(before.every(({ name }) => name.includes("/journal/"))).toBe(true);
});

test("a turn that reads on when another one is done refuses no base, and begins nothing anew", async () => {
  await turned();
  await here.seedAll(old);
  await here.register();
  await turnedFrom(here, there, ["here", "there"]);
  await there.seedAll(old);
  await there.register();
  await turnedFrom(there, here, ["there", "here"]);
  const { generation: of } = await here.item();
  let done = 0;
  const late = readersOf(old).map((disk) => ({
    ...disk,
    read: async (offset: number, length: number) => {
      if (done++ === 0) await here.seedAll(old);
      return disk.read(offset, length);
    },
  }));
  await seedTurn(here.services, machine, late, LIMITS);
  expect(done).toBeGreaterThan(0);
  expect(await here.item()).toMatchObject({ state: "InitialReplication", generation: of + 1 });
  const { resync, seed } = (await here.records.progress.get(machine))?.value ?? {};
  expect(seed?.generation).toBe(of);
  expect(resync).toMatchObject({ base: { generation: 3 }, refused: [] });
});

test("nobody registers before the disks are a base, nor on the side that gave the machine away", async () => {
  await turned();
  await expect(here.register()).rejects.toMatchObject({ code: "AgentFenced" });
  await here.seedAll(old);
  await expect(there.register()).rejects.toMatchObject({ code: "AgentFenced" });
});

test("the other direction cannot begin before this one was given away", async () => {
  const item = await there.item();
  await expect(receive(here.services, item, terms(item))).rejects.toMatchObject({ code: "StateNotAllowed" });
  expect(await here.records.items.get(itemKeyOf(machine))).toBeUndefined();
});

test("a turn that comes late, behind another failover, is refused, and one that comes twice changes nothing", async () => {
  const given = await turned();
  expect(await giveAway(there.services, machine, { failover: failover(), to: "here" })).toEqual(given);
  const other = operationId("00000000-0000-4000-8000-00000000beef");
  await expect(giveAway(there.services, machine, { failover: other, to: "here" })).rejects.toMatchObject({
    code: "StateNotAllowed",
  });
  const taken = await here.item();
  await here.seedAll(old);
  await receive(here.services, given, terms(given));
  expect((await here.item()).generation).toBe(taken.generation + 1);
});

test("other disks than those that were protected are refused", async () => {
  const given = await giveAway(there.services, machine, { failover: failover(), to: "here" });
  const wrong = terms(given);
  const source = { ...wrong.source, disks: wrong.source.disks.slice(1) };
  await expect(receive(here.services, given, { ...wrong, source })).rejects.toMatchObject({
    code: "InvalidRequest",
  });
});

test("the first generation may begin again before it has a point: its base is still known", async () => {
  await turned();
  await here.seedAll(old);
  await here.register();
  const { resync } = await here.register();
  expect(resync).toMatchObject({ reason: "continuity", base: { generation: 3 } });
  expect(keepsMarks("reversal")).toBe(false);
});

test("a base that cannot be read any more is refused, and everything is copied", async () => {
  await turned();
  await here.seedAll(old);
  await here.register();
  const names = (await collect(here.target.list("machines/"))).map(({ name }) => name);
  await here.target.delete(names.filter((name) => name.endsWith("1.seg")));
  await resyncActivities.tendResync({ machine }, { services: here.services, client: Object.create(null) });
  const { resync } = await here.register();
  expect(resync).toMatchObject({ reason: "verification", refused: [3] });
  expect(resync?.base).toBeUndefined();
});

test("the side that takes a machine over knows which network and subnet each interface came from", async () => {
  const network = (name: string) =>
    armId(`/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/${name}`);
  const nic = (name: string, subnet: string) => ({
    name,
    subnet,
    primary: name === "a",
    network: network("home"),
    acceleratedNetworking: false,
  });
  await there.records.items.update(itemKeyOf(machine), (item) => ({
    ...item,
    source: { ...SOURCE, nics: [nic("a", "front"), nic("b", "rear")] },
    target: {
      ...TARGET,
      nics: [
        { name: "a", subnet: armId(`${network("away")}/subnets/one`) },
        { name: "b", subnet: armId(`${network("away")}/subnets/rear`) },
      ],
    },
  }));
  await turned();
  const rows = await collect(here.records.mappings.list());
  expect(rows).toContainEqual(
    expect.objectContaining({
      source: network("away"),
      target: network("home"),
      subnets: { one: "front", rear: "rear" },
    }),
  );
  expect(rows).toContainEqual(
    expect.objectContaining({
      source: network("home"),
      target: network("away"),
      subnets: { front: "one", rear: "rear" },
    }),
  );
});
