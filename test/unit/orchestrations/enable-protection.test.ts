import { expect, test } from "vitest";
import { z } from "zod";
import { bytes } from "../../../engine/core/units.ts";
import { enableProtection } from "../../../orchestrations/enable-protection.ts";
import { Driver, type Script } from "./driver.ts";
import { ENABLE, JOB, agentAt, failing } from "./fixture.ts";

const percentIn = z.object({ percentComplete: z.number() });

test("everything is made in order, and ARM is asked no sooner than it wants", () => {
  const { trace } = new Driver(ENABLE).play(enableProtection, JOB);
  expect(trace.slice(0, 17)).toEqual([
    "checkSource",
    "createResourceGroup",
    "createNetwork",
    "sleep 10000",
    "pollArm",
    "sleep 15000",
    "pollArm",
    "createAvailabilitySet",
    "createCacheAccount",
    "sleep 3000",
    "pollArm",
    "sleep 15000",
    "pollArm",
    "createReplicaAccount",
    "prepareJournal",
    "prepareReplica",
    "installAgent",
  ]);
  expect(trace.filter((step) => step.startsWith("start"))).toEqual(["startReplicate", "startPoint"]);
  expect(trace.at(-1)).toBe("endJob");
});

test("without a replica and an availability set none is made", () => {
  const script = {
    ...ENABLE,
    checkSource: () => ({ warm: false, availabilitySet: false, disks: 1, bytes: bytes(100) }),
  };
  const { trace } = new Driver(script).play(enableProtection, JOB);
  expect(trace).not.toContain("createReplicaAccount");
  expect(trace).not.toContain("prepareReplica");
  expect(trace).not.toContain("createAvailabilitySet");
});

const facts = { warm: true, availabilitySet: false, disks: 1, bytes: bytes(100) };

test("rules are made before the networks that they guard, and a network is completed change by change", () => {
  const script: Script = {
    ...ENABLE,
    checkSource: () => ({ ...facts, networks: 2, securityGroups: 2, applicationGroups: 1 }),
    createApplicationGroup: () => ({}),
    createSecurityGroup: () => ({}),
    createNetwork: (_, nth) => ({ more: nth === 0 }),
  };
  const { trace, inputs } = new Driver(script).play(enableProtection, JOB);
  expect(trace.slice(1, 9)).toEqual([
    "createResourceGroup",
    "createApplicationGroup",
    "createSecurityGroup",
    "createSecurityGroup",
    "createNetwork",
    "createNetwork",
    "createNetwork",
    "createCacheAccount",
  ]);
  const networks = inputs.filter(({ name }) => name === "createNetwork").map(({ input }) => input);
  expect(networks).toEqual([
    { machine: JOB.machine },
    { machine: JOB.machine },
    { machine: JOB.machine, network: 1 },
  ]);
});

test("roles that were just given are waited for, ten minutes at most", () => {
  const script: Script = {
    ...ENABLE,
    checkSource: () => ({ ...facts, roles: true }),
    assignRoles: () => null,
    prepareJournal: (_, nth) => (nth < 3 ? failing("StorageRefused") : null),
  };
  const { trace } = new Driver(script).play(enableProtection, JOB);
  const from = trace.indexOf("assignRoles");
  expect(trace.slice(from + 1, from + 8)).toEqual([
    "prepareJournal",
    "sleep 20000",
    "prepareJournal",
    "sleep 20000",
    "prepareJournal",
    "sleep 20000",
    "prepareJournal",
  ]);
  const never: Script = {
    ...script,
    prepareJournal: () => failing("StorageRefused"),
  };
  const tries = new Driver(never).play(enableProtection, JOB).trace;
  expect(tries.filter((step) => step === "prepareJournal").length).toBe(31);
});

test("a refusal is none to be waited for where no roles were given", () => {
  const script: Script = {
    ...ENABLE,
    prepareJournal: () => failing("StorageRefused"),
  };
  const { trace } = new Driver(script).play(enableProtection, JOB);
  expect(trace.filter((step) => step === "prepareJournal")).toHaveLength(1);
});

test("progress never goes back, and shows the copy in bytes with the time it still takes", () => {
  const { statuses } = new Driver(ENABLE).play(enableProtection, JOB);
  const percent = statuses.map((status) => percentIn.parse(status).percentComplete);
  expect(percent).toEqual(percent.toSorted((a, b) => a - b));
  expect(statuses).toContainEqual(
    expect.objectContaining({
      phase: "initial copy",
      progress: { done: 50, total: 100, rate: 5, etaSeconds: 10 },
    }),
  );
});

test("the job ends with every step, timed", () => {
  const { inputs } = new Driver(ENABLE).play(enableProtection, JOB);
  const end = inputs.at(-1)?.input;
  expect(end).toMatchObject({
    ...JOB,
    steps: expect.arrayContaining([
      expect.objectContaining({
        name: "create the network",
        state: "Succeeded",
        startTime: "2030-01-01T00:00:00.000Z",
        endTime: "2030-01-01T00:00:25.000Z",
      }),
    ]),
  });
  expect(end).not.toHaveProperty("failure");
});

test("a failure ends the job with its code, its message and the step, and fails the orchestration", () => {
  const script = { ...ENABLE, createNetwork: () => failing("ArmFailed") };
  const { inputs, error, trace } = new Driver(script).play(enableProtection, JOB);
  expect(inputs.at(-1)).toMatchObject({
    name: "endJob",
    input: { failure: { code: "ArmFailed", message: "told so", step: "create the network" } },
  });
  expect(error?.message).toBe("[ArmFailed] told so");
  expect(trace).not.toContain("createCacheAccount");
});

test("an agent that never comes ends the job after a quarter of an hour", () => {
  const installed = { carrier: "extension" as const, state: "Succeeded", said: "" };
  const script = { ...ENABLE, observeAgent: () => agentAt(0), observeInstall: () => installed };
  const { error, trace } = new Driver(script).play(enableProtection, JOB);
  expect(error?.message).toContain("[AgentSilent]");
  expect(trace.filter((step) => step === "observeAgent").length).toBeLessThan(100);
});

test("an agent that has stopped ends the job with what it said", () => {
  const problem = { code: "DiskUnreadable", message: "bad sector", stopped: true };
  const script = { ...ENABLE, observeAgent: (_: unknown, nth: number) => ({ ...agentAt(nth), problem }) };
  expect(new Driver(script).play(enableProtection, JOB).error?.message).toContain("bad sector");
});
