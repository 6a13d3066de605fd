import { expect, test } from "vitest";
import { operationId } from "../../../../engine/core/ids.ts";
import { micros } from "../../../../engine/core/units.ts";
import { EVENTS_KEPT } from "../../../../engine/recovery/event.ts";
import { itemKey } from "../../../../engine/recovery/item.ts";
import type { JobRecord } from "../../../../engine/recovery/job.ts";
import { noteEvents } from "../../../../functions/vault/event-log.ts";
import { collect } from "../../../fixtures/collect.ts";
import { NOW } from "../../engine/recovery/fixture.ts";
import { type VaultWorld, addItem, inVault, vaultWorld } from "./world.ts";

const MINUTE = 60e6;
const seen = async ({ records }: VaultWorld) =>
  (await collect(records.events.list())).map(({ code, severity, time }) => [code, severity, time]);

const failed = (n: number, endTime: number): JobRecord => ({
  format: 1,
  operation: operationId(`00000000-0000-4000-8000-00000000000${n}`),
  kind: "failover",
  item: inVault("replicationFabrics/f/replicationProtectionContainers/c/replicationProtectedItems/a"),
  state: "Failed",
  startTime: NOW,
  endTime: micros(endTime),
  steps: [],
  failure: { code: "ArmFailed", message: "no room", step: "create the machine" },
});

test("the end of a job is written once, however often it is looked at, the newest first", async () => {
  const world = vaultWorld();
  for (const [n, at] of [NOW - MINUTE, NOW].entries())
    await world.records.jobs.create(failed(n, at).operation, failed(n, at));
  await noteEvents(world.services);
  world.later(micros(NOW + 2 * MINUTE));
  await noteEvents(world.services);
  expect(await seen(world)).toEqual([
    ["UnplannedFailoverFailed", "Error", NOW],
    ["UnplannedFailoverFailed", "Error", NOW - MINUTE],
  ]);
});

test("an error of a machine is written when it comes and when it goes", async () => {
  const world = vaultWorld();
  const failure = { code: "AgentSilent", message: "gone", step: "wait" };
  const item = await addItem(world, "a", { failure });
  await noteEvents(world.services);
  await noteEvents(world.services);
  world.later(micros(NOW + 2 * MINUTE));
  await noteEvents(world.services);
  await world.records.items.update(itemKey(item.id), (old) => ({ ...old, failure: undefined }));
  world.later(micros(NOW + 4 * MINUTE));
  await noteEvents(world.services);
  expect((await seen(world)).map(([code, severity]) => [code, severity])).toEqual([
    ["AgentSilent", "Info"],
    ["AgentSilent", "Error"],
  ]);
});

test("what is older than a month goes, and so does the record of what was configured", async () => {
  const world = vaultWorld();
  await world.records.jobs.create(failed(1, NOW).operation, failed(1, NOW));
  const { machine: _, ...plain } = failed(2, NOW);
  await world.records.jobs.create(plain.operation, {
    ...plain,
    kind: "configure",
    configuration: "putPolicy",
  });
  await noteEvents(world.services);
  expect(await seen(world)).toHaveLength(1);
  world.later(micros(NOW + EVENTS_KEPT.age + MINUTE));
  await noteEvents(world.services);
  expect(await seen(world)).toEqual([]);
  expect((await collect(world.records.jobs.list())).map(({ kind }) => kind)).toEqual(["failover"]);
});
