import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { type Micros, micros } from "../../../engine/core/units.ts";
import { groupSettings, newGroup } from "../../../engine/recovery/group.ts";
import { type ItemRecord, itemKey } from "../../../engine/recovery/item.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { listGroupPoints, readGroupPoints } from "../../../engine/replication/group-points.ts";
import { MemoryObjectStore, MemoryRecordStore } from "../../../engine/storage/memory.ts";
import { groupActivities } from "../../../functions/activities/group.ts";
import { failOverGroup } from "../../../functions/group-failover.ts";
import { settledJob } from "../../../functions/group-job.ts";
import type { Services } from "../../../functions/services.ts";
import { NOW, protectedItem } from "../engine/recovery/fixture.ts";
import { GROUP, ID, achieve, asked, at, hub, itemNamed } from "./shop.ts";

const SOME = 200;
const MANY = 5000;
/** More than twice as many as begin at once. */
const PARTS = 600;
/** Of a storage call, in microseconds. */
const LATENCY = 20_000;

/** A virtual clock that goes on when nothing else can: calls that are in flight together take their time together. */
class SlowTime {
  now: Micros = NOW;
  readonly #waiting: { readonly due: Micros; readonly wake: () => void }[] = [];

  /** The store, each of whose calls takes a while. */
  slow<Store extends object>(store: Store): Store {
    return new Proxy(store, {
      get: (inner, property) => {
        const method: unknown = Reflect.get(inner, property);
        if (typeof method !== "function") return method;
        if (property === "list") return (...args: unknown[]): unknown => Reflect.apply(method, inner, args);
        return async (...args: unknown[]): Promise<unknown> => {
          await new Promise<void>((wake) =>
            this.#waiting.push({ due: micros(this.now + LATENCY), wake: () => wake() }),
          );
          return Reflect.apply(method, inner, args);
        };
      },
    });
  }

  async run<Result>(work: Promise<Result>): Promise<Result> {
    let ended = false;
    const end = () => (ended = true);
    work.then(end, end);
    for (; !ended; await setImmediate()) {
      const next = this.#waiting.shift();
      if (next) this.now = next.due;
      next?.wake();
    }
    return work;
  }
}

/** How often each kind of call was made, and how large the largest document was. */
class Counter {
  readonly #members: number;
  readonly calls: Record<string, number> = {};
  largestRecord = 0;

  constructor(members: number) {
    this.#members = members;
  }

  counted<Store extends object>(what: string, store: Store): Store {
    return new Proxy(store, {
      get: (inner, property) => {
        const method: unknown = Reflect.get(inner, property);
        if (typeof method !== "function") return method;
        return (...args: unknown[]): unknown => {
          const call = `${what} ${String(property)}`;
          this.calls[call] = (this.calls[call] ?? 0) + 1;
          if (call === "record put")
            this.largestRecord = Math.max(this.largestRecord, JSON.stringify(args[2]).length);
          return Reflect.apply(method, inner, args);
        };
      },
    });
  }

  /** All calls since the last look, for each member. */
  perMember(): number {
    const all = Object.values(this.calls).reduce((sum, one) => sum + one, 0);
    for (const call of Object.keys(this.calls)) this.calls[call] = 0;
    return all / this.#members;
  }
}

function over(time: SlowTime, store: MemoryRecordStore, objects: MemoryObjectStore): Services {
  return {
    ...Object.create(null),
    clock: { now: () => time.now },
    records: recordsIn(store),
    target: objects,
  };
}

async function joined(services: Services, count: number): Promise<ItemRecord[]> {
  const items = Array.from({ length: count }, (_, n) => itemNamed(`application-server-${n}`));
  await services.records.groups.create(GROUP, newGroup(ID, groupSettings.parse({})));
  for (const item of items) {
    await services.records.items.create(itemKey(item.id), { ...item, group: GROUP });
    await services.records
      .members(GROUP)
      .create(item.machine, { format: 1, machine: item.machine, joinedAt: NOW });
  }
  return items;
}

const groupIn = async ({ records }: Services) => {
  const found = await records.groups.get(GROUP);
  if (!found) throw new Error("there is no group");
  return found.value;
};

test(`a group of ${SOME} is asked ahead of its instant and failed over within a call of the API, over a slow storage`, async () => {
  const time = new SlowTime();
  const [records, target] = [new MemoryRecordStore(), new MemoryObjectStore()];
  const quick = over(time, records, target);
  const slow = over(time, time.slow(records), time.slow(target));
  const tools = { services: slow, client: Object.create(null) };
  const items = await joined(quick, SOME);

  expect(await time.run(groupActivities.askGroup(asked, tools))).toEqual({ asked: SOME });
  const instant = (await groupIn(quick)).round?.at ?? 0;
  expect(instant - time.now).toBeGreaterThan(2 * protectedItem().policy.heartbeatEvery * 1000);

  const shop = { services: quick, tools, items, machines: [], later: () => NOW };
  for (const { machine } of items) await achieve(shop, machine);
  expect(await time.run(groupActivities.observeGroup(at, tools))).toMatchObject({ state: "made" });
  await time.run(groupActivities.endGroupRound({ ...at, end: { consistency: "crash" } }, tools));

  const { client, started } = hub();
  const began = time.now;
  const wanted = { now: NOW, token: "once" };
  const known = await groupIn(quick);
  await time.run(failOverGroup(slow, client, known, wanted, { acceptBadPoint: false }));
  expect(started).toHaveLength(SOME);
  // It is one call of the API, whose caller does not wait for ever.
  expect((time.now - began) / 1e6).toBeLessThan(60);
  expect((await groupIn(quick)).failover?.begun).toBe(true);
});

/** A group whose members' calls are counted. */
async function countedGroup(count: number) {
  const time = new SlowTime();
  const counter = new Counter(count);
  const [records, target] = [new MemoryRecordStore(), new MemoryObjectStore()];
  const plain = over(time, records, target);
  const services = over(time, counter.counted("record", records), counter.counted("object", target));
  const { client, started } = hub();
  const items = await joined(plain, count);
  const shop = { services: plain, tools: { services: plain, client }, items, machines: [], later: () => NOW };
  return { counter, target, plain, services, client, started, shop, tools: { services, client } };
}

test(`a group of ${MANY} has a point, with a bounded number of calls for each member and small records`, async () => {
  const { counter, target, tools, shop } = await countedGroup(MANY);
  expect(await groupActivities.askGroup(asked, tools)).toEqual({ asked: MANY });
  // Its item twice, its barriers read and written; and one of each 1,000 listed.
  expect(counter.perMember()).toBeCloseTo(4, 1);

  const machines = shop.items.map(({ machine }) => machine).toSorted();
  // Members come one after the other: none is looked at again once it was ready.
  let from = 0;
  for (const to of [1000, 1000, 2500, MANY]) {
    for (const machine of machines.slice(from, to)) await achieve(shop, machine);
    const seen = await groupActivities.observeGroup({ ...at, from }, tools);
    expect(seen).toMatchObject(to < MANY ? { state: "waiting", ready: to } : { state: "made" });
    from = to;
  }
  // Its barriers once, its points listed, its manifest and what is known of it read; a few looks besides.
  expect(counter.perMember()).toBeCloseTo(4.1, 1);

  await groupActivities.endGroupRound({ ...at, end: { consistency: "crash" } }, tools);
  expect(counter.perMember()).toBeCloseTo(2, 1);
  const [point] = await readGroupPoints(target, await listGroupPoints(target, GROUP));
  expect(point?.members).toHaveLength(MANY);
  expect(counter.largestRecord).toBeLessThan(20_000);
}, 300_000);

test(`a group of ${PARTS} is failed over in parts, and its job counts all and names some`, async () => {
  const { counter, plain, services, client, started, shop, tools } = await countedGroup(PARTS);
  await groupActivities.askGroup(asked, tools);
  for (const { machine } of shop.items) await achieve(shop, machine);
  await groupActivities.observeGroup(at, tools);
  await groupActivities.endGroupRound({ ...at, end: { consistency: "crash" } }, tools);

  const wanted = { now: NOW, token: "once" };
  const group = await groupIn(plain);
  const { job } = await failOverGroup(services, client, group, wanted, { acceptBadPoint: false });
  // A bounded part of it begins within the call; an orchestration sees to the rest.
  expect(started.filter((one) => one.startsWith("group-failover"))).toHaveLength(1);
  expect(started.length).toBeLessThan(PARTS / 2);
  const of = { group: GROUP, operation: job.operation };
  for (let next: number | undefined = 0; next !== undefined;)
    ({ next } = await groupActivities.beginGroupFailover({ ...of, from: next }, tools));
  await groupActivities.noteGroupBegun(of, tools);
  expect(new Set(started).size).toBe(PARTS + 1);
  expect((await groupIn(plain)).failover?.begun).toBe(true);

  counter.perMember();
  const stored = (await plain.records.jobs.get(job.operation))?.value ?? job;
  const seen = await settledJob(services, stored);
  expect([seen.members, seen.steps.length, seen.settled]).toEqual([PARTS, 100, { succeeded: 0, failed: 0 }]);
  expect(counter.perMember()).toBeCloseTo(1, 1);
  expect(counter.largestRecord).toBeLessThan(20_000);
});
