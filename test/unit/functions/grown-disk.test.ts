import { expect, test } from "vitest";
import { systemClock } from "../../../engine/core/clock.ts";
import { AGENT_VERSION } from "../../../engine/contract/agent-version.ts";
import { sha256 } from "../../../engine/core/digest.ts";
import { MIB, bytes, diskIndex, generation, micros } from "../../../engine/core/units.ts";
import type { RecoveryPoint } from "../../../engine/journal/manifest.ts";
import { journalPrefix, replicaName } from "../../../engine/journal/names.ts";
import { beginFailover } from "../../../engine/recovery/begin.ts";
import { disksIn } from "../../../engine/recovery/disk-size.ts";
import { itemKeyOf, sourceOf } from "../../../engine/recovery/item.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { listCheckpoints } from "../../../engine/replication/checkpoints.ts";
import { listLayers } from "../../../engine/replication/layers.ts";
import { listPoints, readPoint } from "../../../engine/replication/points.ts";
import { countOf } from "../../../engine/replication/blocks.ts";
import { restorePoint } from "../../../engine/replication/restore.ts";
import { verifyPoint } from "../../../engine/replication/verify-point.ts";
import { failoverActivities } from "../../../functions/activities/failover.ts";
import { journalActivities } from "../../../functions/activities/journal.ts";
import { replicationActivities } from "../../../functions/activities/replication.ts";
import { retentionActivities } from "../../../functions/activities/retention.ts";
import { resyncActivities } from "../../../functions/activities/resync.ts";
import { registerAgent } from "../../../functions/agent-calls.ts";
import { collect } from "../../fixtures/collect.ts";
import { MemorySink } from "../../fixtures/memory-sink.ts";
import { type Event, type Story, cacheSegments, tell } from "../../fixtures/story.ts";
import { POINT, write } from "../../fixtures/verified.ts";
import { servicesOver, toolsOf } from "../../simulation/control-plane.ts";
import { Dice } from "../../simulation/dice.ts";
import { BRISK, protectedItem } from "../../simulation/machine.ts";
import { memoryStores } from "../../simulation/stores.ts";

const SMALL = [
  { index: diskIndex(0), name: "os", size: bytes(MIB) },
  { index: diskIndex(1), name: "data", size: bytes(MIB) },
];
const LARGE = SMALL.map((disk, n) => (n === 1 ? { ...disk, size: bytes(3 * MIB) } : disk));

/** Each write a minute behind the one before, the first an hour ago and more. */
const minutely = (at: number): number => 1_790_000_000_000_000 + at * 60e6;

/** A machine whose disks have one point, which its warm replica holds; everything is the product's, over memory. */
async function scene(events: readonly Event[] = [write(0, 0, 8, 1), write(1, 2000, 40, 2), ...POINT]) {
  const story = await tell(events, { disks: SMALL, clock: minutely });
  const { machine, key } = story;
  const stores = memoryStores();
  const records = recordsIn(stores.records);
  const time = { now: systemClock.now() };
  const services = servicesOver(stores, key, { ...systemClock, now: () => time.now });
  const tools = toolsOf(services);
  const item = protectedItem({ machine, principal: "p", disks: SMALL }, new Dice(1));
  const { policy } = item;
  await records.items.create(itemKeyOf(machine), {
    ...item,
    policy: { ...policy, replica: "warm", retention: BRISK },
  });
  const itemNow = async () => (await records.items.get(itemKeyOf(machine)))?.value ?? item;
  const s = { stores, records, services, tools, machine, key, itemNow, time };
  await journalActivities.prepareReplica({ machine }, tools);
  await register(s, SMALL);
  await told(s, story);
  await replicationActivities.checkpoint({ machine }, tools);
  return { ...s, story };
}

type Scene = Omit<Awaited<ReturnType<typeof scene>>, "story">;

const register = async (
  { services, tools, itemNow }: Pick<Scene, "services" | "tools" | "itemNow">,
  disks: typeof SMALL,
) =>
  registerAgent({ services, client: tools.client }, await itemNow(), {
    agentVersion: AGENT_VERSION,
    disks: disks.map(({ index, size }) => ({ index, size })),
    compares: true,
  });

/** What an agent did reaches the target, and points are made of it. */
async function told({ stores, machine, tools }: Pick<Scene, "stores" | "machine" | "tools">, story: Story) {
  await cacheSegments(stores.cache, story.segments);
  await replicationActivities.ship({ machine }, tools);
  await replicationActivities.cut({ machine }, tools);
}

/** The agent is started with the larger disk, and its generation has a point. */
async function grown(
  s: Scene & { readonly story: Story },
  events: readonly Event[] = [write(1, 5000, 40, 3), ...POINT],
) {
  const answer = await register(s, LARGE);
  await resyncActivities.tendResync({ machine: s.machine }, s.tools);
  const held = s.story.moments.at(-1)?.disks ?? [];
  const disks = LARGE.map(({ size }, n) => Buffer.concat([held[n] ?? Buffer.alloc(0)], size));
  const digest = answer.base?.digest;
  if (!digest) throw new RangeError("it stands on nothing");
  const story = await tell(events, {
    disks: LARGE,
    clock: minutely,
    key: s.key,
    generation: answer.generation,
    from: answer.from,
    base: { disks, digest },
  });
  return { answer, story };
}

const pointsOf = async ({ stores, machine }: Scene): Promise<RecoveryPoint[]> =>
  Promise.all(
    (await listPoints(stores.target, machine)).map(({ id }) => readPoint(stores.target, machine, id)),
  );

const planTo = async ({ records, machine, tools }: Scene, point: RecoveryPoint | undefined) => {
  if (!point) throw new RangeError("there is no such point");
  const begun = await records.items.update(itemKeyOf(machine), (old) =>
    beginFailover(old, { now: micros(1_790_000_001_000_000), point: point.id }),
  );
  await failoverActivities.planFailover({ machine, operation: begun.job.operation, point: point.id }, tools);
  return (await records.items.get(itemKeyOf(machine)))?.value.failover?.road;
};

test("an agent whose disk has grown begins a generation of the larger disk, on the newest point of the smaller one", async () => {
  const s = await scene();
  const { answer } = await grown(s);
  const item = await s.itemNow();
  expect(answer).toMatchObject({ generation: 2, base: { marked: false } });
  expect(item).toMatchObject({ generation: 2, resync: { reason: "resize" } });
  expect(disksIn(item, generation(1)).map(({ size }) => size)).toEqual([MIB, MIB]);
  expect(sourceOf(item).disks.map(({ size }) => size)).toEqual([MIB, 3 * MIB]);
  expect((await s.records.progress.get(s.machine))?.value.resync).toMatchObject({
    reason: "resize",
    offered: true,
  });
});

test("a disk that is smaller than it was, or that nobody knows, is refused, and nothing changes", async () => {
  const s = await scene();
  const before = await s.itemNow();
  const shrunk = SMALL.map((disk) => ({ ...disk, size: bytes(MIB / 2) }));
  await expect(register(s, shrunk)).rejects.toMatchObject({ code: "InvalidRequest" });
  const more = [...LARGE, { index: diskIndex(2), name: "new", size: bytes(MIB) }];
  await expect(register(s, more)).rejects.toMatchObject({ code: "InvalidRequest" });
  expect(await s.itemNow()).toEqual(before);
});

test("points from before and behind the growth restore each at its own size, and their digests agree", async () => {
  const s = await scene();
  const { story } = await grown(s);
  await told(s, story);
  const points = await pointsOf(s);
  expect(points.map(({ disks }) => disks[1]?.size)).toEqual([MIB, 3 * MIB]);
  for (const [n, { moments }] of [s.story, story].entries()) {
    const point = points[n];
    if (!point) throw new RangeError("there is no such point");
    const sinks = point.disks.map(({ size }) => new MemorySink(size));
    const { key, stores } = s;
    await restorePoint({ objects: stores.target, key, point, sinkFor: async ({ index }) => sinks[index] });
    expect(sinks.map(({ content }) => sha256(content))).toEqual(moments.at(-1)?.disks.map(sha256));
    expect(countOf((await verifyPoint({ objects: stores.target, key, point })).wrong)).toBe(0);
  }
});

test("the replica is made anew at the larger size, and holds the new point", async () => {
  const s = await scene();
  const { story } = await grown(s);
  await told(s, story);
  const { machine, stores, tools } = s;
  const [old] = await listCheckpoints(stores.target, machine);
  expect(old?.disks.map(({ size }) => size)).toEqual([MIB, MIB]);
  await replicationActivities.checkpoint({ machine }, tools);
  const [made, ...others] = await listCheckpoints(stores.target, machine);
  expect(others).toEqual([]);
  expect(made?.disks.map(({ size }) => size)).toEqual([MIB, 3 * MIB]);
  for (const { index, size, snapshot } of made?.disks ?? []) {
    const held = await stores.pages.read(replicaName(machine, index), bytes(0), size, snapshot);
    expect(sha256(held)).toBe(sha256(story.moments.at(-1)?.disks[index] ?? Buffer.alloc(0)));
    const footer = await stores.pages.read(replicaName(machine, index), size, bytes(512), snapshot);
    expect(footer.toString("latin1", 0, 8)).toBe("conectix");
  }
  // And goes on from there.
  await replicationActivities.checkpoint({ machine }, tools);
  expect((await s.records.progress.get(machine))?.value).toMatchObject({ applied: { generation: 2 } });
  expect((await s.records.progress.get(machine))?.value.rebuildSince).toBeUndefined();
});

test("a failover takes the replica's road only to points of its own sizes", async () => {
  const first = await scene();
  const behind = await grown(first);
  await told(first, behind.story);
  // Not fitted yet: the replica has the old sizes.
  expect(await planTo(first, (await pointsOf(first)).at(-1))).toBe("upload");
  const second = await scene();
  await told(second, (await grown(second)).story);
  await replicationActivities.checkpoint({ machine: second.machine }, second.tools);
  expect(await planTo(second, (await pointsOf(second)).at(0))).toBe("upload");
  const third = await scene();
  await told(third, (await grown(third)).story);
  await replicationActivities.checkpoint({ machine: third.machine }, third.tools);
  expect(await planTo(third, (await pointsOf(third)).at(-1))).toBe("import");
});

test("points of both sizes outlive their segments, in layers of both generations", async () => {
  const rounds = (first: number): Event[] =>
    Array.from({ length: 10 }, (_, n) => [
      write(0, (n * 7) % 1000, 4, 1 + n),
      write(1, (first + n * 100) % 2000, 4, 1 + n),
      ...POINT,
    ]).flat();
  const s = await scene(rounds(0));
  const { story } = await grown(s, rounds(1000));
  await told(s, story);
  const { machine, stores, tools, key, time } = s;
  const moments = new Map([...s.story.moments, ...story.moments].map((one) => [one.barrier.id, one.disks]));
  time.now = micros(minutely(90));
  for (let round = 0; round < 4; round++) {
    await retentionActivities.thin({ machine }, tools);
    while ((await retentionActivities.compact({ machine }, tools)).state === "more");
    while ((await retentionActivities.sweep({ machine }, tools)).state === "more");
    time.now = micros(time.now + 2 * 3600e6);
  }
  expect(await collect(stores.target.list(journalPrefix(machine, generation(1))))).toEqual([]);
  for (const of of [1, 2])
    expect((await listLayers(stores.target, machine, generation(of))).length).toBeGreaterThan(0);
  const points = await pointsOf(s);
  expect(new Set(points.map(({ disks }) => disks[1]?.size))).toEqual(new Set([MIB, 3 * MIB]));
  for (const point of points) {
    const sinks = point.disks.map(({ size }) => new MemorySink(size));
    await restorePoint({ objects: stores.target, key, point, sinkFor: async ({ index }) => sinks[index] });
    expect(sinks.map(({ content }) => sha256(content))).toEqual(moments.get(point.id)?.map(sha256));
    expect(countOf((await verifyPoint({ objects: stores.target, key, point })).wrong)).toBe(0);
  }
});
