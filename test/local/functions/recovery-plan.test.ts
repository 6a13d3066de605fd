import { readFileSync } from "node:fs";
import { type Server, createServer } from "node:https";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { waitFor } from "../../../local/demo/wait.ts";
import { type Served, serveApp } from "./served-app.ts";

/* A recovery plan: what is done before and behind a group, a person who has to say that it may go on, and machines in between. */

let app: Served;
let hook: Server;
const heard: { readonly url: string; readonly body: unknown; readonly id: string }[] = [];
let answers: number[] = [];
beforeAll(async () => {
  app = await serveApp();
  const at = (name: string) => readFileSync(path.join(app.folder, "tls", name));
  hook = createServer({ key: at("server.key"), cert: at("server.pem") }, (request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const id = String(request.headers["x-ms-client-request-id"]);
      heard.push({ url: request.url ?? "", body: JSON.parse(Buffer.concat(parts).toString()), id });
      response.writeHead(answers.shift() ?? 200).end();
    });
  });
  await new Promise<void>((listening) => hook.listen(0, "127.0.0.1", listening));
});
afterAll(async () => {
  await new Promise((closed) => hook.close(closed));
  await app.close();
});

const vault = () => app.item.id.slice(0, app.item.id.indexOf("/replicationFabrics"));
const plan = () => `${vault()}/replicationRecoveryPlans/Shop-Plan`;
const address = () => {
  const found = hook.address();
  return `https://127.0.0.1:${typeof found === "object" ? found?.port : 0}/hook?code=secret`;
};
const failover = ["UnplannedFailover"];
const manual = (actionName: string) => ({
  actionName,
  failoverTypes: failover,
  failoverDirections: ["PrimaryToRecovery"],
  customDetails: { instanceType: "ManualActionDetails", description: "look" },
});
const called = (actionName: string) => ({
  ...manual(actionName),
  customDetails: { instanceType: "ScriptActionDetails", path: address(), fabricLocation: "Recovery" },
});
const body = (groups: unknown[]) => ({
  properties: {
    primaryFabricId: `${vault()}/replicationFabrics/f`,
    recoveryFabricId: `${vault()}/replicationFabrics/g`,
    failoverDeploymentModel: "ResourceManager",
    groups,
  },
});
const boot = (more: object = {}) => ({
  groupType: "Boot",
  replicationProtectedItems: [{ id: app.item.id, virtualMachineId: app.item.vmId }],
  ...more,
});

const Job = z.object({
  name: z.string(),
  properties: z.looseObject({
    state: z.string(),
    stateDescription: z.string(),
    tasks: z.array(z.looseObject({ name: z.string(), state: z.string() })),
    errors: z.array(z.unknown()),
  }),
});
const operationIn = (headers: Headers) =>
  new URL(headers.get("azure-asyncoperation") ?? "").pathname.split("/").at(-1);
const jobOf = async (headers: Headers) =>
  Job.parse((await app.call("GET", `${vault()}/replicationJobs/${operationIn(headers)}`)).body).properties;
const until = (headers: Headers, what: string, holds: (job: Awaited<ReturnType<typeof jobOf>>) => boolean) =>
  waitFor(
    what,
    async () => {
      const job = await jobOf(headers);
      return holds(job) ? job : undefined;
    },
    120_000,
  );
const ended = (headers: Headers) => until(headers, "the end", ({ state }) => state !== "InProgress");
const stateOfItem = async () =>
  z
    .object({ properties: z.looseObject({ protectionState: z.string() }) })
    .parse((await app.call("GET", app.item.id)).body).properties.protectionState;

test("what cannot be carried out is refused by its field, and nothing is there", async () => {
  const refused = async (groups: unknown[], field: string) => {
    const { status, body: said } = await app.call("PUT", plan(), body(groups));
    expect([status, JSON.stringify(said)]).toEqual([400, expect.stringContaining(field)]);
  };
  await refused([], "properties.groups");
  await refused([{ ...boot(), groupType: "Shutdown" }], "properties.groups.0.replicationProtectedItems");
  await refused([boot(), boot()], "named twice");
  await refused([boot({ replicationProtectedItems: [{ id: `${app.item.id}-gone` }] })], "there is no item");
  const runbook = {
    ...manual("run"),
    customDetails: { instanceType: "AutomationRunbookActionDetails", fabricLocation: "Primary" },
  };
  await refused([boot({ startGroupActions: [runbook] })], "customDetails");
  expect((await app.call("GET", plan())).status).toBe(404);
});

test("a plan is what it was made as, but for what may be a secret", async () => {
  const groups = [
    { groupType: "Shutdown" },
    boot({ startGroupActions: [manual("approve")], endGroupActions: [called("tell the balancer")] }),
  ];
  expect((await app.call("PUT", plan(), body(groups))).status).toBe(202);
  const { body: shown } = await app.call("GET", plan());
  expect(shown).toMatchObject({
    id: plan(),
    properties: {
      allowedOperations: ["UnplannedFailover", "PlannedFailover", "TestFailover"],
      currentScenario: { scenarioName: "None" },
      groups: [{ groupType: "Shutdown" }, { replicationProtectedItems: [{ id: app.item.id }] }],
    },
  });
  expect(JSON.stringify(shown)).not.toContain("secret");
  expect((await app.call("GET", `${vault()}/replicationRecoveryPlans`)).body).toMatchObject({
    value: [{ name: "Shop-Plan" }],
  });
});

test("a run waits for a person, fails the machine over, and calls who is to know", async () => {
  const asked = {
    properties: {
      failoverDirection: "PrimaryToRecovery",
      sourceSiteOperations: "NotRequired",
      providerSpecificDetails: [{ instanceType: "A2A", recoveryPointType: "LatestProcessed" }],
    },
  };
  const run = (id: string) =>
    app.call("POST", `${plan()}/unplannedFailover`, asked, { "x-ms-client-request-id": id });
  const { status, headers } = await run("one");
  expect(status).toBe(202);
  const approve = "group 2 (Boot), before it 1: approve";
  const waiting = await until(headers, "the person's turn", (job) => job.stateDescription === approve);
  expect(waiting["allowedActions"]).toEqual(["Resume"]);
  expect(await stateOfItem()).toBe("Protected");
  expect((await run("one")).headers.get("location")).toBe(headers.get("location"));
  expect(await run("two")).toMatchObject({ status: 409, body: { error: { code: "Conflict" } } });
  expect((await app.call("DELETE", plan())).status).toBe(409);
  const resume = () => app.call("POST", `${vault()}/replicationJobs/${operationIn(headers)}/resume`, {});
  expect((await resume()).status).toBe(202);
  answers = [503];
  const job = await ended(headers);
  expect(job).toMatchObject({ state: "Succeeded", scenarioName: "UnplannedFailover" });
  expect(job.tasks.map(({ name }) => name)).toEqual([
    approve,
    "group 2 (Boot)",
    "group 2 (Boot), behind it 1: tell the balancer",
  ]);
  expect(await stateOfItem()).toBe("UnplannedFailoverCommitPendingStatesBegin");
  expect(heard.map(({ url }) => url)).toEqual(["/hook?code=secret", "/hook?code=secret"]);
  expect(new Set(heard.map(({ id }) => id)).size).toBe(1);
  expect(heard[0]?.body).toMatchObject({ recoveryPlanName: "Shop-Plan", failoverType: "UnplannedFailover" });
  expect((await resume()).status).toBe(409);
});

test("machines that are there already are passed over, and an action that fails ends the run", async () => {
  const groups = [boot(), { groupType: "Boot", startGroupActions: [called("tell")] }];
  expect((await app.call("PATCH", plan(), { properties: { groups } })).status).toBe(202);
  answers = [500, 404, 500];
  const run = await app.call("POST", `${plan()}/unplannedFailover`, { properties: {} });
  const failed = await ended(run.headers);
  expect(failed.state).toBe("Failed");
  expect(failed.tasks.map(({ state }) => state)).toEqual(["Succeeded", "Failed"]);
  expect(JSON.stringify(failed.errors)).toContain("/hook answered 500");
  expect(JSON.stringify(failed.errors)).not.toContain("secret");
});

test("a plan commits its machines, and can be deleted then", async () => {
  const { headers } = await app.call("POST", `${plan()}/failoverCommit`);
  expect((await ended(headers)).state).toBe("Succeeded");
  expect(await stateOfItem()).toBe("UnplannedFailoverCommitted");
  const { body: shown } = await app.call("GET", plan());
  expect(shown).toMatchObject({
    properties: { lastUnplannedFailoverTime: expect.any(String), allowedOperations: [] },
  });
  expect((await app.call("DELETE", plan())).status).toBe(202);
  expect((await app.call("GET", plan())).status).toBe(404);
});
