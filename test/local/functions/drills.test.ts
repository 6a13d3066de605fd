import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { drillSummary, drillVerdictView } from "../../../engine/contract/drill.ts";
import { itemKeyOf, sourceOf } from "../../../engine/recovery/item.ts";
import { groupId } from "../arm/fixture.ts";
import { type Served, serveApp } from "./served-app.ts";

/*
 * Drills of the whole app: begun over HTTP or by the timer, built in the simulator, cleaned up by nobody but the timer.
 */

let app: Served;
let before: string[];
beforeAll(async () => {
  app = await serveApp({ retryAfter: 0 });
  // The network that the copy gets is like the source's.
  const network = {
    name: "net",
    addressPrefixes: ["10.1.0.0/16"],
    subnets: [{ name: "apps", addressPrefix: "10.1.0.0/24" }],
  };
  await app.records.items.update(key(), (old) => ({ ...old, source: { ...sourceOf(old), network } }));
  // A checkpoint, whose snapshots can be imported: Azure, and so the simulator, takes no upload of so small a disk.
  await minute();
  await until(
    "a checkpoint",
    async () => (await app.records.progress.get(app.item.machine))?.value.appliedAt,
  );
  before = await resources();
}, 120_000);
afterAll(() => app.close());

const key = () => itemKeyOf(app.item.machine);
const resources = async (): Promise<string[]> => {
  const found = await app.arm.client.get(`${groupId("shop")}/resources`);
  return z
    .object({ value: z.array(z.object({ id: z.string() })) })
    .parse(found.body)
    .value.map(({ id }) => id)
    .toSorted();
};

const shown = z.object({
  properties: z.object({
    failoverHealth: z.string(),
    testFailoverState: z.string(),
    healthErrors: z.array(z.object({ errorCode: z.string(), errorCategory: z.string() })),
    leeward: z.object({
      drill: drillSummary,
      test: z.object({ state: z.string(), drill: z.boolean() }).nullable(),
    }),
  }),
});
const seen = async () => shown.parse((await app.call("GET", app.item.id)).body).properties;
const drills = async () =>
  z
    .object({ value: z.array(drillVerdictView), nextLink: z.null() })
    .parse((await app.call("GET", `${app.item.id}/leewardDrills`)).body).value;
const begin = (token: string, body?: unknown) =>
  app.call("POST", `${app.item.id}/leewardDrill`, body, { "x-ms-client-request-id": token });

/** One run of the timer, as each minute has one. */
async function minute(): Promise<void> {
  const { url, keys } = app.host;
  const fired = await fetch(`${url}/admin/functions/pointTimer`, {
    method: "POST",
    headers: { "x-functions-key": keys.master },
  });
  expect(fired.status).toBe(202);
}

async function until<Found>(what: string, look: () => Promise<Found | undefined>): Promise<Found> {
  const end = Date.now() + 90_000;
  while (Date.now() < end) {
    const found = await look();
    if (found !== undefined) return found;
    await setTimeout(300);
  }
  throw new Error(`no ${what}: ${JSON.stringify(await seen())}`);
}

/** The newest of so many verdicts: minutes pass until it is there. */
const judged = (count: number) =>
  until("verdict", async () => {
    const found = await drills();
    if (found.length >= count) return found[0];
    await minute();
    return undefined;
  });

test("a drill that is asked for is built, cleaned up by itself, and leaves its verdict and nothing else", async () => {
  const asked = await begin("first");
  expect(asked.status).toBe(202);
  expect((await seen()).leeward.test).toMatchObject({ drill: true });
  expect((await begin("first")).headers.get("location")).toBe(asked.headers.get("location"));
  expect((await begin("second")).status).toBe(409);

  const verdict = await judged(1);
  expect(verdict).toMatchObject({
    state: "Succeeded",
    road: "import",
    failure: null,
    rtoSeconds: expect.any(Number),
  });
  expect(asked.headers.get("location")).toContain(verdict.operation);
  expect(await resources()).toEqual(before);
  const { leeward, failoverHealth, testFailoverState } = await seen();
  expect(leeward).toEqual({ drill: { everyDays: 0, nextTime: null, last: verdict }, test: null });
  expect([failoverHealth, testFailoverState]).toEqual(["Normal", "None"]);
  const job = await app.call("GET", `${vault()}/replicationJobs/${verdict.operation}`);
  expect(job.body).toMatchObject({
    properties: { state: "Succeeded", leewardTest: { drill: true, point: verdict.point } },
  });
  // Whoever did not hear the answer asks again, though it is all over.
  expect((await begin("first")).headers.get("location")).toBe(asked.headers.get("location"));
  expect(await drills()).toHaveLength(1);
}, 180_000);

const vault = () => app.item.id.slice(0, app.item.id.indexOf("/replicationFabrics"));

test("a drill that cannot be made says why in its verdict and in the health, and is gone all the same", async () => {
  await app.arm.admin("POST", "/box/faults", {
    kind: "fail-operation",
    path: "/virtualMachines/shop-test",
    code: "AllocationFailed",
    message: "no room in the region",
  });
  const sealed = { properties: { networkType: "NoNetworkAttachAsInput" } };
  expect((await begin("third", sealed)).status).toBe(202);
  expect((await app.records.items.get(key()))?.value.test?.network.kind).toBe("sealed");
  const verdict = await judged(2);
  expect(verdict).toMatchObject({
    state: "Failed",
    rtoSeconds: null,
    point: expect.any(String),
    failure: { code: "TargetUnfit", message: expect.stringContaining("no room"), step: expect.any(String) },
  });
  expect(await resources()).toEqual(before);
  const { failoverHealth, healthErrors } = await seen();
  expect(failoverHealth).toBe("Critical");
  expect(healthErrors).toContainEqual({ errorCode: "DrillFailed", errorCategory: "FailoverReadiness" });
}, 180_000);

test("a policy has the timer begin one by itself, and one that succeeds takes the error away", async () => {
  const policy = { properties: { leeward: { policy: { drillDays: 0.000001 } } } };
  expect((await app.call("PATCH", app.item.id, policy)).status).toBe(200);
  expect((await seen()).leeward.drill.nextTime).not.toBeNull();
  const verdict = await judged(3);
  await app.call("PATCH", app.item.id, { properties: { leeward: { policy: { drillDays: 0 } } } });
  expect(verdict.state).toBe("Succeeded");
  expect((await seen()).healthErrors.map(({ errorCode }) => errorCode)).not.toContain("DrillFailed");
}, 180_000);
