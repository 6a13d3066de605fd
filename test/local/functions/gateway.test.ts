import http from "node:http";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { registry, triggerOf } from "../../../local/functions-host/core-api.ts";
import { NORTH, WEST, groupId } from "../arm/fixture.ts";
import { VirtualClock } from "../functions-host/virtual-clock.ts";
import { type OtherApp, type Said, otherApp } from "./other-app.ts";
import { type Served, serveApp } from "./served-app.ts";
import { surfaceCalls } from "./surface-calls.ts";

/*
 * One vault that two apps serve: what this one has it answers itself, what only the other one has it asks of that. The other
 * one is played here, so that it says what a test needs; `test/box/whole-life.test.ts` has two real ones.
 */

const READER = {
  name: "Reader",
  secret: "reader-secret-00000001",
  objectId: "44444444-4444-4444-8444-444444444444",
  roles: ["Leeward.Reader"],
  arm: false,
};
const HERE = "https://127.0.0.1:7071";
const UNKNOWN = "00000000-0000-4000-8000-0000000000ff";

let app: Served;
let other: OtherApp;
let vault: string;
let container: string;
let bearer: string;

beforeAll(async () => {
  app = await serveApp({
    clock: new VirtualClock(new Date().toISOString()),
    identities: [READER],
    prepare: async (_, tls) => {
      other = await otherApp(tls);
      process.env["LEEWARD_PEER_URL"] = other.url;
    },
  });
  [vault = ""] = app.item.id.split("/replicationFabrics");
  container = `${vault}/replicationFabrics/Rear/replicationProtectionContainers/Back`;
  bearer = await app.token();
});
afterAll(async () => {
  await app.close();
  await other.close();
});
afterEach(async () => {
  await other.open();
  other.heard.length = 0;
  other.answer = () => ({ status: 200, body: {} });
});

const theirs = (name = "Shop") => `${container}/replicationProtectedItems/${name}`;
const refusal = z.object({ error: z.object({ code: z.string(), message: z.string(), remedy: z.string() }) });
const page = z.object({
  value: z.array(z.looseObject({ name: z.string() })),
  nextLink: z.string().nullable(),
});
const says = (...said: Said[]) => {
  let at = 0;
  other.answer = () => said[Math.min(at++, said.length - 1)] ?? { status: 500 };
};

async function get(address: string, headers: Record<string, string> = {}) {
  const { pathname, search } = new URL(address, HERE);
  const url = `${app.host.url}${pathname}${search || "?api-version=2025-08-01"}`;
  const answer = await fetch(url, { headers: { authorization: `Bearer ${bearer}`, ...headers } });
  return { status: answer.status, headers: answer.headers, body: bodyOf(await answer.text()) };
}

const bodyOf = (text: string): unknown => (text === "" ? undefined : JSON.parse(text));

test("an item that only the other app has is asked of it, with the caller's own token, and its answer is given as it is", async () => {
  says({ status: 200, headers: { etag: 'W/"7"' }, body: { name: "Shop", properties: { odd: [1] } } });
  const answer = await get(`${theirs()}?api-version=2023-06-01&$extra=a%20b`, {
    "x-ms-client-request-id": "once",
  });
  expect(answer).toMatchObject({ status: 200, body: { name: "Shop", properties: { odd: [1] } } });
  expect(answer.headers.get("etag")).toBe('W/"7"');
  expect(answer.headers.get("x-ms-client-request-id")).toBe("once");
  const [heard, ...more] = other.heard;
  expect(more).toEqual([]);
  expect(new URL(heard?.target ?? "", other.url).pathname).toBe(theirs());
  expect([...new URL(heard?.target ?? "", other.url).searchParams]).toEqual([
    ["api-version", "2023-06-01"],
    ["$extra", "a b"],
  ]);
  expect(heard?.headers).toMatchObject({
    authorization: `Bearer ${bearer}`,
    "x-ms-client-request-id": "once",
    "x-leeward-forwarded": "1",
  });
});

test("what this app has it answers itself, whatever the casing", async () => {
  for (const id of [app.item.id, app.item.id.toUpperCase()]) expect((await get(id)).status).toBe(200);
  expect((await get(`${app.item.id}/recoveryPoints`)).status).toBe(200);
  expect(other.heard).toEqual([]);
});

test("a call that begins something goes there with its body, and the places to ask at lead through this app", async () => {
  const operation = `${vault}/replicationOperationStatus/${UNKNOWN}?api-version=2025-08-01`;
  says({
    status: 202,
    headers: {
      "azure-asyncoperation": `${other.url}${operation}`,
      location: `https://elsewhere.test${theirs()}/operationresults/${UNKNOWN}?api-version=2025-08-01`,
      "retry-after": "2",
    },
  });
  const body = {
    properties: { failoverDirection: "RecoveryToPrimary", providerSpecificDetails: { instanceType: "A2A" } },
  };
  const answer = await app.call("POST", `${theirs()}/plannedFailover`, body);
  expect(answer).toMatchObject({ status: 202, body: undefined });
  expect(answer.headers.get("azure-asyncoperation")).toBe(`${HERE}${operation}`);
  expect(answer.headers.get("location")).toBe(
    `${HERE}${theirs()}/operationresults/${UNKNOWN}?api-version=2025-08-01`,
  );
  expect(answer.headers.get("retry-after")).toBe("2");
  expect(other.heard).toMatchObject([{ method: "POST", body: JSON.stringify(body) }]);
  await get(answer.headers.get("azure-asyncoperation") ?? "");
  await get(answer.headers.get("location") ?? "");
  await get(`${vault}/replicationJobs/${UNKNOWN}`);
  expect(other.heard.slice(1).map(({ target }) => new URL(target, other.url).pathname)).toEqual([
    `${vault}/replicationOperationStatus/${UNKNOWN}`,
    `${theirs()}/operationresults/${UNKNOWN}`,
    `${vault}/replicationJobs/${UNKNOWN}`,
  ]);
});

test("an answer without content is one", async () => {
  says({ status: 204 });
  const at = `${theirs()}/operationresults/${UNKNOWN}`;
  expect(await get(at)).toMatchObject({ status: 204, body: undefined });
  expect(other.heard).toHaveLength(1);
});

test("a container's call to turn a machine goes where its item is", async () => {
  const turn = (replicationProtectedItemName: string) => ({
    properties: { replicationProtectedItemName, providerSpecificDetails: { instanceType: "A2A" } },
  });
  says({ status: 409, body: { error: { code: "Conflict", message: "job", remedy: "wait", details: [] } } });
  const there = await app.call("POST", `${container}/switchprotection`, turn("Shop"));
  expect(there).toMatchObject({ status: 409, body: { error: { code: "Conflict" } } });
  expect(other.heard).toMatchObject([{ body: JSON.stringify(turn("Shop")) }]);
  const own = app.item.id.split("/replicationProtectedItems")[0] ?? "";
  expect((await app.call("POST", `${own}/switchprotection`, turn("Shop"))).status).toBe(409);
  expect((await app.call("POST", `${container}/switchprotection`, {})).status).toBe(400);
  expect(other.heard).toHaveLength(1);
});

test("what comes from the other app is answered here, so that nothing goes round in circles", async () => {
  const marked = { "x-leeward-forwarded": "1" };
  for (const path of [theirs(), `${vault}/replicationJobs/${UNKNOWN}`]) {
    const answer = await get(path, marked);
    expect([answer.status, refusal.parse(answer.body).error.code]).toEqual([404, "NotFound"]);
  }
  const list = page.parse((await get(`${vault}/replicationProtectedItems`, marked)).body);
  expect(list).toMatchObject({ value: [{ name: "Shop" }], nextLink: null });
  expect(other.heard).toEqual([]);
});

test("nothing is asked of the other app for a caller who may not ask here, or not so", async () => {
  const reader = { authorization: `Bearer ${await app.token(READER.secret)}` };
  expect((await get(theirs(), { authorization: "" })).status).toBe(401);
  expect((await get(theirs(), { authorization: `Bearer ${bearer.slice(0, -4)}` })).status).toBe(401);
  expect((await app.call("POST", `${theirs()}/failoverCommit`, {}, reader)).status).toBe(403);
  expect((await get(`${theirs()}?api-version=soon`)).status).toBe(400);
  expect((await get(`${vault}/replicationJobs/no-job`)).status).toBe(404);
  expect((await app.call("POST", `${theirs()}/failoverCommit`, { pad: "x".repeat(300_000) })).status).toBe(
    400,
  );
  expect(other.heard).toEqual([]);
  expect((await get(theirs(), reader)).status).toBe(200);
});

test("what is of the vault, and not of one machine, is this app's own", async () => {
  expect((await get(`${vault}/replicationPolicies/None`)).status).toBe(404);
  expect((await get(`${vault}/replicationFabrics/None`)).status).toBe(404);
  expect((await get(`${vault}/replicationNothing/None`)).status).toBe(404);
  expect((await app.call("POST", `/agents/nobody/heartbeat`, {})).status).toBe(403);
  expect(other.heard).toEqual([]);
});

test("an item that the other app has is changed there; a new one is made here, once the other one has said that it has none", async () => {
  const body = { properties: { providerSpecificDetails: { instanceType: "HyperV" } } };
  says({ status: 200, body: {} }, { status: 202 });
  expect((await app.call("PUT", theirs("Old"), body)).status).toBe(202);
  expect(other.heard.map(({ method }) => method)).toEqual(["GET", "PUT"]);
  says({ status: 404, body: {} });
  expect((await app.call("PUT", theirs("New"), body)).status).toBe(400);
  expect(other.heard.map(({ method }) => method)).toEqual(["GET", "PUT", "GET"]);
  says({ status: 500, body: {} });
  expect((await app.call("PUT", theirs("New"), body)).status).toBe(503);
});

test("lists go on with what the other app has, page by page and through this app", async () => {
  const link = (token: string) =>
    `${other.url}${vault}/replicationProtectedItems?api-version=2025-08-01&$skipToken=${token}`;
  says(
    { status: 200, body: { value: [{ name: "A" }], nextLink: link("Zg") } },
    { status: 200, body: { value: [{ name: "B" }], nextLink: null } },
  );
  const names: string[][] = [];
  const first = `${vault}/replicationProtectedItems?api-version=2025-08-01&$top=1`;
  for (let next: string | null = first; next !== null;) {
    expect(next === first || next.startsWith(`${HERE}${vault}/`)).toBe(true);
    const { value, nextLink }: z.infer<typeof page> = page.parse((await get(next)).body);
    names.push(value.map(({ name }) => name));
    next = nextLink;
  }
  expect(names).toEqual([["Shop"], ["A"], ["B"]]);
  expect(other.heard.map(({ target }) => new URL(target, other.url).searchParams.get("$skipToken"))).toEqual([
    null,
    "Zg",
  ]);
  expect(other.heard.every(({ target }) => new URL(target, other.url).searchParams.get("$top") === "1")).toBe(
    true,
  );
});

test("a dead peer costs lists nothing but its part, is an error of the vault's health, and 503 with what to do elsewhere", async () => {
  await other.close();
  const jobs = page.parse((await get(`${vault}/replicationJobs`)).body);
  expect(jobs.nextLink).toContain("peer.");
  expect((await get(jobs.nextLink ?? "")).body).toEqual({ value: [], nextLink: null });
  const lost = await get(theirs());
  expect(lost.status).toBe(503);
  expect(lost.headers.get("retry-after")).toMatch(/^\d+$/);
  expect(refusal.parse(lost.body).error).toMatchObject({
    code: "PeerUnreachable",
    remedy: expect.stringContaining("LEEWARD_PEER_URL"),
  });
  const before = await app.fingerprint();
  const body = { properties: { providerSpecificDetails: { instanceType: "A2A" } } };
  expect((await app.call("PUT", theirs("New"), body)).status).toBe(503);
  expect(await app.fingerprint()).toEqual(before);
  const health = z
    .object({ properties: z.object({ vaultErrors: z.array(z.looseObject({ errorCode: z.string() })) }) })
    .parse((await get(`${vault}/replicationVaultHealth`)).body);
  expect(health.properties.vaultErrors.map(({ errorCode }) => errorCode)).toEqual(["PeerUnreachable"]);
});

test("a peer that takes a call and says nothing is not waited for where a list is read", async () => {
  other.answer = () => "silence";
  const begun = performance.now();
  const { nextLink } = page.parse((await get(`${vault}/replicationProtectedItems`)).body);
  expect((await get(nextLink ?? "")).body).toEqual({ value: [], nextLink: null });
  expect(performance.now() - begun).toBeLessThan(20_000);
});

test("the health of the vault counts the machines of both", async () => {
  const own = (await get(`${vault}/replicationVaultHealth`, { "x-leeward-forwarded": "1" })).body;
  says({ status: 200, body: own });
  const count = z.object({
    properties: z.object({ protectedItemsHealth: z.object({ resourceCount: z.number() }) }),
  });
  const both = count.parse((await get(`${vault}/replicationVaultHealth`)).body);
  expect(both.properties.protectedItemsHealth.resourceCount).toBe(2);
});

test("an intent goes to the app that protects into its region, and is read from the one that has it", async () => {
  const intents = `${vault}/replicationProtectionIntents`;
  const intent = (recoveryLocation: string) => ({
    properties: {
      providerSpecificDetails: {
        instanceType: "A2A",
        fabricObjectId: app.item.vmId,
        primaryLocation: NORTH,
        recoveryLocation,
        recoverySubscriptionId: vault.split("/")[2],
        recoveryAvailabilityType: "Single",
        recoveryResourceGroupId: groupId("shop"),
      },
    },
  });
  says({ status: 200, body: { name: "Wish", value: [{ name: "Wish" }], nextLink: null } });
  const there = intent(WEST);
  expect((await app.call("PUT", `${intents}/Wish`, there)).body).toMatchObject({ name: "Wish" });
  expect(other.heard).toMatchObject([{ method: "PUT", body: JSON.stringify(there) }]);
  expect((await get(`${intents}/Wish`)).body).toMatchObject({ name: "Wish" });
  const { value, nextLink } = page.parse((await get(intents)).body);
  expect(value).toEqual([]);
  expect(page.parse((await get(nextLink ?? "")).body)).toMatchObject({ value: [{ name: "Wish" }] });
  other.heard.length = 0;
  // Into this app's own region: refused here, since the machine is protected already, and not asked of anybody.
  expect((await app.call("PUT", `${intents}/Wish`, intent(NORTH))).status).toBe(409);
  expect((await app.call("PUT", `${intents}/Wish`, { properties: {} })).status).toBe(400);
  expect(other.heard).toEqual([]);
});

test("2,000 calls with tricks in their paths reach nothing of the other app but items, jobs, operations and intents", async () => {
  const trigger = z.object({ route: z.string(), methods: z.array(z.string()) });
  const endpoints = [...registry.functions.values()].flatMap((fn) => {
    const { type, options } = triggerOf(fn);
    if (type !== "httptrigger" || fn.name === "agentPackage") return [];
    const { route, methods } = trigger.parse(options);
    return [{ template: route, methods }];
  });
  const [, , subscription = "", , group = ""] = vault.split("/");
  const known = {
    subscription: [subscription],
    group: [group],
    vault: ["leeward-vault"],
    fabric: ["Rear"],
    container: ["Back"],
    item: ["Shop"],
    job: [UNKNOWN],
    operation: [UNKNOWN],
    intent: ["Wish"],
  };
  other.answer = () => ({ status: 404, body: { error: { code: "NotFound", message: "none" } } });
  const calls = fc.sample(surfaceCalls(endpoints, known, [{}]), { numRuns: 2000, seed: 1 });
  const atFault: string[] = [];
  for (const { method, target, body } of calls) {
    const status = await sent(method, target, body);
    if (status >= 500) atFault.push(`${status} ${method} ${target}`);
  }
  expect(atFault).toEqual([]);
  expect(other.heard.length).toBeGreaterThan(100);
  const places = new RegExp(
    "^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft.RecoveryServices/vaults/[^/]+/" +
      `(replicationFabrics/[^/]+/replicationProtectionContainers/[^/]+/(switchprotection|replicationProtectedItems(/[^/]+.*)?)|` +
      `replicationProtectedItems|replicationJobs(/[^/]+.*)?|replicationOperationStatus/[^/]+|replicationProtectionIntents(/[^/]+)?|replicationVaultHealth)$`,
    "i",
  );
  const strange = other.heard.filter(({ target }) => {
    const path = target.split("?")[0] ?? "";
    // What it reads is what was sent: no reader of URLs makes another path of it.
    return !places.test(path) || new URL(target, other.url).pathname !== path;
  });
  expect(strange.map(({ method, target }) => `${method} ${target}`)).toEqual([]);
}, 240_000);

function sent(method: string, target: string, body: string | undefined): Promise<number> {
  const { hostname, port } = new URL(app.host.url);
  const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
  return new Promise((resolve, reject) => {
    const request = http.request({ hostname, port, method, path: target, headers }, (answer) => {
      answer.resume().on("end", () => resolve(answer.statusCode ?? 0));
    });
    request.on("error", reject).end(body);
  });
}
