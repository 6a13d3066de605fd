import { expect, test } from "vitest";
import { systemClock } from "../../../engine/core/clock.ts";
import { LeewardError, hasCode } from "../../../engine/core/errors.ts";
import type { BarrierId } from "../../../engine/core/ids.ts";
import { bytes, micros, sequence } from "../../../engine/core/units.ts";
import { follow } from "../../../engine/journal/chain.ts";
import { beginFailover } from "../../../engine/recovery/begin.ts";
import { type ItemRecord, itemKeyOf, move } from "../../../engine/recovery/item.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { beginGeneration, withCut } from "../../../engine/recovery/replicating.ts";
import { verificationFor } from "../../../engine/recovery/verification.ts";
import { readCheckpoint } from "../../../engine/replication/checkpoints.ts";
import { nameOf } from "../../../engine/replication/reach.ts";
import { createReplica } from "../../../engine/replication/replica.ts";
import { diskActivities } from "../../../functions/activities/disks.ts";
import { failoverActivities } from "../../../functions/activities/failover.ts";
import { placeOf } from "../../../functions/activities/place.ts";
import { type FailoverChoice, checkReadable, chosenFor } from "../../../functions/failover-choice.ts";
import { FOOTER, carry } from "../../fixtures/carried.ts";
import { prefixesOf } from "../../fixtures/prefixes.ts";
import { DISKS, type Event, cacheSegments, tell } from "../../fixtures/story.ts";
import { replicaName } from "../../../engine/journal/names.ts";
import { servicesOver, toolsOf } from "../../simulation/control-plane.ts";
import { Dice } from "../../simulation/dice.ts";
import { protectedItem } from "../../simulation/machine.ts";
import { memoryStores } from "../../simulation/stores.ts";

const write = (fill: number): Event => ({ kind: "write", disk: 0, sector: fill * 4, sectors: 4, fill });
const POINT: Event[] = [{ kind: "barrier" }, { kind: "prove" }, { kind: "seal" }];
const EVENTS: Event[] = [
  write(1),
  ...POINT,
  write(2),
  write(3),
  ...POINT,
  write(4),
  write(5),
  { kind: "seal" },
];

/** A machine with two points; behind them two writes have arrived and, when `cached`, one more is still in the cache. */
async function scene(replica: "warm" | "none" = "warm") {
  const story = await tell([...EVENTS, write(6), { kind: "seal" }]);
  const { machine, key } = story;
  const stores = memoryStores();
  const points = await carry({ ...story, segments: story.segments.slice(0, -1) }, stores.target);
  await cacheSegments(stores.cache, story.segments.slice(-1));
  const plain = protectedItem({ machine, principal: "p", disks: DISKS }, new Dice(1));
  const item = { ...plain, machine, policy: { ...plain.policy, replica } };
  const records = recordsIn(stores.records);
  await records.items.create(itemKeyOf(machine), item);
  const [, newest] = points;
  if (!newest) throw new RangeError("no points");
  const arrived = story.segments
    .slice(0, -1)
    .reduce((position, segment) => follow(machine, position, segment), story.start);
  const begun = beginGeneration(machine, newest.generation, undefined);
  await records.progress.create(machine, { ...withCut(begun, newest.position, [newest], []), arrived });
  for (const disk of DISKS) await createReplica(stores.pages, machine, disk, FOOTER);
  const services = servicesOver(stores, key, systemClock);
  return { story, stores, points, item, machine, records, services, prefixes: await prefixesOf(story) };
}

type Scene = Awaited<ReturnType<typeof scene>>;

async function planned(s: Scene, moment: Parameters<typeof beginFailover>[1]["moment"]) {
  const { machine, records, services } = s;
  const begun = await records.items.update(itemKeyOf(machine), (old) =>
    beginFailover(old, { now: micros(1_790_000_001_000_000), moment }),
  );
  await failoverActivities.drain({ machine }, toolsOf(services));
  const input = { machine, operation: begun.job.operation, ...(moment && { moment }) };
  const plan = await failoverActivities.planFailover(input, toolsOf(services));
  // A second run, as after a crash, must find the same.
  expect(await failoverActivities.planFailover(input, toolsOf(services))).toEqual(plan);
  const item = (await records.items.get(itemKeyOf(machine)))?.value;
  return { plan, item, failover: item?.failover };
}

test("a failover to the newest write takes what the cache still gives, and announces that nothing known is lost", async () => {
  const s = await scene();
  const { plan, item, failover } = await planned(s, { kind: "newest" });
  expect(plan.steps.map((step) => step.do)).toContain("checkpoint");
  expect(failover).toMatchObject({
    consistency: "crash",
    road: "import",
    moment: { generation: 1, sequence: 6 },
    announced: { after: 6, writes: 0, bytes: 0 },
  });
  const { machine, stores, services } = s;
  await diskActivities.checkpointTo({ machine, point: plan.point }, toolsOf(services));
  const made = await readCheckpoint(stores.target, await placeOf(services, itemIn(item), plan.point));
  for (const { index, size, snapshot } of made?.disks ?? []) {
    const held = await stores.pages.read(
      replicaName(machine, index),
      bytes(0),
      bytes(512 * Math.floor(size / 512)),
      snapshot,
    );
    expect(held.equals(s.prefixes.at(-1)?.disks[index] ?? Buffer.alloc(0))).toBe(true);
  }
  expect(made?.disks).toHaveLength(2);
});

test("a failover to a write in the middle announces exactly the writes behind it", async () => {
  const s = await scene("none");
  const { plan, failover } = await planned(s, { kind: "write", sequence: sequence(4) });
  expect(plan.steps.map((step) => step.do)).toContain("restore");
  expect(failover).toMatchObject({ road: "upload", announced: { after: 4, writes: 2, bytes: 2 * 2048 } });
});

test("a run of the plan that hung until the failover was over leaves its report alone", async () => {
  const s = await scene("none");
  const { item, failover } = await planned(s, { kind: "write", sequence: sequence(4) });
  const { machine, records, services } = s;
  await records.items.update(itemKeyOf(machine), (old) => move(old, "failedOver"));
  const late = { machine, operation: itemIn(item).job.operation, point: s.points[1]?.id };
  await failoverActivities.planFailover(late, toolsOf(services));
  expect((await records.items.get(itemKeyOf(machine)))?.value.failover).toEqual(failover);
});

test("an instant at which a point was made is that point", async () => {
  const s = await scene();
  const { failover } = await planned(s, { kind: "instant", time: s.points[1]?.time ?? micros(0) });
  expect(failover).toMatchObject({ point: s.points[1]?.id });
  expect(failover?.moment).toBeUndefined();
});

test("what is not reachable, or named twice, is refused before anything changes", async () => {
  const { services, item, points } = await scene();
  const choose = (choice: Partial<FailoverChoice>, point = points[0]?.id) =>
    chosenFor(services, item, { now: micros(1), point }, { acceptBadPoint: false, ...choice });
  const refused = async (asked: Promise<unknown>) =>
    asked.then(
      () => "nothing",
      (error: unknown) =>
        ["MomentUnreachable", "InvalidRequest", "NoRecoveryPoint"].find((code) =>
          hasCode(error, code as "NotFound"),
        ),
    );
  expect(await refused(choose({ sequence: sequence(3) }))).toBe("InvalidRequest");
  expect(await refused(choose({ recoveryPointType: "Latest", at: micros(1) }, undefined))).toBe(
    "InvalidRequest",
  );
  const none = { now: micros(1) };
  const strict = { acceptBadPoint: false };
  expect(await refused(chosenFor(services, item, none, { ...strict, sequence: sequence(99) }))).toBe(
    "MomentUnreachable",
  );
  expect(await refused(chosenFor(services, item, none, { ...strict, at: micros(1) }))).toBe(
    "MomentUnreachable",
  );
  expect(
    await refused(chosenFor(services, item, none, { ...strict, recoveryPointType: "LatestVerified" })),
  ).toBe("NoRecoveryPoint");
  expect(
    await refused(
      chosenFor(services, item, none, { ...strict, recoveryPointType: "LatestApplicationConsistent" }),
    ),
  ).toBe("NoRecoveryPoint");
  expect(await chosenFor(services, item, none, { ...strict, recoveryPointType: "Latest" })).toEqual({
    moment: { kind: "newest" },
  });
  expect(await chosenFor(services, item, none, strict)).toEqual({});
});

test("a failover that is tried again with the newest point does not go on with the one that it had", async () => {
  const s = await scene("none");
  const { services, points, machine } = s;
  const choice = { acceptBadPoint: false, recoveryPointType: "LatestProcessed" } as const;
  expect(await chosenFor(services, s.item, { now: micros(1) }, choice)).toEqual({});
  const point = points[0]?.id;
  const begun = await s.records.items.update(itemKeyOf(machine), (old) =>
    beginFailover(old, { now: micros(1), point }),
  );
  const { operation } = begun.job;
  await failoverActivities.planFailover({ machine, operation, point }, toolsOf(services));
  const tried = (await s.records.items.get(itemKeyOf(machine)))?.value ?? fail();
  expect(tried.failover?.point).toBe(point);
  expect(await chosenFor(services, tried, { now: micros(1) }, choice)).toEqual({ point: points[1]?.id });
});

test("the newest point whose manifest is gone is made again, and not passed over for an older one", async () => {
  const s = await scene("none");
  const { stores, points, services, item } = s;
  await stores.target.delete(points.slice(-1).map(nameOf));
  const { plan } = await planned(s, undefined);
  expect(plan.point).toBe(points[1]?.id);
  expect((await placeOf(services, item, plan.point)).position).toEqual(points[1]?.position);
});

test("a machine whose only manifest is gone still has a point to fail over to, also by name", async () => {
  const { stores, points, services, item } = await scene();
  const begin = async (point?: BarrierId) => {
    await stores.target.delete(points.map(nameOf));
    return chosenFor(services, item, { now: micros(1), point }, { acceptBadPoint: false });
  };
  expect(await begin()).toEqual({});
  expect(await begin(points[1]?.id)).toEqual({ point: points[1]?.id });
});

test("a manifest that was changed does not hide which points are application-consistent", async () => {
  const { stores, points, services, item } = await scene();
  await stores.target.put(nameOf(points[1] ?? fail()), Buffer.from("{}"), "any");
  const choice = { acceptBadPoint: false, recoveryPointType: "LatestApplicationConsistent" } as const;
  await expect(chosenFor(services, item, { now: micros(1) }, choice)).rejects.toMatchObject({
    code: "NoRecoveryPoint",
  });
});

/** The manifest cannot be read, and what it was made of is gone. */
async function ruin({ stores, machine, points }: Scene, n: number) {
  const point = points.at(n) ?? fail();
  const damaged = Buffer.from("{}");
  await stores.target.put(nameOf(point), damaged, "any");
  const put = stores.target.put.bind(stores.target);
  stores.target.put = async (name, body, condition) => {
    if (name === nameOf(point)) throw new LeewardError("ObjectChanged", "it cannot be made again");
    return put(name, body, condition);
  };
  return { point, machine };
}

test("a point that can neither be read nor made again is passed over for the next one, and the failover says so", async () => {
  const s = await scene("none");
  const { point } = await ruin(s, 1);
  const { plan, failover } = await planned(s, undefined);
  expect(plan.point).toBe(s.points[0]?.id);
  const named = { point: point.id, code: "ManifestDamaged", message: expect.stringContaining(nameOf(point)) };
  expect(failover?.passedOver).toEqual([named]);
  const { healing } = s.records;
  expect((await healing.get(s.machine))?.value.unreadable).toMatchObject([named]);
});

test("the newest write, and any other, is found behind such a point as without it", async () => {
  const whole = await planned(await scene("none"), { kind: "newest" });
  const s = await scene("none");
  const { point } = await ruin(s, 1);
  const { failover } = await planned(s, { kind: "newest" });
  expect(failover).toMatchObject({ moment: { generation: 1, sequence: 6 }, announced: { writes: 0 } });
  expect(failover?.passedOver).toBeUndefined();
  expect(failover?.point).toBe(whole.failover?.point);
  const asked = { now: micros(1) };
  const choice = { acceptBadPoint: false, sequence: point.sequence };
  expect(await chosenFor(s.services, s.item, asked, choice)).toEqual({
    moment: { kind: "write", sequence: point.sequence },
  });
});

test("such a point is refused before anything changes when it is named, and no other kind of choice falls on it", async () => {
  const s = await scene("none");
  const { services, item, machine, records, points } = s;
  const { point } = await ruin(s, 1);
  await expect(checkReadable(services, item, point.id)).rejects.toMatchObject({ code: "ManifestDamaged" });
  await checkReadable(services, item, points[0]?.id ?? fail());
  const verified = points.map(({ id }) => id);
  const known = { ...verificationFor(undefined, machine, point.generation, micros(1)), verified };
  await records.verification.create(machine, known);
  const choice = { acceptBadPoint: false, recoveryPointType: "LatestVerified" } as const;
  expect(await chosenFor(services, item, { now: micros(1) }, choice)).toEqual({ point: points[0]?.id });
});

test("without any point that can be read there is none to fail over to", async () => {
  const s = await scene("none");
  for (const n of [0, 1]) await ruin(s, n);
  await expect(planned(s, undefined)).rejects.toMatchObject({ code: "NoRecoveryPoint" });
});

function fail(): never {
  throw new RangeError("no points");
}

function itemIn(item: ItemRecord | undefined): ItemRecord {
  if (!item) throw new RangeError("no item");
  return item;
}
