import { rmSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { machineMetrics } from "../../engine/contract/metrics.ts";
import { tokenOf } from "../../local/box/identity.ts";
import { waitFor } from "../../local/demo/wait.ts";
import { BoxFixture, errorOf } from "./fixture.ts";

/*
 * The API of the real app, in the local host, over a whole box. The tests build on each other: first what is refused
 * while there is nothing, then one machine's way to its recovery points, then the loss of the task hub.
 */

const box = new BoxFixture();
beforeAll(() => box.open());
afterAll(() => box.close());

const namesAt = (target: string) => box.names(target);
const items = () => namesAt(`${box.vault}/replicationProtectedItems`);

const enable = (changes: Record<string, unknown> = {}, leeward: unknown = { policy: QUICK }) => ({
  properties: {
    providerSpecificDetails: {
      instanceType: "A2A",
      fabricObjectId: box.box.plan.sourceVm.id,
      recoveryResourceGroupId: `/subscriptions/${box.box.plan.subscription}/resourceGroups/Shop-Recovery`,
      ...changes,
    },
    leeward,
  },
});
const QUICK = {
  sealAge: 1000,
  heartbeatEvery: 500,
  pointInterval: 3000,
  checkpointInterval: 5000,
  replica: "none",
};

test.each([
  ["no token", { authorization: "" }, 401, "Unauthorized"],
  ["another scheme", { authorization: "Basic eDp5" }, 401, "Unauthorized"],
  ["no JWT", { authorization: "Bearer abc.def.ghi" }, 401, "Unauthorized"],
])("a request with %s is turned away", async (_, headers, status, code) => {
  const answer = await box.call("GET", `${box.vault}/replicationProtectedItems`, undefined, headers);
  expect(errorOf(answer)).toMatchObject({ status, code });
  expect(answer.headers.get("www-authenticate")).toBe("Bearer");
});

test("a token for another audience is turned away", async () => {
  const authorization = `Bearer ${await box.box.token("https://management.azure.com")}`;
  const answer = await box.call("GET", `${box.vault}/replicationProtectedItems`, undefined, {
    authorization,
  });
  expect(errorOf(answer)).toMatchObject({ status: 401, code: "Unauthorized" });
});

test("a token without a role may not even read, and an operator is not Event Grid", async () => {
  const { plan } = box.box;
  const authorization = `Bearer ${await tokenOf({ ...plan, operator: plan.app }, "api://leeward")}`;
  const read = await box.call("GET", `${box.vault}/replicationProtectedItems`, undefined, { authorization });
  expect(errorOf(read)).toMatchObject({ status: 403, message: expect.stringContaining("Leeward.Reader") });
  const events = errorOf(await box.call("POST", "/events", []));
  expect(events).toMatchObject({ status: 403, message: expect.stringContaining("AzureEventGridSecure") });
});

test.each(["", "yesterday", "2025-8-1"])("api-version %j is refused", async (version) => {
  const answer = await box.call("GET", `${box.vault}/replicationProtectedItems?api-version=${version}`);
  expect(errorOf(answer)).toMatchObject({ status: 400, message: expect.stringContaining("api-version") });
});

test.each<[string, unknown, string]>([
  ["nothing", "", "not JSON"],
  ["no JSON", "{", "not JSON"],
  ["a list", [], "expected object"],
  ["no properties", {}, "properties"],
  [
    "another provider",
    { properties: { providerSpecificDetails: { instanceType: "HyperV" } } },
    "instanceType",
  ],
  ["a body that is too long", { properties: { pad: "x".repeat(300_000) } }, "longer than"],
])("an enablement with %s changes nothing", async (_, body, said) => {
  const answer = await box.call("PUT", box.item("bad"), body);
  expect(errorOf(answer)).toMatchObject({
    status: 400,
    code: "InvalidRequest",
    message: expect.stringContaining(said),
  });
  expect(await items()).toEqual([]);
});

test.each<[string, Record<string, unknown>, unknown]>([
  ["properties.providerSpecificDetails.fabricObjectId", { fabricObjectId: "ledger" }, {}],
  ["properties.providerSpecificDetails.recoveryResourceGroupId", { recoveryResourceGroupId: 7 }, {}],
  ["properties.providerSpecificDetails.vmManagedDisks.0.diskId", { vmManagedDisks: [{ diskId: "x" }] }, {}],
  ["properties.leeward.target.nics.1.name", {}, { target: { nics: [{ name: "n" }, { name: "N" }] } }],
  ["properties.leeward.target.vmName", {}, { target: { vmName: "a b" } }],
  ["properties.leeward.policy.pointInterval", {}, { policy: { pointInterval: 1 } }],
  ["properties.leeward.policy.replica", {}, { policy: { replica: "hot" } }],
  ["properties.leeward.policy", {}, { policy: { pointIntervall: 5000 } }],
  ["properties.leeward", {}, { polizy: {} }],
])("%s is named when it is wrong, and nothing changes", async (field, changes, leeward) => {
  const answer = await box.call("PUT", box.item("bad"), enable(changes, leeward));
  expect(errorOf(answer)).toMatchObject({
    status: 400,
    code: "InvalidRequest",
    message: expect.stringContaining(field),
  });
  expect(await items()).toEqual([]);
});

test("a name that cannot be is refused", async () => {
  const answer = await box.call("PUT", box.item("a%23b"), enable());
  expect(errorOf(answer)).toMatchObject({ status: 400, code: "InvalidRequest" });
});

test.each([
  ["GET", () => box.item("nobody")],
  ["GET", () => `${box.item("nobody")}/recoveryPoints`],
  ["GET", () => `${box.vault}/replicationJobs/nothing`],
  ["GET", () => `${box.vault}/replicationOperationStatus/00000000-0000-8000-8000-000000000000`],
  ["POST", () => `${box.item("nobody")}/unplannedFailover`],
  ["GET", () => "/no/such/route"],
])("%s of what is not there is 404", async (method, target) => {
  const body = method === "POST" ? { properties: {} } : undefined;
  expect((await box.call(method, target(), body)).status).toBe(404);
});

test("an agent's calls are for agents, and for their own machine", async () => {
  const answer = await box.call("POST", "/agents/ledger-00000000/register", {});
  expect(errorOf(answer)).toMatchObject({ status: 403, message: expect.stringContaining("Leeward.Agent") });
});

test("the portal gives its page, under a strict content policy", async () => {
  const page = await box.call("GET", "/portal/", undefined, { authorization: "" });
  expect(page.status).toBe(200);
  expect(page.headers.get("content-type")).toContain("text/html");
  expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
  expect((await box.call("GET", "/portal")).headers.get("location")).toBe("/portal/");
});

test.each([
  "..%2fpackage.json",
  "%2e%2e/package.json",
  "..%5cpackage.json",
  "/etc/passwd",
  "index.html%00",
  "api.js/..%2f..%2fhost.json",
])("the portal gives nothing but its own files: not %s", async (trick) => {
  expect((await box.call("GET", `/portal/${trick}`)).status).toBe(404);
});

test("the machines that could be protected are listed, wherever they are", async () => {
  expect(await namesAt(`${box.vault}/leewardProtectableMachines`)).toEqual(["ledger"]);
});

let operation = "";
const sent = { "x-ms-client-request-id": "the-one-request" };

test("an enablement answers 202 with both places to ask, absolute, and one job however often it is sent", async () => {
  const answers = [];
  for (let n = 0; n < 3; n++) answers.push(await box.call("PUT", box.item("Ledger"), enable(), sent));
  expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
  const urls = answers.map(({ headers }) => headers.get("azure-asyncoperation") ?? "");
  expect(new Set(urls).size).toBe(1);
  operation = path.posix.basename(new URL(urls[0] ?? "").pathname);
  expect(urls[0]).toBe(
    `${box.box.endpoint}${box.vault}/replicationOperationStatus/${operation}?api-version=2025-08-01`,
  );
  const [first] = answers;
  expect(first?.headers.get("location")).toBe(
    `${box.box.endpoint}${box.item("Ledger")}/operationresults/${operation}?api-version=2025-08-01`,
  );
  expect(first?.headers.get("retry-after")).toMatch(/^\d+$/);
  expect(first?.headers.get("x-ms-client-request-id")).toBe("the-one-request");
  expect(await namesAt(`${box.vault}/replicationJobs`)).toEqual([operation]);
});

test("while a job is at work other settings, another name and a failover have to wait", async () => {
  const other = await box.call(
    "PUT",
    box.item("Ledger"),
    enable({}, { policy: { ...QUICK, replica: "warm" } }),
  );
  expect(errorOf(other)).toMatchObject({ status: 409, code: "Conflict" });
  const twin = await box.call("PUT", box.item("Twin"), enable());
  expect(errorOf(twin)).toMatchObject({ status: 409, message: expect.stringContaining("protected already") });
  const early = await box.call("POST", `${box.item("Ledger")}/unplannedFailover`, { properties: {} });
  expect(errorOf(early)).toMatchObject({ status: 409, code: "NoRecoveryPoint" });
  expect(await items()).toEqual(["Ledger"]);
});

test("ids keep the caller's casing and are found in any", async () => {
  const found = await box.call("GET", box.item("LEDGER").toLowerCase());
  expect(found.body).toMatchObject({ id: box.item("Ledger"), name: "Ledger" });
  const container = path.posix.dirname(box.item("x"));
  expect(await namesAt(container.toUpperCase().replace("/SUBSCRIPTIONS", "/subscriptions"))).toEqual([
    "Ledger",
  ]);
  expect(await namesAt(container.replace("/Shop/", "/Other/"))).toEqual([]);
});

const status = z.object({ status: z.string(), percentComplete: z.number(), error: z.unknown() });
const statusOf = async () =>
  status.parse((await box.call("GET", `${box.vault}/replicationOperationStatus/${operation}`)).body);

test("the operation goes on to its end, and its result is the protected item", async () => {
  const result = `${box.item("Ledger")}/operationresults/${operation}`;
  expect((await box.call("GET", result)).status).toBe(202);
  const percents: number[] = [];
  const ended = await waitFor(
    "the enablement",
    async () => {
      const now = await statusOf();
      percents.push(now.percentComplete);
      return now.status === "InProgress" ? undefined : now;
    },
    240_000,
  );
  expect(ended).toMatchObject({ status: "Succeeded", percentComplete: 100, error: null });
  expect(percents).toEqual(percents.toSorted((a, b) => a - b));
  const { status: code, body } = await box.call("GET", result);
  expect(code).toBe(200);
  expect(body).toMatchObject({
    properties: {
      allowedOperations: expect.arrayContaining(["PlannedFailover", "UnplannedFailover", "TestFailover"]),
    },
  });
});

test("the same enablement again is 200, and starts nothing", async () => {
  const again = await box.call("PUT", box.item("Ledger"), enable());
  expect(again.status).toBe(200);
  expect(await namesAt(`${box.vault}/replicationJobs`)).toEqual([operation]);
});

test.each<[unknown, string]>([
  ["", "not JSON"],
  [{ properties: { failoverDirection: "Sideways" } }, "failoverDirection"],
  [
    { properties: { providerSpecificDetails: { instanceType: "A2A", recoveryPointId: "newest" } } },
    "recoveryPointId",
  ],
])("a failover with %j is refused, and nothing changes", async (body, said) => {
  const answer = await box.call("POST", `${box.item("Ledger")}/unplannedFailover`, body);
  expect(errorOf(answer)).toMatchObject({ status: 400, message: expect.stringContaining(said) });
  expect((await box.call("GET", box.item("Ledger"))).body).toMatchObject({
    properties: { protectionState: "Protected" },
  });
});

test("a failover to a point that is not there is refused", async () => {
  const details = { instanceType: "A2A", recoveryPointId: "00000000-0000-4000-8000-00000000000f" };
  const body = { properties: { providerSpecificDetails: details } };
  const answer = await box.call("POST", `${box.item("Ledger")}/unplannedFailover`, body);
  expect(errorOf(answer)).toMatchObject({ status: 409, code: "NoRecoveryPoint" });
});

const points = () => namesAt(`${box.item("Ledger")}/recoveryPoints`);

test("points are listed newest first, and each can be read", async () => {
  const found = await waitFor(
    "three points",
    async () => {
      const names = await points();
      return names.length >= 3 ? names : undefined;
    },
    60_000,
  );
  const times = [];
  for (const name of found) {
    const { body } = await box.call("GET", `${box.item("Ledger")}/recoveryPoints/${name}`);
    times.push(
      z.object({ properties: z.object({ recoveryPointTime: z.string() }) }).parse(body).properties
        .recoveryPointTime,
    );
  }
  expect(times).toEqual(times.toSorted().toReversed());
  expect((await box.call("GET", `${box.item("Ledger")}/recoveryPoints/newest`)).status).toBe(404);
});

const generationOf = async () => {
  const { body } = await box.call("GET", box.item("Ledger"));
  const shape = z.object({
    properties: z.object({ leeward: z.object({ generation: z.number(), state: z.string() }) }),
  });
  return shape.parse(body).properties.leeward;
};

test("a machine's figures can be read, and those of all machines", async () => {
  const { body } = await box.call("GET", `${box.item("Ledger")}/leewardMetrics`);
  const figures = machineMetrics.parse(body);
  expect(figures.watermarks.arrived?.sequence).toBeGreaterThan(0);
  expect(figures).toMatchObject({ losses: { region: {} }, disks: [{ index: 0 }] });
  const all = await box.call("GET", `${box.vault}/leewardMetrics`);
  expect(all).toMatchObject({ body: { value: [{ machine: figures.machine }], nextLink: null } });
});

test("losing the task hub loses nothing: machines, points, generations are there, and new points come", async () => {
  const before = { state: await generationOf(), points: await points() };
  // The files of a running host are gone at once for the one that starts after it.
  rmSync(path.join(box.directory, "host"), { recursive: true, force: true });
  await box.box.killHost();
  expect(await generationOf()).toEqual(before.state);
  expect(await points()).toEqual(expect.arrayContaining(before.points));
  expect(await statusOf()).toMatchObject({ status: "Succeeded" });
  await waitFor(
    "a point made after it",
    async () => (await points()).some((name) => !before.points.includes(name)) || undefined,
    60_000,
  );
  expect(await generationOf()).toEqual(before.state);
});

const failedOver = z.object({
  properties: z.object({
    protectionState: z.string(),
    allowedOperations: z.array(z.string()),
    replicationHealth: z.string(),
    providerSpecificDetails: z.looseObject({ recoveryFabricObjectId: z.string() }),
    leeward: z.looseObject({
      generation: z.number(),
      failover: z.looseObject({ point: z.string(), road: z.string() }),
    }),
  }),
});

/** Sends a failover and waits for its end; the answer of its result. */
async function failOver(body: unknown, requestId: string) {
  const headers = { "x-ms-client-request-id": requestId };
  const target = `${box.item("Ledger")}/unplannedFailover`;
  const [first, second] = [
    await box.call("POST", target, body, headers),
    await box.call("POST", target, body, headers),
  ];
  expect([first.status, second.status]).toEqual([202, 202]);
  const location = first.headers.get("location") ?? "";
  expect(second.headers.get("location")).toBe(location);
  const ended = async () => {
    const answer = await box.call("GET", location);
    return answer.status === 202 ? undefined : answer;
  };
  return waitFor("the failover", ended, 120_000);
}

let chosen: string | undefined;
let fenced = 0;

test("a failover to a chosen point that Azure fails says where and why, and may be tried again", async () => {
  fenced = (await generationOf()).generation + 1;
  chosen = (await points()).at(-1);
  await box.breakNext("/virtualMachines/ledger");
  const body = { properties: { providerSpecificDetails: { instanceType: "A2A", recoveryPointId: chosen } } };
  const failed = errorOf(await failOver(body, "the-first-failover"));
  expect(failed).toMatchObject({
    code: "TargetUnfit",
    message: expect.stringContaining("no room in the region"),
  });
  const { body: found } = await box.call("GET", box.item("Ledger"));
  expect(found).toMatchObject({
    properties: {
      allowedOperations: ["UnplannedFailover", "CancelFailover", "DisableProtection"],
      replicationHealth: "Critical",
      healthErrors: [
        { errorCode: "TargetUnfit", errorMessage: expect.stringContaining("create the virtual machine") },
      ],
      leeward: { state: "FailoverFailed", generation: fenced },
    },
  });
});

test("the second try goes on to the same point, builds it once, and leaves the source fenced", async () => {
  const ended = await failOver({ properties: {} }, "the-second-failover");
  expect(ended.status).toBe(200);
  const { properties } = failedOver.parse(ended.body);
  expect(properties).toMatchObject({
    protectionState: "UnplannedFailoverCommitPendingStatesBegin",
    allowedOperations: ["Commit", "ChangePit", "CancelFailover", "DisableProtection"],
    replicationHealth: "None",
    leeward: { generation: fenced + 1, failover: { point: chosen, road: "upload" } },
  });
  expect(properties.providerSpecificDetails.recoveryFabricObjectId).toContain("/Shop-Recovery/");
  expect(await namesAt(`${box.vault}/replicationJobs`)).toHaveLength(3);
});

test("after it a failover and an enablement are refused, and the re-sent one is answered as before", async () => {
  const target = `${box.item("Ledger")}/unplannedFailover`;
  expect(errorOf(await box.call("POST", target, { properties: {} }))).toMatchObject({
    status: 409,
    code: "StateNotAllowed",
  });
  expect(errorOf(await box.call("PUT", box.item("Ledger"), enable()))).toMatchObject({
    status: 409,
    code: "StateNotAllowed",
  });
  const again = { "x-ms-client-request-id": "the-second-failover" };
  expect((await box.call("POST", target, { properties: {} }, again)).status).toBe(202);
});
