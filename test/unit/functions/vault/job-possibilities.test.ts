import { expect, test } from "vitest";
import { operationId } from "../../../../engine/core/ids.ts";
import { jobOf } from "../../../../engine/recovery/begin.ts";
import type { ItemRecord } from "../../../../engine/recovery/item.ts";
import { actionsOf } from "../../../../functions/vault/job-possibilities.ts";
import { addItem, vaultWorld } from "./world.ts";

async function actions(
  change: Partial<ItemRecord>,
  state: "InProgress" | "Failed" | "Succeeded",
  newest = true,
) {
  const world = vaultWorld();
  const item = await addItem(world, "a", change);
  const job = { ...jobOf(item), state };
  if (!newest)
    await world.records.items.update(item.machine.slice(-8), (old) => ({
      ...old,
      job: { ...old.job, operation: OTHER },
    }));
  return actionsOf(world.services, job);
}
const OTHER = operationId("ffffffff-ffff-4fff-8fff-ffffffffffff");

test("an enablement is cancelled once its first copy goes on, and nothing else is", async () => {
  expect(await actions({ state: "InitialReplication" }, "InProgress")).toEqual(["Cancel"]);
  expect(await actions({ state: "Enabling" }, "InProgress")).toEqual([]);
});

test("what failed is begun again as long as nothing else was", async () => {
  expect(await actions({ state: "EnableFailed" }, "Failed")).toEqual(["Restart"]);
  expect(await actions({ state: "EnableFailed" }, "Failed", false)).toEqual([]);
  expect(await actions({ state: "Protected" }, "Succeeded")).toEqual([]);
});
