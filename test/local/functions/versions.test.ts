import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { vaultOf } from "../../../engine/recovery/item.ts";
import { type Served, serveApp } from "./served-app.ts";

/* Versions of what a vault keeps: its `ETag`, `If-Match` and `If-None-Match`; and two calls that a machine of Azure has no use for. */

let app: Served;
beforeAll(async () => {
  app = await serveApp();
});
afterAll(() => app.close());

const vault = () => vaultOf(app.item.id);
const fabric = (location: string) => ({ properties: { customDetails: { instanceType: "Azure", location } } });
const policy = (recoveryPointHistory: number) => ({
  properties: {
    providerSpecificInput: { instanceType: "A2A", multiVmSyncStatus: "Enable", recoveryPointHistory },
  },
});
const alert = (address: string) => ({
  properties: { sendToOwners: "Send", customEmailAddresses: [address], locale: "en" },
});

/** Of each kind where it is, and two bodies for it. */
const KINDS: [string, string, unknown, unknown][] = [
  ["policy", "replicationPolicies/p", policy(600), policy(900)],
  ["alert setting", "replicationAlertSettings/a", alert("a@example.org"), alert("b@example.org")],
  ["fabric", "replicationFabrics/made", fabric("westeurope"), fabric("westeurope")],
];

const tag = async (target: string) => (await app.call("GET", target)).headers.get("etag") ?? "";

test.each(KINDS)(
  "a %s is made once, changed as it was seen, and removed as it was seen",
  async (_, at, one, other) => {
    const target = `${vault()}/${at}`;
    const none = { "if-none-match": "*" };
    expect((await app.call("PUT", target, one, { "if-match": "*" })).status).toBe(412);
    expect((await app.call("PUT", target, one, none)).status).toBeLessThan(300);
    const first = await tag(target);
    expect(first).toMatch(/^"[0-9a-f]{16}"$/);
    expect(await app.call("PUT", target, other, none)).toMatchObject({
      status: 412,
      body: { error: { code: "PreconditionFailed" } },
    });
    expect((await app.call("PUT", target, other, { "if-match": '"another"' })).status).toBe(412);
    expect(await tag(target)).toBe(first);
    expect((await app.call("PUT", target, other, { "if-match": `"another", ${first}` })).status).toBeLessThan(
      300,
    );
    expect((await app.call("PUT", target, one, { "if-match": "no tag" })).status).toBe(400);
  },
);

test("what was changed since it was seen is not removed", async () => {
  const target = `${vault()}/replicationPolicies/gone`;
  await app.call("PUT", target, policy(600));
  const seen = await tag(target);
  await app.call("PUT", target, policy(700));
  expect((await app.call("DELETE", target, undefined, { "if-match": seen })).status).toBe(412);
  expect((await app.call("GET", target)).status).toBe(200);
  const now = await tag(target);
  expect((await app.call("DELETE", target, undefined, { "if-match": now })).status).toBe(202);
  expect((await app.call("GET", target)).status).toBe(404);
});

test("a request that is sent again is told of its operation, although its version has gone", async () => {
  const target = `${vault()}/replicationPolicies/again`;
  const headers = { "if-none-match": "*", "x-ms-client-request-id": "put-again" };
  const sent = await app.call("PUT", target, policy(600), headers);
  const again = await app.call("PUT", target, policy(600), headers);
  expect([sent.status, again.status]).toEqual([202, 202]);
  const operation = (answer: typeof sent) => answer.headers.get("azure-asyncoperation");
  expect(operation(again)).toBe(operation(sent));
});

const message = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

test("another provider, and a machine that is to be announced, are refused with the reason", async () => {
  const to = { properties: { targetInstanceType: "InMageRcm" } };
  const switched = await app.call("POST", `${app.item.id}/switchProvider`, to);
  expect(switched.status).toBe(409);
  expect(message.parse(switched.body).error.message).toContain("A2A");
  expect((await app.call("POST", `${app.item.id}x/switchProvider`, to)).status).toBe(404);
  const container = app.item.id.replace(/\/replicationProtectedItems\/.*$/, "");
  const announced = { properties: { friendlyName: "m", ipAddress: "10.0.0.4", osType: "Linux" } };
  const found = await app.call("POST", `${container}/discoverProtectableItem`, announced);
  expect(found.status).toBe(409);
  expect(message.parse(found.body).error.message).toContain("replicationProtectableItems");
});
