import { expect, test } from "vitest";
import { systemClock } from "../../../engine/core/clock.ts";
import { LeewardError, hasCode } from "../../../engine/core/errors.ts";
import type { OperationId } from "../../../engine/core/ids.ts";
import { micros } from "../../../engine/core/units.ts";
import { follow } from "../../../engine/journal/chain.ts";
import { type ItemRecord, itemKey, itemKeyOf } from "../../../engine/recovery/item.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { beginGeneration, withCut } from "../../../engine/recovery/replicating.ts";
import { beginTest, beginTestCleanup, testJobOf } from "../../../engine/recovery/test-failover.ts";
import { testReport } from "../../../engine/recovery/test-report.ts";
import { testOf } from "../../../engine/recovery/test-target.ts";
import { readCheckpoint } from "../../../engine/replication/checkpoints.ts";
import { nameOf } from "../../../engine/replication/reach.ts";
import { createReplica } from "../../../engine/replication/replica.ts";
import { diskActivities } from "../../../functions/activities/disks.ts";
import { jobActivities } from "../../../functions/activities/jobs.ts";
import { placeOf } from "../../../functions/activities/place.ts";
import { testActivities } from "../../../functions/activities/testing.ts";
import { testView } from "../../../functions/test-view.ts";
import { FOOTER, carry } from "../../fixtures/carried.ts";
import { DAY, HOUR, Retaining, START } from "../../fixtures/retaining.ts";
import { POLICY, lived, told, wait } from "../../fixtures/lived.ts";
import { DISKS, type Event, cacheSegments, tell } from "../../fixtures/story.ts";
import { servicesOver, toolsOf } from "../../simulation/control-plane.ts";
import { Dice } from "../../simulation/dice.ts";
import { protectedItem } from "../../simulation/machine.ts";
import { memoryStores } from "../../simulation/stores.ts";
import { ITEM } from "../engine/recovery/fixture.ts";

const write = (fill: number): Event => ({ kind: "write", disk: 0, sector: fill * 4, sectors: 4, fill });
const POINT: Event[] = [{ kind: "barrier" }, { kind: "prove" }, { kind: "seal" }];
const EVENTS: Event[] = [write(1), ...POINT, write(2), write(3), ...POINT, write(4), { kind: "seal" }];
const NOW = micros(1_790_000_001_000_000);

/** A machine with two points; one write behind them has arrived, and one more is in the cache. */
async function scene(replica: "warm" | "none" = "warm") {
  const story = await tell([...EVENTS, write(5), { kind: "seal" }]);
  const { machine, key } = story;
  const stores = memoryStores();
  const arrived = story.segments.slice(0, -1);
  const points = await carry({ ...story, segments: arrived }, stores.target);
  await cacheSegments(stores.cache, story.segments.slice(-1));
  const plain = protectedItem({ machine, principal: "p", disks: DISKS }, new Dice(1));
  const item = { ...plain, machine, policy: { ...plain.policy, replica } };
  const records = recordsIn(stores.records);
  await records.items.create(itemKeyOf(machine), item);
  const [, newest] = points;
  if (!newest) throw new RangeError("no points");
  const at = arrived.reduce((position, segment) => follow(machine, position, segment), story.start);
  const begun = withCut(
    beginGeneration(machine, newest.generation, undefined),
    newest.position,
    [newest],
    [],
  );
  await records.progress.create(machine, { ...begun, arrived: at });
  for (const disk of DISKS) await createReplica(stores.pages, machine, disk, FOOTER);
  return { machine, stores, points, item, records, services: servicesOver(stores, key, systemClock) };
}
type Scene = Awaited<ReturnType<typeof scene>>;

/** The item's record as it is now, and its test's operation. */
async function begun(s: Scene, asked: Partial<Parameters<typeof beginTest>[1]> = {}) {
  const { machine, records } = s;
  const item = await records.items.update(itemKeyOf(machine), (old) =>
    beginTest(old, { now: NOW, ...asked }),
  );
  const job = testJobOf(item);
  await records.jobs.create(job.operation, job);
  return { machine, operation: job.operation };
}

const itemOf = async ({ records, machine }: Scene): Promise<ItemRecord> =>
  (await records.items.get(itemKeyOf(machine)))?.value ?? fail();

function fail(): never {
  throw new RangeError("no such thing");
}

test("a test of the newest point leaves replica, progress and generation where they are", async () => {
  const s = await scene();
  const before = (await s.records.progress.get(s.machine))?.value;
  const input = await begun(s);
  const plan = await testActivities.planTest(input, toolsOf(s.services));
  expect(await testActivities.planTest(input, toolsOf(s.services))).toEqual(plan);
  expect(plan.point).toBe(s.points[1]?.id);
  expect(plan.steps.map((step) => step.do)).not.toContain("checkpoint");
  expect((await s.records.progress.get(s.machine))?.value).toEqual(before);
  const { generation, state, test: made } = await itemOf(s);
  expect({ generation, state }).toEqual({ generation: s.item.generation, state: s.item.state });
  expect(made?.chosen).toMatchObject({ road: "upload", point: plan.point });
});

test("a point that a checkpoint holds is imported from it", async () => {
  const s = await scene();
  const [, newest] = s.points;
  const at = { machine: s.machine, point: newest?.id ?? fail() };
  await diskActivities.checkpointTo(at, toolsOf(s.services));
  expect(await readCheckpoint(s.stores.target, newest ?? fail())).toBeDefined();
  const plan = await testActivities.planTest(await begun(s), toolsOf(s.services));
  expect(plan.steps.filter((step) => step.do === "import")).toHaveLength(DISKS.length);
});

test("the newest write is the newest that has arrived: nothing is taken from the cache", async () => {
  const s = await scene("none");
  const input = await begun(s, { moment: { kind: "newest" } });
  const plan = await testActivities.planTest(input, toolsOf(s.services));
  const { chosen } = testOf(await itemOf(s));
  expect(chosen).toMatchObject({ sequence: 4, consistency: "crash", road: "upload" });
  const place = await placeOf(s.services, await itemOf(s), plan.point);
  expect(place).toMatchObject({ sequence: 4, position: chosen?.position });
});

test("points that can neither be read nor made again are passed over for the next one, and test and job say so", async () => {
  const s = await scene("none");
  const newest = s.points[1] ?? fail();
  await s.stores.target.put(nameOf(newest), Buffer.from("{}"), "any");
  const put = s.stores.target.put.bind(s.stores.target);
  s.stores.target.put = async (name, body, condition) => {
    if (name === nameOf(newest)) throw new LeewardError("ObjectChanged", "it cannot be made again");
    return put(name, body, condition);
  };
  const input = await begun(s);
  const plan = await testActivities.planTest(input, toolsOf(s.services));
  expect(plan.point).toBe(s.points[0]?.id);
  const named = {
    point: newest.id,
    code: "ManifestDamaged",
    message: expect.stringContaining(nameOf(newest)),
  };
  const made = testOf(await itemOf(s));
  expect(made.chosen?.passedOver).toEqual([named]);
  expect(testView(await itemOf(s), undefined)?.passedOver).toEqual([named]);
  expect((await s.records.jobs.get(input.operation))?.value.passedOver).toEqual([named]);
});

test("a point that retention took at that very moment is chosen once more, or refused by name", async () => {
  const s = await scene("none");
  const input = await begun(s);
  const newest = s.points[1] ?? fail();
  // Between the choice and its record.
  const racing = {
    ...s.services,
    records: {
      ...s.services.records,
      items: Object.assign(Object.create(s.records.items), {
        update: async (...given: Parameters<Scene["records"]["items"]["update"]>) => {
          const done = await s.records.items.update(...given);
          await s.stores.target.delete([nameOf(newest)]);
          return done;
        },
      }),
    },
  };
  const first = testActivities.planTest(input, toolsOf(racing));
  // The point is made again of its barrier and proof where that can be; otherwise the next try takes another.
  const [outcome] = await Promise.allSettled([first]);
  expect(outcome.status === "fulfilled" || hasCode(outcome.reason, "ObjectChanged")).toBe(true);
  const plan = await testActivities.planTest(input, toolsOf(s.services));
  const place = await placeOf(s.services, await itemOf(s), plan.point);
  expect(place.sequence).toBe(plan.point === newest.id ? newest.sequence : s.points[0]?.sequence);
});

test("the job keeps the time to recover also when its end is written twice, and the test is gone by then", async () => {
  const s = await scene("none");
  const input = await begun(s);
  await testActivities.planTest(input, toolsOf(s.services));
  const end = { ...input, steps: [] };
  await jobActivities.endJob(end, toolsOf(s.services));
  const { rtoSeconds } = testOf(await itemOf(s));
  const jobOf = async (operation: OperationId) => (await s.records.jobs.get(operation))?.value;
  expect((await jobOf(input.operation))?.test).toMatchObject({ rtoSeconds, point: s.points[1]?.id });
  await s.records.jobs.update(input.operation, (old) => ({ ...old, state: "InProgress" }));
  await s.records.items.update(itemKeyOf(s.machine), (old) => beginTestCleanup(old, { now: NOW }));
  await jobActivities.endJob(end, toolsOf(s.services));
  expect((await jobOf(input.operation))?.test).toMatchObject({ rtoSeconds });
});

/** A test that was built from a point that is dense among others. */
async function tested(one: Retaining) {
  const { id, time, generation, sequence, consistency } = (await one.points())[3] ?? fail();
  const operation = "00000000-0000-8000-8000-00000000000a";
  const report = testReport.parse({
    state: "ready",
    job: { operation, kind: "testFailover", startTime: NOW, ended: true },
    network: { kind: "isolated" },
    place: { resourceGroup: ITEM, vm: ITEM, network: ITEM, nics: [] },
    chosen: { point: id, pointTime: time, generation, sequence, consistency, road: "upload" },
    operation,
    startTime: NOW,
    endTime: NOW,
  });
  await one.records.items.update(itemKey(ITEM), (old) => ({ ...old, test: report }));
  return id;
}

test(
  "retention keeps the point of a test as long as that is there, whole, and no longer",
  { timeout: 120_000 },
  async () => {
    const one = await lived(POLICY, 40);
    const point = await tested(one);
    const ids = async () => (await one.points()).map(({ id }) => id);
    one.now = micros(START + 3 * DAY);
    const newest = await one.arrive(await told, 40);
    await one.round();
    for (let run = 0; run < 2; run++) await wait(one, 2 * HOUR);
    expect(await ids()).toEqual(expect.arrayContaining([point, newest.id]));
    expect((await ids()).length).toBeLessThan(5);
    expect(await one.broken()).toEqual([]);
    await one.records.items.update(itemKey(ITEM), (old) => ({ ...old, test: undefined }));
    // A point that is older than the any-write window takes its place under that.
    one.now = micros(one.now + HOUR);
    await one.arrive(await told, 41);
    await one.round();
    expect(await ids()).not.toContain(point);
    expect(await one.broken()).toEqual([]);
  },
);
