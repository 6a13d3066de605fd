import { expect, test } from "vitest";
import { NO_DIGEST } from "../../../engine/core/digest.ts";
import { type MachineId, armId, barrierId } from "../../../engine/core/ids.ts";
import { generation, micros, millis, sequence } from "../../../engine/core/units.ts";
import {
  groupFailoverName,
  groupPointName,
  groupTwinName,
  pointName,
} from "../../../engine/journal/names.ts";
import { badPointOf } from "../../../engine/recovery/bad-point.ts";
import { groupSettings, newGroup } from "../../../engine/recovery/group.ts";
import { itemKeyOf } from "../../../engine/recovery/item.ts";
import { retain } from "../../../engine/recovery/retention.ts";
import { retentionPolicy } from "../../../engine/recovery/retention-policy.ts";
import { verificationFor, withBad } from "../../../engine/recovery/verification.ts";
import {
  createGroupPoint,
  listGroupPoints,
  readGroupPoints,
} from "../../../engine/replication/group-points.ts";
import { groupActivities } from "../../../functions/activities/group.ts";
import { carryOnGroup, failOverGroup } from "../../../functions/group-failover.ts";
import { settledJob } from "../../../functions/group-job.ts";
import { standingsOf } from "../../../functions/group-standing.ts";
import {
  deleteGroup,
  joinGroup,
  leaveGroup,
  membersOf,
  reconcileMember,
} from "../../../functions/membership.ts";
import { NOW, POINT, VAULT, protectedItem } from "../engine/recovery/fixture.ts";
import { GROUP, ID, type Shop, achieve, asked, at, hub, itemNamed, shop } from "./shop.ts";

const barrier = POINT;

async function pair() {
  const one = await shop("a", "b");
  const [a, b] = one.machines;
  if (!a || !b) throw new Error("a shop without its members");
  return { one, a, b };
}

const pendingOf = async ({ services }: Shop, machine: MachineId) =>
  (await services.records.barriers.get(machine))?.value.pending ?? [];
const group = async ({ services }: Shop) => (await services.records.groups.get(GROUP))?.value;
const points = ({ services }: Shop) => listGroupPoints(services.target, GROUP);
const pointsOf = async (one: Shop) => readGroupPoints(one.services.target, await points(one));
const members = async ({ services }: Shop) =>
  (await membersOf(services, GROUP)).map(({ machine }) => machine);

test("all protected members are asked for one barrier at one instant, two heartbeats ahead; twice asks the same", async () => {
  const one = await shop("a", "b", "c");
  const [, , c] = one.items;
  await one.services.records.items.update(
    itemKeyOf(c?.machine ?? one.machines[0] ?? itemNamed("a").machine),
    (old) => ({
      ...old,
      state: "InitialReplication",
    }),
  );
  expect(await groupActivities.askGroup(asked, one.tools)).toEqual({ asked: 2 });
  one.later(NOW + 1_000_000);
  await groupActivities.askGroup(asked, one.tools);
  const instants = await Promise.all(
    one.machines.map(async (machine) => (await pendingOf(one, machine)).map(({ instant }) => instant)),
  );
  const ahead = 2 * protectedItem().policy.heartbeatEvery * 1000;
  expect(instants[0]).toEqual([{ at: expect.any(Number), hold: 100 }]);
  expect(instants[0]?.[0]?.at).toBeGreaterThanOrEqual(NOW + ahead);
  expect(instants[1]).toEqual(instants[0]);
  expect(instants[2]).toEqual([]);
});

test("a barrier on its way is asked for again also when no member is protected any more", async () => {
  const { one, a, b } = await pair();
  await groupActivities.askGroup(asked, one.tools);
  for (const machine of [a, b])
    await one.services.records.items.update(itemKeyOf(machine), (old) => ({ ...old, state: "FailingOver" }));
  expect(await groupActivities.askGroup(asked, one.tools)).toEqual({ asked: 2 });
});

test("there is a point of the group only when each member has one, and it is put once", async () => {
  const { one, a, b } = await pair();
  await groupActivities.askGroup(asked, one.tools);
  await achieve(one, a);
  expect(await groupActivities.observeGroup(at, one.tools)).toMatchObject({ state: "waiting" });
  expect(await points(one)).toEqual([]);
  await achieve(one, b);
  const made = { state: "made", consistency: "crash" };
  expect(await groupActivities.observeGroup(at, one.tools)).toEqual(made);
  expect(await groupActivities.observeGroup(at, one.tools)).toEqual(made);
  const [point, ...more] = await pointsOf(one);
  expect(more).toEqual([]);
  expect(point?.members.map(({ machine }) => machine)).toEqual([a, b].toSorted());
  await groupActivities.endGroupRound({ ...at, end: { consistency: "crash" } }, one.tools);
  await groupActivities.endGroupRound({ ...at, end: { consistency: "crash" } }, one.tools);
  expect((await group(one))?.newest?.id).toBe(barrier);
  expect(await pendingOf(one, a)).toEqual([]);
  expect(await groupActivities.observeGroup(at, one.tools)).toEqual({ state: "ended" });
});

test("a barrier that one member does not trust becomes none", async () => {
  const { one, a, b } = await pair();
  await groupActivities.askGroup(asked, one.tools);
  await achieve(one, a);
  await achieve(one, b, false);
  expect(await groupActivities.observeGroup(at, one.tools)).toMatchObject({ state: "failed" });
  await groupActivities.endGroupRound({ ...at, end: { why: "b: not trusted" } }, one.tools);
  expect(await points(one)).toEqual([]);
  expect((await group(one))?.missed?.why).toBe("b: not trusted");
});

const findBad = async ({ services }: Shop, machine: MachineId) => {
  const facts = { id: barrier, generation: generation(1), sequence: sequence(7), time: NOW };
  await services.records.verification.upsert(machine, (old) =>
    withBad(verificationFor(old, machine, generation(1), NOW), badPointOf("journal", facts, new Map(), NOW)),
  );
};

test("a member's bad point is part of no point of the group, and makes one that was made bad", async () => {
  const { one, a, b } = await pair();
  await groupActivities.askGroup(asked, one.tools);
  for (const machine of [a, b]) await achieve(one, machine);
  await findBad(one, b);
  await expect(groupActivities.observeGroup(at, one.tools)).rejects.toMatchObject({ code: "PointBad" });
  expect(await points(one)).toEqual([]);
});

test("a point of the group is good, then bad or incomplete, as its parts are", async () => {
  const { one, a, b } = await pair();
  await groupActivities.askGroup(asked, one.tools);
  for (const machine of [a, b]) await achieve(one, machine);
  await groupActivities.observeGroup(at, one.tools);
  const made = await pointsOf(one);
  const state = async () => made.map(await standingsOf(one.services, made));
  expect(await state()).toEqual(["good"]);
  await findBad(one, a);
  expect(await state()).toEqual(["bad"]);
  await one.services.target.delete([pointName(b, generation(1), sequence(7), barrier)]);
  expect(await state()).toEqual(["incomplete"]);
});

async function pointMade() {
  const { one, a, b } = await pair();
  await groupActivities.askGroup(asked, one.tools);
  for (const machine of [a, b]) await achieve(one, machine);
  await groupActivities.observeGroup(at, one.tools);
  await groupActivities.endGroupRound({ ...at, end: { consistency: "crash" } }, one.tools);
  const known = await group(one);
  if (!known) throw new Error("a shop without its group");
  return { one, a, b, known };
}
const stateOf = async ({ services }: Shop, machine: MachineId) =>
  (await services.records.items.get(itemKeyOf(machine)))?.value.state;
const wanted = { now: NOW, token: "once" };

test("all members are failed over to one point, once, and their job is as theirs are", async () => {
  const { one, a, b, known } = await pointMade();
  const { client, started } = hub();
  const { job } = await failOverGroup(one.services, client, known, wanted, { acceptBadPoint: false });
  expect([await stateOf(one, a), await stateOf(one, b)]).toEqual(["FailingOver", "FailingOver"]);
  expect([job.members, started.length]).toEqual([2, 2]);
  const again = (await group(one)) ?? known;
  const { job: same } = await failOverGroup(one.services, client, again, wanted, { acceptBadPoint: false });
  expect([same.operation, started.length]).toEqual([job.operation, 2]);
  expect((await settledJob(one.services, job)).state).toBe("InProgress");
  for (const [n, operation] of started.entries())
    await one.services.records.jobs.update(operation, (old) => ({
      ...old,
      endTime: NOW,
      state: n === 0 ? "Succeeded" : "Failed",
      ...(n === 1 && {
        failure: { code: "ArmFailed", message: "no room", step: "create the virtual machine" },
      }),
    }));
  const ended = await settledJob(one.services, job);
  expect(ended).toMatchObject({ state: "Failed", failure: { code: "ArmFailed", message: "no room" } });
  expect(ended.steps.map(({ state }) => state)).toEqual(["Succeeded", "Failed"]);
  expect(ended.settled).toEqual({ succeeded: 1, failed: 1 });
  // What it came to is written down: its members' jobs are read no more.
  for (const operation of started) await one.services.records.jobs.delete(operation);
  const stored = (await one.services.records.jobs.get(job.operation))?.value ?? job;
  expect(await settledJob(one.services, stored)).toEqual(ended);
});

test.each([
  ["lost", (one: Shop, name: string) => one.services.target.delete([name])],
  ["damaged", (one: Shop, name: string) => one.services.target.put(name, Buffer.from("{"), "any")],
])("a failover whose list of members is %s goes on by its point, with the same jobs", async (_, harm) => {
  const { one, known } = await pointMade();
  const { client, started } = hub(1);
  const { job } = await failOverGroup(one.services, client, known, wanted, { acceptBadPoint: false });
  await harm(one, groupFailoverName(GROUP, job.operation));
  await carryOnGroup(one.services, client, (await group(one)) ?? known);
  expect((await group(one))?.failover?.begun).toBe(true);
  expect(started).toHaveLength(2);
  const ended = { state: "Succeeded", endTime: NOW } as const;
  for (const operation of started)
    await one.services.records.jobs.update(operation, (old) => ({ ...old, ...ended }));
  expect((await settledJob(one.services, job)).settled).toEqual({ succeeded: 2, failed: 0 });
});

test("a failover that has lost its list and its point ends by name, and the next one may begin", async () => {
  const { one, a, b, known } = await pointMade();
  const { client } = hub(1);
  const { target, records } = one.services;
  const { job } = await failOverGroup(one.services, client, known, wanted, { acceptBadPoint: false });
  const list = groupFailoverName(GROUP, job.operation);
  const [place] = await points(one);
  if (!place) throw new Error("no common point was made");
  await target.delete([list, groupPointName(place), groupTwinName(place)]);
  await carryOnGroup(one.services, client, (await group(one)) ?? known);
  expect((await group(one))?.failover?.begun).toBe(true);
  const ended = await settledJob(one.services, (await records.jobs.get(job.operation))?.value ?? job);
  expect(ended).toMatchObject({ state: "Failed", failure: { code: "MembersLost" } });
  expect(ended.failure?.message).toContain(list);
  expect(ended.failure?.message).toContain("begun are those of a, b");
  expect(await settledJob(one.services, ended)).toEqual(ended);
  // Both members were fenced by the first; once that is over, they are failed over again.
  for (const machine of [a, b])
    await records.items.update(itemKeyOf(machine), (old) => ({ ...old, state: "Protected" }));
  await createGroupPoint(target, { ...place, format: 1, hold: millis(100), members: membersAt(a, b) });
  const again = { now: NOW, token: "twice" };
  const next = await failOverGroup(one.services, client, (await group(one)) ?? known, again, {
    acceptBadPoint: false,
  });
  expect(next.job.operation).not.toBe(job.operation);
  expect(next.failed).toBe(0);
});

const membersAt = (...machines: MachineId[]) =>
  machines
    .toSorted()
    .map((machine) => ({ machine, generation: generation(1), sequence: sequence(7), chain: NO_DIGEST }));

test("a failover that could not begin for every member is begun for the rest later", async () => {
  const { one, a, b, known } = await pointMade();
  const { client, started } = hub(1);
  await failOverGroup(one.services, client, known, wanted, { acceptBadPoint: false });
  expect((await group(one))?.failover?.begun).toBe(false);
  await carryOnGroup(one.services, client, (await group(one)) ?? known);
  expect((await group(one))?.failover?.begun).toBe(true);
  expect(started).toHaveLength(2);
  expect([await stateOf(one, a), await stateOf(one, b)]).toEqual(["FailingOver", "FailingOver"]);
});

test("a failover of which one member can never begin ends after ten minutes, and names that member", async () => {
  const { one, a, b, known } = await pointMade();
  const { client, started } = hub();
  const { records } = one.services;
  const update = records.items.update.bind(records.items);
  records.items.update = (key, change) =>
    key === itemKeyOf(b) ? Promise.reject(new Error("the storage does not answer")) : update(key, change);
  const { job, failed } = await failOverGroup(one.services, client, known, wanted, { acceptBadPoint: false });
  expect(failed).toBe(1);
  expect(await stateOf(one, a)).toBe("FailingOver");
  // Its protection is ended before its failover could begin.
  await records.items.delete(itemKeyOf(b));
  const again = async () => carryOnGroup(one.services, client, (await group(one)) ?? known);
  expect((await again()).failed).toBe(1);
  expect((await group(one))?.failover?.begun).toBe(false);
  one.later(NOW + 11 * 60_000_000);
  expect((await again()).failed).toBe(0);
  expect((await group(one))?.failover?.begun).toBe(true);
  for (const operation of started)
    await records.jobs.update(operation, (old) => ({ ...old, state: "Succeeded", endTime: NOW }));
  const ended = await settledJob(one.services, job);
  expect(ended).toMatchObject({ state: "Failed", settled: { succeeded: 1, failed: 1 } });
  expect(ended.failure).toMatchObject({ code: "NotFound", step: "b: begin" });
});

test("while a member is at work, or has no good point, nothing is failed over", async () => {
  const { one, a, b, known } = await pointMade();
  const { client } = hub();
  const ask = () => failOverGroup(one.services, client, known, wanted, { acceptBadPoint: false });
  await one.services.records.items.update(itemKeyOf(b), (old) => ({ ...old, state: "FailingOver" }));
  await expect(ask()).rejects.toMatchObject({ code: "Conflict" });
  await one.services.records.items.update(itemKeyOf(b), (old) => ({ ...old, state: "Protected" }));
  await findBad(one, b);
  await expect(ask()).rejects.toMatchObject({ code: "NoRecoveryPoint" });
  expect(await stateOf(one, a)).toBe("Protected");
  expect((await group(one))?.failover).toBeUndefined();
});

test("a machine belongs to one group, and a joining that died half-way is completed", async () => {
  const one = await shop("a");
  const a = one.items[0] ?? itemNamed("a");
  const other = armId(`${VAULT}/leewardGroups/Other`);
  await expect(joinGroup(one.services, a, other)).rejects.toMatchObject({ code: "Conflict" });
  const item = async () => (await one.services.records.items.get(itemKeyOf(a.machine)))?.value ?? a;
  await leaveGroup(one.services, await item());
  expect((await item()).group).toBeUndefined();
  expect(await members(one)).toEqual([]);
  // As if it had died between its two records.
  await one.services.records.items.update(itemKeyOf(a.machine), (old) => ({ ...old, group: GROUP }));
  await reconcileMember(one.services, await item());
  await reconcileMember(one.services, await item());
  expect(await members(one)).toEqual([a.machine]);
});

test("who left while a barrier was being prepared is not asked for it", async () => {
  const { one, a, b } = await pair();
  const { records } = one.services;
  const item = async () => (await records.items.get(itemKeyOf(a)))?.value ?? itemNamed("a");
  const leaving = await item();
  let left = false;
  const put = one.services.target.put.bind(one.services.target);
  one.services.target.put = async (...args) => {
    const etag = await put(...args);
    if (!left) await leaveGroup(one.services, leaving);
    left = true;
    return etag;
  };
  expect(await groupActivities.askGroup(asked, one.tools)).toEqual({ asked: 1 });
  expect([(await pendingOf(one, a)).length, (await pendingOf(one, b)).length]).toEqual([0, 1]);
  await groupActivities.endGroupRound({ ...at, end: { why: "given up" } }, one.tools);
  const lists: string[] = [];
  for await (const { name } of one.services.target.list("groups/")) lists.push(name);
  expect(lists).toEqual([]);
});

test.each([
  ["lost", (one: Shop, name: string) => one.services.target.delete([name])],
  ["damaged", (one: Shop, name: string) => one.services.target.put(name, Buffer.from("{"), "any")],
])("a barrier whose list of members is %s ends, and another one can follow", async (_, harm) => {
  const { one, a, b } = await pair();
  await groupActivities.askGroup(asked, one.tools);
  await harm(one, (await group(one))?.round?.list ?? "");
  await expect(groupActivities.askGroup(asked, one.tools)).rejects.toThrow("/rounds/");
  await expect(groupActivities.observeGroup(at, one.tools)).rejects.toThrow("/rounds/");
  await groupActivities.endGroupRound({ ...at, end: { why: "its list is gone" } }, one.tools);
  expect(await group(one)).toMatchObject({ missed: { id: barrier, why: "its list is gone" } });
  expect([await pendingOf(one, a), await pendingOf(one, b)]).toEqual([[], []]);
  const next = { ...asked, barrier: barrierId("00000000-0000-4000-8000-0000000000bb") };
  expect(await groupActivities.askGroup(next, one.tools)).toEqual({ asked: 2 });
});

test("a group is deleted with its points once nobody belongs to it and nothing is under way", async () => {
  const { one, a, b, known } = await pointMade();
  await expect(deleteGroup(one.services, known)).rejects.toMatchObject({ code: "Conflict" });
  for (const machine of [a, b]) {
    const item = (await one.services.records.items.get(itemKeyOf(machine)))?.value;
    if (item) await leaveGroup(one.services, item);
  }
  const round = {
    ...known,
    round: { ...asked, id: barrier, at: NOW, hold: millis(1), askedAt: NOW, members: 1, list: "" },
  };
  await expect(deleteGroup(one.services, round)).rejects.toMatchObject({ code: "Conflict" });
  await deleteGroup(one.services, known);
  expect([await group(one), await points(one)]).toEqual([undefined, []]);
});

test("what a point of the group is made of is kept, however old it is", () => {
  const old = barrierId("00000000-0000-4000-8000-0000000000aa");
  const day = 24 * 3600 * 1_000_000;
  const facts = { generation: generation(1), consistency: "crash" as const };
  const aged = { ...facts, id: old, sequence: sequence(1), time: micros(NOW - 30 * day) };
  const later = {
    ...facts,
    id: barrierId("00000000-0000-4000-8000-0000000000bb"),
    sequence: sequence(2),
    time: micros(NOW - 20 * day),
  };
  const young = { ...facts, id: POINT, sequence: sequence(3), time: NOW };
  const policy = retentionPolicy.parse({});
  const kept = (common: boolean) =>
    retain([{ ...aged, common }, later, young], policy, NOW).keep.map(({ point }) => point.id);
  expect(kept(false)).not.toContain(old);
  expect(kept(true)).toContain(old);
  expect(newGroup(ID, groupSettings.parse({})).settings.retention).toEqual(policy);
});
