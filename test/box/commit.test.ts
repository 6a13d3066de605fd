import { randomUUID } from "node:crypto";
import { z } from "zod";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor } from "../../local/demo/wait.ts";
import { BoxFixture, errorOf } from "./fixture.ts";

/* What follows on a failover: another point, and the commit. The tests build on each other. */

const box = new BoxFixture();
beforeAll(() => box.open());
afterAll(() => box.close());

const POLICY = { sealAge: 1000, heartbeatEvery: 500, pointInterval: 4000, checkpointInterval: 5000 };
const PENDING = "UnplannedFailoverCommitPendingStatesBegin";

const post = (action: string, body?: unknown, headers?: Record<string, string>) =>
  box.call("POST", `${box.item("Ledger")}/${action}`, body, headers);
const jobOf = async (headers: Headers) => {
  const operation = new URL(headers.get("azure-asyncoperation") ?? "").pathname.split("/").at(-1);
  const { body } = await box.call("GET", `${box.vault}/replicationJobs/${operation}`);
  return z.object({ properties: z.looseObject({ state: z.string() }) }).parse(body).properties;
};

test("a request that is sent again begins one failover, and is answered with it to the end", async () => {
  await box.protected(POLICY);
  await box.openShop(3);
  await waitFor("points", async () => ((await box.points()).length >= 3 ? true : undefined), 120_000);
  const asked = { properties: { providerSpecificDetails: { instanceType: "A2A" } } };
  const headers = { "x-ms-client-request-id": randomUUID() };
  const [first, second] = [
    await post("unplannedFailover", asked, headers),
    await post("unplannedFailover", asked, headers),
  ];
  expect([first.status, second.status]).toEqual([202, 202]);
  expect(second.headers.get("location")).toBe(first.headers.get("location"));
  await box.until("the failover", ({ protectionState }) => protectionState === PENDING);
  const late = await post("unplannedFailover", asked, headers);
  expect(late.status).toBe(202);
  expect(late.headers.get("location")).toBe(first.headers.get("location"));
  const jobs = (await box.call("GET", `${box.vault}/replicationJobs`)).body;
  expect(JSON.stringify(jobs).split('"scenarioName":"UnplannedFailover"')).toHaveLength(2);
});

test("another point takes the place of the one that was failed over to", async () => {
  const { leeward } = await box.look();
  const [oldest] = await box.points();
  expect(oldest?.name).not.toBe(leeward.failover?.point);
  const asked = {
    properties: {
      recoveryPointId: `${box.item("Ledger")}/recoveryPoints/${oldest?.name}`,
      providerSpecificDetails: { instanceType: "A2A" },
    },
  };
  expect((await post("applyRecoveryPoint", asked)).status).toBe(202);
  const now = await box.until(
    "the other point",
    ({ protectionState, leeward: { failover } }) =>
      protectionState === PENDING && failover?.point === oldest?.name,
  );
  expect(now.leeward.failover?.rtoSeconds).toBeGreaterThan(0);
  expect(await box.armNames("Shop-Recovery", "Microsoft.Compute/disks")).toHaveLength(1);
  expect(errorOf(await post("applyRecoveryPoint", asked))).toMatchObject({ status: 409, code: "Conflict" });
});

test("committed, the replica is gone, the points are there, and nothing goes back", async () => {
  const { headers, status } = await post("failoverCommit");
  expect(status).toBe(202);
  const now = await box.until(
    "the commit",
    ({ protectionState }) => protectionState === "UnplannedFailoverCommitted",
  );
  expect(now.leeward.state).toBe("UnplannedFailoverCommitted");
  expect(await jobOf(headers)).toMatchObject({
    state: "Succeeded",
    scenarioName: "CommitFailover",
    leewardDeleted: {
      deleted: [{ type: "objects", name: expect.stringContaining("/replica"), count: 1 }],
      left: [{ why: expect.stringContaining("recovery points") }],
    },
  });
  expect((await box.points()).length).toBeGreaterThanOrEqual(3);
  for (const action of ["failoverCancel", "failoverCommit"])
    expect(errorOf(await post(action))).toMatchObject({ status: 409, code: "StateNotAllowed" });
});

test("its protection can be taken away", async () => {
  expect((await post("remove", { properties: {} })).status).toBe(202);
  await waitFor(
    "the end",
    async () => ((await box.call("GET", box.item("Ledger"))).status === 404 ? true : undefined),
    240_000,
  );
  expect(await box.armNames("Shop-Recovery", "Microsoft.Compute/virtualMachines")).toEqual(["ledger"]);
});
