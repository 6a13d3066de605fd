import fc from "fast-check";
import { expect, test } from "vitest";
import { systemClock } from "../../../engine/core/clock.ts";
import { AGENT_VERSION } from "../../../engine/contract/agent-version.ts";
import { sha256 } from "../../../engine/core/digest.ts";
import { armId } from "../../../engine/core/ids.ts";
import { MIB, bytes, diskIndex, generation, micros } from "../../../engine/core/units.ts";
import type { RecoveryPoint } from "../../../engine/journal/manifest.ts";
import { journalPrefix, replicaName } from "../../../engine/journal/names.ts";
import { beginFailover } from "../../../engine/recovery/begin.ts";
import { copyDisks, nextIndex, withAdded, withRemoved } from "../../../engine/recovery/disk-set.ts";
import { disksIn } from "../../../engine/recovery/disk-size.ts";
import { type ItemRecord, itemKeyOf, sourceOf } from "../../../engine/recovery/item.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { countOf } from "../../../engine/replication/blocks.ts";
import { listCheckpoints } from "../../../engine/replication/checkpoints.ts";
import { listLayers } from "../../../engine/replication/layers.ts";
import { type MachineDisk, listPoints, readPoint } from "../../../engine/replication/points.ts";
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

const disk = (index: number, size = bytes(MIB)): MachineDisk => ({
  index: diskIndex(index),
  name: `disk ${index}`,
  size,
});
const FIRST = [disk(0), disk(1)];

/** Each write a minute behind the one before, the first an hour ago and more. */
const minutely = (at: number): number => 1_790_000_000_000_000 + at * 60e6;

/** A machine whose disks have points, which its warm replica holds; everything is the product's, over memory. */
class Scene {
  readonly stores = memoryStores();
  readonly records = recordsIn(this.stores.records);
  readonly time = { now: systemClock.now() };
  readonly stories: Story[] = [];
  readonly #first: Story;
  readonly services;
  readonly tools;

  private constructor(first: Story) {
    this.#first = first;
    this.services = servicesOver(this.stores, first.key, { ...systemClock, now: () => this.time.now });
    this.tools = toolsOf(this.services);
  }

  static async begin(events: readonly Event[]): Promise<Scene> {
    const story = await tell(events, { disks: FIRST, clock: minutely });
    const scene = new Scene(story);
    const item = protectedItem({ machine: story.machine, principal: "p", disks: FIRST }, new Dice(1));
    await scene.records.items.create(itemKeyOf(story.machine), {
      ...item,
      policy: { ...item.policy, replica: "warm", retention: BRISK },
    });
    await journalActivities.prepareReplica({ machine: story.machine }, scene.tools);
    await scene.register(FIRST);
    await scene.#arrive(story);
    return scene;
  }

  get machine() {
    return this.#first.machine;
  }

  async item(): Promise<ItemRecord> {
    const found = await this.records.items.get(itemKeyOf(this.machine));
    if (!found) throw new RangeError("there is no item");
    return found.value;
  }

  change(to: (old: ItemRecord) => ItemRecord): Promise<ItemRecord> {
    return this.records.items.update(itemKeyOf(this.machine), to);
  }

  async register(served: readonly MachineDisk[], chooses = true) {
    return registerAgent({ services: this.services, client: this.tools.client }, await this.item(), {
      agentVersion: AGENT_VERSION,
      disks: served.map(({ index, size }) => ({ index, size })),
      compares: true,
      ...(chooses && { chooses }),
    });
  }

  /** The agent begins the generation that it is given, and comes as far as these events. */
  async goOn(served: readonly MachineDisk[], events: readonly Event[]) {
    const answer = await this.register(served);
    await resyncActivities.tendResync({ machine: this.machine }, this.tools);
    const disks = served.filter(({ index }) => answer.record?.includes(index));
    const { base } = answer;
    const story = await tell(events, {
      disks,
      clock: minutely,
      key: this.#first.key,
      generation: answer.generation,
      from: answer.from,
      ...(base && { base: { disks: this.#held(disks), digest: base.digest } }),
    });
    await this.#arrive(story);
    return { answer, story };
  }

  /** What the disks held at the last point; of a new one nothing. */
  #held(disks: readonly MachineDisk[]): Buffer[] {
    const before = this.stories.at(-1)?.moments.at(-1)?.disks ?? [];
    const held: Buffer[] = [];
    for (const { index, size } of disks)
      held[index] = Buffer.concat([before[index] ?? Buffer.alloc(0)], size);
    return held;
  }

  async #arrive(story: Story): Promise<void> {
    const { machine } = this;
    this.stories.push(story);
    await cacheSegments(this.stores.cache, story.segments);
    await replicationActivities.ship({ machine }, this.tools);
    await replicationActivities.cut({ machine }, this.tools);
  }

  async points(): Promise<RecoveryPoint[]> {
    const { target } = this.stores;
    const places = await listPoints(target, this.machine);
    return Promise.all(places.map(({ id }) => readPoint(target, this.machine, id)));
  }

  /** Disks of points that are not as they were then, or whose digests say something else. */
  async wrong(): Promise<string[]> {
    const wrong: string[] = [];
    const moments = new Map(
      this.stories.flatMap(({ moments: some }) => some.map((one) => [one.barrier.id, one.disks] as const)),
    );
    const objects = this.stores.target;
    const { key } = this.#first;
    for (const point of await this.points()) {
      const sinks = new Map(point.disks.map(({ index, size }) => [index, new MemorySink(size)]));
      await restorePoint({ objects, key, point, sinkFor: async ({ index }) => sinks.get(index) });
      for (const [index, { content }] of sinks)
        if (sha256(content) !== sha256(moments.get(point.id)?.[index] ?? Buffer.alloc(0)))
          wrong.push(`disk ${index} of ${point.id}`);
      if (countOf((await verifyPoint({ objects, key, point })).wrong) > 0)
        wrong.push(`digests of ${point.id}`);
    }
    return wrong;
  }
}

const BEFORE: readonly Event[] = [write(0, 0, 8, 1), write(1, 1000, 40, 2), ...POINT];

/** Everything that an item knows of a disk, of a size of its own. */
async function added(scene: Scene, ...sizes: number[]): Promise<ItemRecord> {
  return scene.change((old) => {
    const [model] = sourceOf(old).disks;
    const first = nextIndex(old);
    if (!model) throw new RangeError("there is no disk");
    const { osType: _, ...data } = model;
    const more = sizes.map((size, n) => ({
      ...data,
      ...disk(first + n, bytes(size)),
      id: idOf(first + n),
      lun: first + n,
    }));
    return withAdded(old, more, { requestedAt: scene.time.now });
  });
}

const idOf = (n: number) =>
  armId(`/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/disk-${n}`);

const removed = (scene: Scene, index: number): Promise<ItemRecord> =>
  scene.change((old) => {
    const found = sourceOf(old).disks.find((one) => one.index === index);
    if (!found) throw new RangeError(`there is no disk ${index}`);
    return withRemoved(old, [found.id], { requestedAt: scene.time.now });
  });

const planTo = async (scene: Scene, point: RecoveryPoint | undefined) => {
  if (!point) throw new RangeError("there is no such point");
  const { machine, tools } = scene;
  const begun = await scene.change((old) =>
    beginFailover(old, { now: micros(1_790_000_001_000_000), point: point.id }),
  );
  const { operation } = begun.job;
  const { steps } = await failoverActivities.planFailover({ machine, operation, point: point.id }, tools);
  return { steps, item: await scene.item() };
};

test("a disk that is added begins a generation: the others go on from the newest point, unread where nothing is marked", async () => {
  const scene = await Scene.begin(BEFORE);
  const item = await added(scene, 2 * MIB);
  expect(item).toMatchObject({ generation: 2, unissued: 2, resync: { reason: "disks" } });
  expect(sourceOf(item).disks.map(({ index }) => index)).toEqual([0, 1, 2]);
  const { answer } = await scene.goOn([...FIRST, disk(2, bytes(2 * MIB))], [write(2, 9, 4, 3), ...POINT]);
  expect(answer).toMatchObject({
    generation: 2,
    record: [0, 1, 2],
    // What the agent has marked of the others is all that it compares; of the new one it knows nothing.
    base: { marked: true, disks: [0, 1] },
  });
  const points = await scene.points();
  expect(points.map(({ disks }) => disks.map(({ index }) => index))).toEqual([
    [0, 1],
    [0, 1, 2],
  ]);
  expect(await scene.wrong()).toEqual([]);
});

test("a disk that is removed is in no later point, and in every earlier one; its index is given to no other", async () => {
  const scene = await Scene.begin(BEFORE);
  await removed(scene, 1);
  await scene.goOn(FIRST, [write(0, 100, 8, 3), ...POINT]);
  await added(scene, MIB);
  const served = [...FIRST, disk(2)];
  const { answer } = await scene.goOn(served, [write(2, 0, 8, 4), write(0, 0, 8, 5), ...POINT]);
  expect(answer.record).toEqual([0, 2]);
  const points = await scene.points();
  expect(points.map(({ disks }) => disks.map(({ index }) => index))).toEqual([[0, 1], [0], [0, 2]]);
  expect(await scene.wrong()).toEqual([]);
});

test("an agent that records all that it serves must serve exactly what is protected", async () => {
  const scene = await Scene.begin(BEFORE);
  const before = await scene.item();
  const served = [...FIRST, disk(2)];
  await expect(scene.register(served, false)).rejects.toMatchObject({ code: "InvalidRequest" });
  await expect(scene.register([disk(0)])).rejects.toMatchObject({ code: "InvalidRequest" });
  expect(await scene.item()).toEqual(before);
  expect((await scene.register(served)).record).toEqual([0, 1]);
});

test("the disk that the machine boots from cannot be removed, nor one that it does not have", async () => {
  const scene = await Scene.begin(BEFORE);
  const item = await scene.change((old) => {
    const source = sourceOf(old);
    const disks = source.disks.map((one, n) => (n === 0 ? { ...one, osType: "Linux" as const } : one));
    return { ...old, source: { ...source, disks } };
  });
  const asked = { requestedAt: scene.time.now };
  const boot = sourceOf(item).disks[0]?.id ?? idOf(0);
  expect(() => withRemoved(item, [boot], asked)).toThrow("boots from");
  expect(() => withRemoved(item, [idOf(77)], asked)).toThrow("none of its disks");
});

test("the replica gets the new disk and keeps the removed one as long as a checkpoint has it", async () => {
  const scene = await Scene.begin(BEFORE);
  const { machine, tools, stores } = scene;
  await replicationActivities.checkpoint({ machine }, tools);
  await removed(scene, 1);
  await added(scene, 2 * MIB);
  const served = [...FIRST, disk(2, bytes(2 * MIB))];
  await scene.goOn(served, [write(2, 9, 4, 3), write(0, 9, 4, 3), ...POINT]);
  await replicationActivities.checkpoint({ machine }, tools);
  const checkpoints = await listCheckpoints(stores.target, machine);
  expect(new Set(checkpoints.map(({ disks }) => disks.map(({ index }) => index).join()))).toEqual(
    new Set(["0,1", "0,2"]),
  );
  const moments = scene.stories.flatMap(({ moments: some }) => some);
  for (const { disks, id } of checkpoints)
    for (const { index, size, snapshot } of disks) {
      const held = await stores.pages.read(replicaName(machine, index), bytes(0), size, snapshot);
      const was = moments.find(({ barrier }) => barrier.id === id)?.disks[index];
      expect(sha256(held)).toBe(sha256(was ?? Buffer.alloc(0)));
    }
  for (let round = 0; round < 4; round++) {
    await scene.goOn(served, [write(0, round, 1, 9), ...POINT]);
    await replicationActivities.checkpoint({ machine }, tools);
  }
  await expect(stores.pages.read(replicaName(machine, diskIndex(1)), bytes(0), bytes(512))).rejects.toThrow(
    "there is no page blob",
  );
});

test("a failover to an older point builds the disks that the point has, and says so", async () => {
  const scene = await Scene.begin(BEFORE);
  await removed(scene, 1);
  await added(scene, 2 * MIB);
  await scene.goOn([...FIRST, disk(2, bytes(2 * MIB))], [write(2, 9, 4, 3), ...POINT]);
  const [old] = await scene.points();
  const { steps, item } = await planTo(scene, old);
  const built = steps.flatMap((step) => ("disk" in step && step.do === "import" ? [step.disk] : []));
  expect(built).toEqual([0, 1]);
  expect(copyDisks(item, {}).map(({ index }) => index)).toEqual([0, 1]);
  expect(item.failover?.notes).toEqual([
    "the point is of other disks than are protected now: without disk 2, added since; with disk 1, removed since",
  ]);
});

test("points of every set outlive their segments, in layers", async () => {
  const rounds = (on: number): Event[] =>
    Array.from({ length: 10 }, (_, n) => [
      write(0, (n * 7) % 1000, 4, 1 + n),
      write(on, (n * 100) % 1000, 4, 1 + n),
      ...POINT,
    ]).flat();
  const scene = await Scene.begin(rounds(1));
  await removed(scene, 1);
  await added(scene, MIB);
  await scene.goOn([...FIRST, disk(2)], rounds(2));
  const { machine, stores, tools, time } = scene;
  time.now = micros(minutely(90));
  for (let round = 0; round < 4; round++) {
    await retentionActivities.thin({ machine }, tools);
    while ((await retentionActivities.compact({ machine }, tools)).state === "more");
    while ((await retentionActivities.sweep({ machine }, tools)).state === "more");
    time.now = micros(time.now + 2 * 3600e6);
  }
  expect(await collect(stores.target.list(journalPrefix(machine, generation(1))))).toEqual([]);
  // None was ever written between the two changes.
  for (const of of [1, 3])
    expect((await listLayers(stores.target, machine, generation(of))).length).toBeGreaterThan(0);
  const sets = (await scene.points()).map(({ disks }) => disks.map(({ index }) => index).join());
  expect(new Set(sets)).toEqual(new Set(["0,1", "0,2"]));
  expect(await scene.wrong()).toEqual([]);
});

/** What happens to a set of disks, one behind the other. */
const step = fc.oneof(
  fc.record({ kind: fc.constant("add" as const), mebi: fc.integer({ min: 1, max: 2 }) }),
  fc.record({ kind: fc.constant("remove" as const), pick: fc.nat(9) }),
  fc.record({ kind: fc.constant("write" as const), pick: fc.nat(9), sector: fc.nat(1900) }),
);

test("whatever the sets are one behind the other, each point has its own disks as they were", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 6 }), async (steps) => {
      const scene = await Scene.begin(BEFORE);
      const served = [...FIRST];
      for (const each of steps) {
        const { disks } = sourceOf(await scene.item());
        const others = disks.filter(({ index }) => index > 0);
        if (each.kind === "add") {
          await added(scene, each.mebi * MIB);
          served.push(disk(served.length, bytes(each.mebi * MIB)));
        }
        const picked = "pick" in each ? others[each.pick % Math.max(others.length, 1)] : undefined;
        if (each.kind === "remove" && picked) await removed(scene, picked.index);
        const now = sourceOf(await scene.item()).disks;
        const on = each.kind === "write" && picked ? picked : now.at(-1);
        const sector = each.kind === "write" ? each.sector % ((on?.size ?? MIB) / 512 - 8) : 3;
        await scene.goOn(served, [
          write(0, served.length, 2, 7),
          write(on?.index ?? 0, sector, 8, 5),
          ...POINT,
        ]);
        const of = (await scene.item()).generation;
        expect(disksIn(await scene.item(), of).map(({ index }) => index)).toEqual(
          now.map(({ index }) => index),
        );
      }
      expect(await scene.wrong()).toEqual([]);
    }),
    { numRuns: 15 },
  );
});
