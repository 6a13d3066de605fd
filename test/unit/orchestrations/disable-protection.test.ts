import { expect, test } from "vitest";
import { millis } from "../../../engine/core/units.ts";
import type { Quiet } from "../../../orchestrations/contract.ts";
import { disableProtection } from "../../../orchestrations/disable-protection.ts";
import { upgradeAgent } from "../../../orchestrations/upgrade-agent.ts";
import { Driver, type Script } from "./driver.ts";
import { JOB, agentAt, failing } from "./fixture.ts";

const finished = () => ({});
const quiet = (changes: Partial<Quiet> = {}) => ({
  atWork: [],
  lenient: false,
  keepPoints: false,
  ...changes,
});
const RESOURCE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/net";
const operation = {
  pollUrl: "https://arm/operations/1",
  mode: "status" as const,
  resource: RESOURCE,
  retryAfter: millis(5000),
};

const SCRIPT: Script = {
  quietMachine: () => quiet(),
  removeAgent: finished,
  dropAgentExtension: finished,
  dropAgentCommand: finished,
  removeObjects: () => ({ more: false }),
  removeResources: (_, nth) => ({ operations: nth === 0 ? [operation] : [], more: nth < 2 }),
  pollArm: finished,
  noteLeft: () => null,
  forgetMachine: () => null,
  endJob: () => null,
};

const leftOf = (played: ReturnType<Driver["play"]>) =>
  played.inputs.flatMap(({ name, input }) => (name === "noteLeft" ? [input] : []));

test("nothing is deleted before all that was at work has ended, and the item's record goes last", () => {
  const script: Script = {
    ...SCRIPT,
    quietMachine: (_, nth) => quiet({ atWork: nth < 2 ? ["replicate-m"] : [] }),
  };
  const { trace, inputs, error } = new Driver(script).play(disableProtection, JOB);
  expect(error).toBeUndefined();
  expect(trace).toEqual([
    "quietMachine",
    "sleep 1000",
    "quietMachine",
    "sleep 1500",
    "quietMachine",
    "removeAgent",
    "dropAgentExtension",
    "dropAgentCommand",
    "removeObjects",
    "removeObjects",
    "removeObjects",
    "removeResources",
    "sleep 5000",
    "pollArm",
    "removeResources",
    "removeResources",
    "forgetMachine",
    "endJob",
  ]);
  const places = inputs.flatMap(({ name, input }) => (name === "removeObjects" ? [input] : []));
  expect(places).toMatchObject([{ from: "journal" }, { from: "replica" }, { from: "cache" }]);
});

test("what is said to be at work for longer than the host lets anything work is not waited for", () => {
  const script: Script = { ...SCRIPT, quietMachine: () => quiet({ atWork: ["verify-m"] }) };
  const { trace, error } = new Driver(script).play(disableProtection, JOB);
  expect(error).toBeUndefined();
  expect(trace.at(-1)).toBe("endJob");
});

test("a region that does not answer fails a removal, and is left by a purge", () => {
  const script: Script = {
    ...SCRIPT,
    removeAgent: () => failing("ArmUnavailable"),
    removeObjects: ({ from }) => (from === "cache" ? failing("StorageUnavailable") : { more: false }),
  };
  const removal = new Driver(script).play(disableProtection, JOB);
  expect(removal.inputs.at(-1)?.input).toMatchObject({
    failure: { code: "ArmUnavailable", step: "remove the agent" },
  });
  expect(removal.trace).not.toContain("removeObjects");
  const purge = new Driver({ ...script, quietMachine: () => quiet({ lenient: true }) }).play(
    disableProtection,
    JOB,
  );
  expect(purge.error).toBeUndefined();
  expect(leftOf(purge)).toMatchObject([{ left: { type: "agent" } }, { left: { name: "the cache" } }]);
  expect(purge.trace.slice(-2)).toEqual(["forgetMachine", "endJob"]);
});

test("what Azure refuses is left, with its words, and everything else goes", () => {
  const script: Script = {
    ...SCRIPT,
    removeAgent: () => failing("ArmFailed"),
    dropAgentExtension: () => failing("ArmFailed"),
    pollArm: () => failing("ArmFailed"),
  };
  const played = new Driver(script).play(disableProtection, JOB);
  expect(played.error).toBeUndefined();
  expect(leftOf(played)).toMatchObject([
    { left: { type: "agent carrier", why: "told so" } },
    { left: { type: "Microsoft.Network/virtualNetworks", name: RESOURCE, why: "told so" } },
  ]);
});

test("points that are to be kept are not touched", () => {
  const script: Script = { ...SCRIPT, quietMachine: () => quiet({ keepPoints: true }) };
  const played = new Driver(script).play(disableProtection, JOB);
  const places = played.inputs.flatMap(({ name, input }) => (name === "removeObjects" ? [input] : []));
  expect(places).toMatchObject([{ from: "replica" }, { from: "cache" }]);
  expect(leftOf(played)).toMatchObject([{ left: { name: `machines/${JOB.machine}` } }]);
});

test("an upgrade that was asked for says how it ended", () => {
  const script: Script = { installAgent: finished, observeAgent: () => agentAt(4), endJob: () => null };
  const { trace, inputs } = new Driver(script).play(upgradeAgent, JOB);
  expect(trace).toEqual(["installAgent", "observeAgent", "endJob"]);
  expect(inputs.at(-1)?.input).toMatchObject({
    operation: JOB.operation,
    steps: [{ state: "Succeeded" }, {}],
  });
});
