import type { DurableClient } from "durable-functions";
import { expect, test } from "vitest";
import { armId, operationId } from "../../../engine/core/ids.ts";
import { generation, micros, sequence } from "../../../engine/core/units.ts";
import { isDrilling } from "../../../engine/recovery/drill.ts";
import { itemKeyOf, machineIdFor } from "../../../engine/recovery/item.ts";
import { recoveryPolicy } from "../../../engine/recovery/policy.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { withTestEnded } from "../../../engine/recovery/test-failover.ts";
import { testOf } from "../../../engine/recovery/test-target.ts";
import { MemoryRecordStore } from "../../../engine/storage/memory.ts";
import { beginDrills, countsForDrills, tendDrill } from "../../../functions/due-drills.ts";
import type { Services } from "../../../functions/services.ts";
import { collect } from "../../fixtures/collect.ts";
import { ITEM, NOW, POINT, ago, progress, protectedItem } from "../engine/recovery/fixture.ts";
import { machineAt } from "../engine/recovery/drill-scene.ts";

const DAY = 24 * 3600e6;
const AT_ONCE = 5;

/** Machines whose drills are all due, the later ones for longer; those of `pointless` have no recovery point. */
async function fleet(count: number, pointless: readonly number[] = []) {
  const records = recordsIn(new MemoryRecordStore());
  const point = { id: POINT, generation: generation(1), sequence: sequence(1), time: ago(60) };
  for (let n = 0; n < count; n++) {
    const id = armId(`${ITEM}-${n}`);
    const machine = machineIdFor(id, id, "one");
    const plain = protectedItem({
      ...machineAt,
      id,
      machine,
      policy: recoveryPolicy.parse({ drillDays: 1 }),
    });
    const job = { ...plain.job, startTime: micros(NOW - 2 * DAY - n) };
    await records.items.create(itemKeyOf(machine), { ...plain, job });
    const shipped = progress({ machine, ...(!pointless.includes(n) && { point }) });
    await records.progress.create(machine, shipped);
  }
  const started: string[] = [];
  const client: DurableClient = Object.assign(Object.create(null), {
    getStatus: async (id: string) => (started.includes(id) ? { runtimeStatus: "Running" } : undefined),
    startNew: async (_: string, { instanceId = "" }: { instanceId?: string }) => {
      started.push(instanceId);
      return instanceId;
    },
  });
  const services: Services = Object.assign(Object.create(null), { records, clock: { now: () => NOW } });
  const all = () => collect(records.items.list());
  const minute = async () => {
    const items = (await all()).filter((item) => countsForDrills(services, item));
    await beginDrills(services, client, items);
  };
  return { services, client, started, all, minute };
}

test("five begin at a time, those that have waited longest, and one more when one was cleaned up", async () => {
  const { services, client, started, all, minute } = await fleet(8);
  await minute();
  await minute();
  expect(started).toHaveLength(AT_ONCE);
  const drilling = (await all()).filter(isDrilling);
  expect(drilling.map(({ id }) => id.slice(-1)).toSorted()).toEqual(["3", "4", "5", "6", "7"]);
  const [first] = drilling;
  if (!first) throw new RangeError("none has begun");
  for (const _ of ["making", "clean-up"]) {
    const item = await services.records.items.update(itemKeyOf(first.machine), (old) =>
      withTestEnded(old, { operation: testOf(old).job.operation, steps: [] }, NOW),
    );
    // Twice, as the timer may.
    await tendDrill(services, client, item);
    await tendDrill(services, client, item);
  }
  await minute();
  expect(started).toHaveLength(AT_ONCE + 2);
  expect(new Set(started).size).toBe(started.length);
  expect((await all()).filter(isDrilling)).toHaveLength(AT_ONCE);
});

test("one without a recovery point takes nobody's place, and its job is there for each that begins", async () => {
  const { services, started, minute } = await fleet(6, [5]);
  await minute();
  expect(started).toHaveLength(AT_ONCE);
  for (const operation of started)
    expect((await services.records.jobs.get(operationId(operation)))?.value).toMatchObject({
      kind: "testFailover",
      drill: true,
      state: "InProgress",
    });
});
