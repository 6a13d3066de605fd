import type { DurableClient } from "durable-functions";
import { expect, test } from "vitest";
import { LeewardError } from "../../../engine/core/errors.ts";
import { operationId } from "../../../engine/core/ids.ts";
import { beginDisable, beginFailover } from "../../../engine/recovery/begin.ts";
import { type ItemRecord, itemKey } from "../../../engine/recovery/item.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { beginTest } from "../../../engine/recovery/test-failover.ts";
import { MemoryRecordStore } from "../../../engine/storage/memory.ts";
import { beginJob } from "../../../functions/begin.ts";
import type { Services } from "../../../functions/services.ts";
import { failing } from "../../fixtures/failing.ts";
import { Dice } from "../../simulation/dice.ts";
import { machineNumber, protectedItem as simulated } from "../../simulation/machine.ts";
import { NOW, protectedItem } from "../engine/recovery/fixture.ts";

/*
 * Whichever call of the record store a beginning dies at, before it is done or behind that: the client, told of a 500, sends its
 * request again, and finds one job begun.
 */

const asked = { now: NOW, token: "one request" };
const BEGINNINGS: Record<string, (old: ItemRecord) => ItemRecord> = {
  failover: (old) => beginFailover(old, asked),
  disable: (old) => beginDisable(old, { purge: false, keepPoints: false }, asked),
  "test failover": (old) => beginTest(old, asked),
};

/** Where a machine is, and where it goes. */
const model = simulated({ machine: machineNumber(1), principal: "p", disks: [] }, new Dice(1));

/** A task hub that knows what was started in it. */
function hub() {
  const started: string[] = [];
  const known = {
    getStatus: async (id: string) => (started.includes(id) ? { runtimeStatus: "Running" } : undefined),
    startNew: async (_: string, { instanceId = "" }: { instanceId?: string }) => {
      started.push(instanceId);
      return instanceId;
    },
    raiseEvent: async () => undefined,
  };
  const client: DurableClient = Object.assign(Object.create(null), known);
  return { started, client };
}

/** The calls that a beginning needs, at most: each of them fails once. */
const MOST_CALLS = 8;
const cases = Object.keys(BEGINNINGS).flatMap((name) =>
  (["before", "after"] as const).flatMap((when) =>
    Array.from({ length: MOST_CALLS }, (_, n) => ({ name, when, at: n + 1 })),
  ),
);

test.each(cases)(
  "a $name that dies $when call $at is begun once, and the repeat completes it",
  async (one) => {
    const store = new MemoryRecordStore();
    const records = recordsIn(store);
    const item = { ...protectedItem(), source: model.source, target: model.target };
    await records.items.create(itemKey(item.id), item);
    const { started, client } = hub();
    const begin = BEGINNINGS[one.name];
    if (!begin) throw new RangeError("there is no such beginning");
    const through = recordsIn(failing(store, { calls: 0, at: one.at, when: one.when }));
    const run = (to: typeof records) => {
      const services: Services = Object.assign(Object.create(null), { records: to });
      return beginJob(services, client, item, begin);
    };
    await run(through).catch((error: unknown) => {
      if (!(error instanceof LeewardError)) throw error;
    });
    const begun = await run(records);
    const job = begun.test?.job ?? begun.job;
    expect(started).toEqual([job.operation]);
    expect((await records.jobs.get(operationId(job.operation)))?.value).toMatchObject({
      state: "InProgress",
      item: item.id,
    });
    expect(await run(records)).toEqual(begun);
    expect(started).toHaveLength(1);
  },
);
