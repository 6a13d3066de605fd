import { beforeEach, expect, test } from "vitest";
import { armId, barrierId } from "../../../engine/core/ids.ts";
import { bytes, diskIndex, generation, micros, ordinal, sequence } from "../../../engine/core/units.ts";
import { NO_DIGEST } from "../../../engine/core/digest.ts";
import type { RecoveryPoint } from "../../../engine/journal/manifest.ts";
import { journalPrefix, offerName, pointName } from "../../../engine/journal/names.ts";
import { startOf } from "../../../engine/journal/position.ts";
import { badPointOf } from "../../../engine/recovery/bad-point.ts";
import { itemKey } from "../../../engine/recovery/item.ts";
import type { ProgressRecord } from "../../../engine/recovery/progress.ts";
import { type AllRecords, recordsIn } from "../../../engine/recovery/records.ts";
import { beginningOn, reasonOf } from "../../../engine/recovery/resync.ts";
import { verificationFor, withBad, withGood } from "../../../engine/recovery/verification.ts";
import { BaseDigests } from "../../../engine/replication/base-digests.ts";
import { readBase } from "../../../engine/replication/lineage.ts";
import { blockDigestsAt } from "../../../engine/replication/verify.ts";
import { MemoryObjectStore, MemoryRecordStore } from "../../../engine/storage/memory.ts";
import { resyncActivities } from "../../../functions/activities/resync.ts";
import { chooseBase } from "../../../functions/base-choice.ts";
import { endGeneration, generationFor } from "../../../functions/generations.ts";
import type { Services } from "../../../functions/services.ts";
import { carry } from "../../fixtures/carried.ts";
import { DISKS, type Story, tell } from "../../fixtures/story.ts";
import { EVENTS } from "../../fixtures/verified.ts";
import { ITEM, NOW, position, progress, protectedItem } from "../engine/recovery/fixture.ts";

const { machine } = protectedItem();
const ITEM_KEY = itemKey(ITEM);
let story: Story;
let target: MemoryObjectStore;
let cache: MemoryObjectStore;
let records: AllRecords;
let points: RecoveryPoint[];
let now = NOW;

const services = (): Services => ({
  ...Object.create(null),
  target,
  records,
  clock: { now: () => now, sleep: async () => undefined },
  keyOf: async () => story.key,
  objectsAt: () => cache,
});

beforeEach(async () => {
  story = await tell(EVENTS, { machine });
  target = new MemoryObjectStore();
  cache = new MemoryObjectStore();
  records = recordsIn(new MemoryRecordStore());
  points = await carry(story, target, 1);
  now = NOW;
  await records.items.create(ITEM_KEY, protectedItem({ source: SOURCE, target: TARGET }));
  await records.progress.create(machine, progress({ machine, arrived: position(9, 60) }));
});

const account = { id: armId(`${ITEM}/cache`), blobEndpoint: "https://cache" };
const TARGET = {
  region: "northeurope",
  resourceGroup: armId(`${ITEM}/group`),
  network: armId(`${ITEM}/network`),
  vm: armId(`${ITEM}/vm`),
  cache: account,
};
const SOURCE = {
  region: "westeurope",
  vmSize: "Standard_D2s_v5",
  tags: {},
  principal: "me",
  network: { name: "net", addressPrefixes: [], subnets: [] },
  nics: [],
  disks: DISKS.map(({ index, name, size }) => ({
    index,
    name,
    size,
    id: armId(`${ITEM}/${name}`),
    sku: "Premium_LRS",
    caching: "None" as const,
  })),
};

/** As an agent registers that has lost its place. */
const register = (): Promise<ProgressRecord> => {
  now = micros(now + 60e6);
  return generationFor(records, { machine }, undefined, async (issued, old) =>
    beginningOn(await chooseBase(services(), issued, old), old, reasonOf(issued, old), now),
  );
};

const tend = () =>
  resyncActivities.tendResync({ machine }, { services: services(), client: Object.create(null) });
const item = async () => (await records.items.get(ITEM_KEY))?.value ?? protectedItem();
const known = async () => (await records.progress.get(machine))?.value;
const at = (n: number): RecoveryPoint => {
  const found = points.at(n);
  if (!found) throw new RangeError(`no point ${n}`);
  return found;
};

test("a new generation stands on the newest point, and its journal begins with its base", async () => {
  const { arrived, from, resync } = await register();
  const kept = await readBase(target, machine, generation(2));
  expect(kept?.base.point.id).toBe(at(-1).id);
  expect(arrived).toEqual(startOf(generation(2), sequence(60), kept?.digest));
  expect(from).toBe(60);
  expect(resync).toMatchObject({ reason: "continuity", offered: false });
  // A read that lies says that there is no such document: the agent is told from the record.
  expect(resync?.base).toMatchObject({ id: at(-1).id, digest: kept?.digest });
});

test("where a point was found bad only one that was verified is a base", async () => {
  const facts = { ...at(1), bytes: bytes(0) };
  const good = { point: facts, scanned: facts.position, scrub: { next: 0, since: NOW } };
  const of = generation(1);
  await records.verification.upsert(machine, (old) => {
    const fresh = withGood(verificationFor(old, machine, of, NOW), "journal", good, NOW);
    return withBad(fresh, badPointOf("journal", at(2), new Map(), NOW));
  });
  await endGeneration(services(), { machine, generation: of }, "verification");
  const { resync } = await register();
  expect(resync).toMatchObject({ reason: "verification", base: { id: at(1).id } });
});

test("a point whose manifest is damaged is made again and is the base; without any everything is copied", async () => {
  for (const { generation: of, sequence: when, id } of points.slice(1))
    await target.put(pointName(machine, of, when, id), Buffer.from("{}"), "any");
  expect((await register()).resync?.base?.id).toBe(at(2).id);
  for (const { generation: of, sequence: when, id } of points)
    await target.delete([pointName(machine, of, when, id)]);
  const { arrived, resync } = await register();
  expect(resync?.base).toBeUndefined();
  expect(arrived.chain).toBe(NO_DIGEST);
});

test("the base's digests are offered to the agent, and cleared away behind the first point", async () => {
  await register();
  await tend();
  expect((await known())?.resync?.offered).toBe(true);
  const kept = await readBase(target, machine, (await item()).generation);
  if (!kept) throw new Error("no base");
  const place = { machine, generation: generation(2), digest: kept.digest, id: kept.base.point.id };
  const offered = new BaseDigests({ cache: () => cache, key: () => story.key, place });
  expect(await offered.ready()).toBe(true);
  const digests = await blockDigestsAt({ objects: target, key: story.key, point: at(-1) });
  for (const disk of DISKS) {
    const own = Buffer.from(digests.get(disk.index) ?? []);
    const all = own.length / 32;
    expect(await offered.differing(disk, 0, all, own)).toEqual([]);
    own.fill(1, 32, 64);
    expect(await offered.differing(disk, 0, all, own)).toEqual([1]);
  }
  await records.progress.update(machine, (old) => ({
    ...old,
    point: {
      id: barrierId("00000000-0000-4000-8000-000000000099"),
      generation: generation(2),
      sequence: sequence(70),
      time: now,
    },
  }));
  await tend();
  const names: string[] = [];
  for await (const { name } of cache.list("")) names.push(name);
  expect(names).toEqual([]);
  expect((await known())?.resync?.endedAt).toBe(now);
  const next = await register();
  expect(next.resync?.last).toMatchObject({ reason: "continuity", endedAt: now - 60e6 });
});

test("digests that take many turns, and several activities, are those that are offered in one", async () => {
  await register();
  const kept = await readBase(target, machine, generation(2));
  if (!kept) throw new Error("no base");
  // Each look at the clock finds that minutes have passed: a turn reads one segment.
  const hurried = {
    ...services(),
    clock: { now: () => (now = micros(now + 240e6)), sleep: async () => undefined },
  };
  const seen = new Set<string>();
  let activities = 0;
  while ((await known())?.resync?.offered !== true && activities < 50) {
    activities++;
    await resyncActivities.tendResync({ machine }, { services: hurried, client: Object.create(null) });
    for await (const { name } of target.list(`machines/${machine}/gathered/`)) seen.add(name);
  }
  expect(activities).toBeGreaterThan(2);
  expect(seen).toContain(offerName(machine));
  const place = { machine, generation: generation(2), digest: kept.digest, id: kept.base.point.id };
  const offered = new BaseDigests({ cache: () => cache, key: () => story.key, place });
  expect(await offered.ready()).toBe(true);
  const digests = await blockDigestsAt({ objects: target, key: story.key, point: at(-1) });
  for (const disk of DISKS) {
    const own = digests.get(disk.index) ?? new Uint8Array();
    expect(await offered.differing(disk, 0, own.length / 32, own)).toEqual([]);
    expect(Buffer.from(await offered.offered(disk, 0, own.length / 32))).toEqual(Buffer.from(own));
  }
  for await (const { name } of target.list(`machines/${machine}/gathered/`)) expect.fail(`${name} is left`);
});

test("what a turn has kept of them and is gone, or another's, is gathered anew", async () => {
  await register();
  const hurried = {
    ...services(),
    clock: { now: () => (now = micros(now + 240e6)), sleep: async () => undefined },
  };
  const once = () =>
    resyncActivities.tendResync({ machine }, { services: hurried, client: Object.create(null) });
  await once();
  const kept = [];
  for await (const { name } of target.list(`machines/${machine}/gathered/offer/`)) kept.push(name);
  expect(kept).not.toEqual([]);
  await target.delete(kept);
  for (let n = 0; (await known())?.resync?.offered !== true && n < 50; n++) await once();
  expect((await known())?.resync?.offered).toBe(true);
  expect((await item()).generation).toBe(2);
});

test("what the cache loses of the base's digests is put there again while the agent compares", async () => {
  await register();
  await tend();
  const offered = async () => {
    const names: string[] = [];
    for await (const { name } of cache.list("")) names.push(name);
    return names;
  };
  const all = await offered();
  for (const lost of all) {
    await cache.delete([lost]);
    await tend();
    expect(await offered()).toEqual(all);
  }
});

test("blocks that were found wrong are sent whatever they hold", async () => {
  const wrong = new Map([[diskIndex(0), { start: 2, end: 3 }]]);
  const bad = badPointOf("journal", at(2), new Map(), NOW);
  await register();
  await records.verification.upsert(machine, (old) => {
    const fresh = verificationFor(old, machine, generation(1), NOW);
    return withBad(fresh, {
      ...bad,
      blocks: [...wrong].map(([disk, { start }]) => ({ disk, block: start })),
    });
  });
  await tend();
  const kept = await readBase(target, machine, generation(2));
  if (!kept) throw new Error("no base");
  const place = { machine, generation: generation(2), digest: kept.digest, id: kept.base.point.id };
  const offered = new BaseDigests({ cache: () => cache, key: () => story.key, place });
  const digests = await blockDigestsAt({ objects: target, key: story.key, point: at(-1) });
  const [disk] = DISKS;
  const own = digests.get(diskIndex(0)) ?? new Uint8Array();
  expect(disk && (await offered.differing(disk, 0, own.length / 32, own))).toEqual([2]);
});

test("a base that cannot be read ends the generation, and the next stands on none of that journal", async () => {
  await register();
  const last = at(-1).position.next - 1;
  await target.delete([
    `${journalPrefix(machine, generation(1))}${String(ordinal(last)).padStart(12, "0")}.seg`,
  ]);
  await tend();
  expect((await item()).generation).toBe(3);
  const { arrived, resync } = await register();
  expect(arrived).toMatchObject({ generation: 3, chain: NO_DIGEST });
  expect(resync?.base).toBeUndefined();
  expect(resync).toMatchObject({ reason: "verification", offered: true, refused: [1] });
});

test("two that register at once each have their own base document", async () => {
  const both = await Promise.all([register(), register()]);
  for (const { arrived } of both)
    expect((await readBase(target, machine, arrived.generation))?.digest).toBe(arrived.chain);
});
