import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { type Micros, micros } from "../../../engine/core/units.ts";
import { groupSettings, newGroup } from "../../../engine/recovery/group.ts";
import { itemKey } from "../../../engine/recovery/item.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { readGroupPoints } from "../../../engine/replication/group-points.ts";
import { MemoryObjectStore, MemoryRecordStore } from "../../../engine/storage/memory.ts";
import { groupActivities } from "../../../functions/activities/group.ts";
import { failOverGroup } from "../../../functions/group-failover.ts";
import { settledJob } from "../../../functions/group-job.ts";
import { joinGroup } from "../../../functions/membership.ts";
import type { Services } from "../../../functions/services.ts";
import { NOW, protectedItem } from "../engine/recovery/fixture.ts";
import { GROUP, ID, achieve, asked, at, hub, itemNamed } from "./shop.ts";

const MEMBERS = 1000;
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

test(`a group of ${MEMBERS} is asked ahead of its instant, has points, and is failed over as a whole`, async () => {
  const time = new SlowTime();
  const [records, target] = [new MemoryRecordStore(), new MemoryObjectStore()];
  const over = (store: MemoryRecordStore, objects: MemoryObjectStore): Services => ({
    ...Object.create(null),
    clock: { now: () => time.now },
    records: recordsIn(store),
    target: objects,
  });
  const quick = over(records, target);
  const slow = over(time.slow(records), time.slow(target));
  const tools = { services: slow, client: Object.create(null) };

  const items = Array.from({ length: MEMBERS }, (_, n) => itemNamed(`application-server-${n}`));
  for (const item of items) await quick.records.items.create(itemKey(item.id), item);
  const [first, ...rest] = items;
  const members = rest.map(({ machine }) => ({ machine, joinedAt: NOW }));
  const known = { ...newGroup(ID, groupSettings.parse({})), members };
  await quick.records.groups.create(GROUP, known);
  if (first) await joinGroup(quick, first, ID);

  expect(await time.run(groupActivities.askGroup(asked, tools))).toEqual({ asked: MEMBERS });
  const instant = (await quick.records.groups.get(GROUP))?.value.round?.at ?? 0;
  expect(instant - time.now).toBeGreaterThan(2 * protectedItem().policy.heartbeatEvery * 1000);

  const shop = { services: quick, tools, items, machines: [], later: () => NOW };
  for (const { machine } of items) await achieve(shop, machine);
  expect(await time.run(groupActivities.observeGroup(at, tools))).toMatchObject({ state: "made" });
  await time.run(groupActivities.endGroupRound({ ...at, end: { consistency: "crash" } }, tools));
  const [point] = await readGroupPoints(target, GROUP);
  expect(point?.members).toHaveLength(MEMBERS);

  const group = (await quick.records.groups.get(GROUP))?.value ?? known;
  const { client, started } = hub();
  const began = time.now;
  const wanted = { now: NOW, token: "once" };
  const job = await time.run(failOverGroup(slow, client, group, wanted, { acceptBadPoint: false }));
  expect(started).toHaveLength(MEMBERS);
  // It is one call of the API, whose caller does not wait for ever.
  expect((time.now - began) / 1e6).toBeLessThan(60);
  expect((await quick.records.groups.get(GROUP))?.value.failover?.begun).toBe(true);
  const stored = (await quick.records.jobs.get(job.operation))?.value ?? job;
  expect((await time.run(settledJob(slow.records, stored))).steps).toHaveLength(MEMBERS);
});
