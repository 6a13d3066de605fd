import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor } from "../../local/demo/wait.ts";
import { BoxFixture } from "./fixture.ts";

/*
 * A failover is taken back: the machine that it built is gone, the source's agent goes on in a new generation that begins with a
 * comparison, and its points are good. The tests build on each other.
 */

const box = new BoxFixture();
beforeAll(() => box.open());
afterAll(() => box.close());

const POLICY = {
  sealAge: 1000,
  heartbeatEvery: 500,
  pointInterval: 4000,
  replica: "none",
  verifyInterval: 2000,
};

const pointsOf = async (which: (generation: number) => boolean) =>
  (await box.points()).filter(({ properties }) => which(properties.leeward.generation));

test("a failover builds the machine with the source's address, and says how it started", async () => {
  await box.protected(POLICY);
  await box.openShop(3);
  await waitFor("points", async () => ((await box.points()).length >= 2 ? true : undefined), 120_000);
  const asked = { properties: { providerSpecificDetails: { instanceType: "A2A" } } };
  expect((await box.call("POST", `${box.item("Ledger")}/unplannedFailover`, asked)).status).toBe(202);
  const { leeward } = await box.until(
    "the failover",
    ({ protectionState }) => protectionState === "UnplannedFailoverCommitPendingStatesBegin",
  );
  const { build } = leeward.failover ?? {};
  expect(build).toMatchObject({
    size: "Standard_D2s_v5",
    notes: [],
    boot: { power: "running", agent: "Ready" },
  });
  expect(build?.boot?.console.length).toBeGreaterThan(0);
  expect(build?.nics.flatMap(({ addresses }) => addresses)).toEqual([
    { name: "primary", wanted: "10.20.1.10", given: "10.20.1.10", why: null },
  ]);
});

test("taken back, the source is protected again by a comparison, and the machine in the target is gone", async () => {
  expect((await box.call("POST", `${box.item("Ledger")}/failoverCancel`)).status).toBe(202);
  const { leeward } = await box.until(
    "the end of the comparison",
    ({ leeward: now }) => now.resync?.state === "ended" && now.resync.reason === "cancel",
  );
  expect(leeward).toMatchObject({ state: "Protected", generation: 3, failover: null });
  await waitFor(
    "points of the new generation",
    async () => ((await pointsOf((generation) => generation === 3)).length >= 2 ? true : undefined),
    120_000,
  );
  expect(await box.armNames("Shop-Recovery", "Microsoft.Compute/virtualMachines")).toEqual([]);
  expect(await box.armNames("Shop-Recovery", "Microsoft.Compute/disks")).toEqual([]);
  expect(await box.armNames("Shop-Recovery", "Microsoft.Network/networkInterfaces")).toEqual([]);
});

test("its new points are what the source had", async () => {
  const { healthErrors } = await waitFor(
    "a verified point of the new generation",
    async () => {
      const now = await box.look();
      const { verifiedPoint } = now.leeward.verification ?? {};
      return (await pointsOf((generation) => generation === 3)).some(({ name }) => name === verifiedPoint)
        ? now
        : undefined;
    },
    240_000,
  );
  expect(healthErrors).toEqual([]);
});
