import { expect, test } from "vitest";
import { A2A_DEFAULTS } from "../../../../engine/recovery/replication-policy.ts";
import { recoveryPolicy } from "../../../../engine/recovery/policy.ts";
import { applyPolicy, findPolicy, savePolicy } from "../../../../functions/vault/policies.ts";
import { policyFor } from "../../../../functions/vault/policy-of-item.ts";
import { addItem, inVault, itemAt, vaultWorld } from "./world.ts";

const MINUTE = 60_000;
const WEEK = inVault("replicationPolicies/Week");
const week = { ...A2A_DEFAULTS, recoveryPointHistory: 7 * 24 * 60 };

test("a policy says in minutes what its items do", async () => {
  const world = vaultWorld();
  await savePolicy(world.services, WEEK, () => ({ a2a: week, own: { verifyInterval: 5 * MINUTE } }));
  const item = await addItem(world, "a");
  expect(
    await policyFor(world.services, item.id, WEEK.toUpperCase().replace("/SUBSCRIPTIONS", "/subscriptions")),
  ).toEqual({
    pointInterval: 5 * MINUTE,
    imageInterval: 5 * MINUTE,
    applicationInterval: 0,
    retention: { window: 7 * 24 * 60 * MINUTE, anyWriteWindow: 24 * 60 * MINUTE },
    verifyInterval: 5 * MINUTE,
  });
});

test("changing a policy changes what its items do, but for what they were given themselves, and no others", async () => {
  const world = vaultWorld();
  const own = { pointInterval: 4000 };
  const policy = recoveryPolicy.parse({ ...own, replica: "none", capture: "snapshots" });
  const its = await addItem(world, "a", { policyId: WEEK.toLowerCase(), policy, ownPolicy: own });
  const other = await addItem(world, "b", { policy });
  await savePolicy(world.services, WEEK, () => ({ a2a: week, own: { scrubDays: 30 } }));
  expect((await itemAt(world, its))?.policy).toMatchObject({
    pointInterval: 4000,
    imageInterval: 5 * MINUTE,
    scrubDays: 30,
    retention: { window: 7 * 24 * 60 * MINUTE, deleteDelay: policy.retention.deleteDelay },
    replica: "none",
    capture: "snapshots",
  });
  expect(await itemAt(world, other)).toEqual(other);
});

test("what a process that died left behind is made up for, and nothing is written when all is as it should be", async () => {
  const world = vaultWorld();
  await savePolicy(world.services, WEEK, () => ({ a2a: week, own: {} }));
  const late = await addItem(world, "late", { policyId: WEEK });
  const saved = await findPolicy(world.services, WEEK);
  await applyPolicy(world.services, saved);
  const once = await world.records.items.get(late.machine.slice(-8));
  expect(once?.value.policy.pointInterval).toBe(5 * MINUTE);
  await applyPolicy(world.services, saved);
  expect((await world.records.items.get(late.machine.slice(-8)))?.etag).toBe(once?.etag);
});

test("a policy that is not there is refused, unless the item has gone by it before", async () => {
  const world = vaultWorld();
  const item = await addItem(world, "a", { policyId: WEEK });
  expect(await policyFor(world.services, item.id, WEEK)).toEqual({});
  await expect(policyFor(world.services, item.id, `${WEEK}s`)).rejects.toMatchObject({
    code: "InvalidRequest",
  });
  await expect(policyFor(world.services, item.id, "Week")).rejects.toMatchObject({ code: "InvalidRequest" });
  expect(await policyFor(world.services, item.id, undefined)).toEqual({});
});
