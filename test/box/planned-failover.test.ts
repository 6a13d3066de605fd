import { afterAll, beforeAll, expect, test } from "vitest";
import { armId } from "../../engine/core/ids.ts";
import { allOrders } from "../../local/demo/ledger-client.ts";
import { ledgerOf } from "../../local/demo/scene.ts";
import { waitFor } from "../../local/demo/wait.ts";
import { BoxFixture } from "./fixture.ts";

/* A machine is moved: it is shut down while customers order, and comes up in the other region with every order. */

const box = new BoxFixture();
beforeAll(() => box.open());
afterAll(() => box.close());

const POLICY = {
  sealAge: 1000,
  heartbeatEvery: 500,
  pointInterval: 4000,
  replica: "none",
};

test("a planned failover shuts the source down, and loses no order that was acknowledged", async () => {
  await box.protected(POLICY);
  const customers = await box.openShop(7);
  await waitFor("orders", async () => (customers.log.acknowledged.length > 20 ? true : undefined), 60_000);
  const answer = await box.call("POST", `${box.item("Ledger")}/plannedFailover`, {
    properties: {
      failoverDirection: "PrimaryToRecovery",
      providerSpecificDetails: { instanceType: "A2A" },
    },
  });
  expect(answer.status).toBe(202);
  const { leeward, providerSpecificDetails } = await box.until(
    "the failover",
    ({ protectionState }) => protectionState === "UnplannedFailoverCommitPendingStatesBegin",
  );
  await box.closeShop();
  const { failover } = leeward;
  expect(failover?.announced).toMatchObject({ writes: 0, bytes: 0 });
  expect(failover?.build.notes).toEqual([]);
  expect(failover?.steps.map(({ name }) => name).slice(0, 3)).toEqual([
    "shut the source down",
    "carry the rest over",
    "drain the cache",
  ]);
  const source = await ledgerOf(box.box, armId(box.box.plan.sourceVm.id));
  await expect(fetch(`${source}/health`)).rejects.toThrow("fetch failed");
  const url = await ledgerOf(box.box, armId(providerSpecificDetails.recoveryFabricObjectId ?? ""));
  const kept = new Set((await allOrders(url ?? "")).map(({ id }) => id));
  const { acknowledged } = customers.log;
  expect(acknowledged.length).toBeGreaterThan(20);
  expect(acknowledged.filter(({ id }) => !kept.has(id))).toEqual([]);
});
