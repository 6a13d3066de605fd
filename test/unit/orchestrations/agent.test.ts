import { expect, test } from "vitest";
import { LeewardError } from "../../../engine/core/errors.ts";
import type { InstallView } from "../../../orchestrations/contract.ts";
import { enableProtection } from "../../../orchestrations/enable-protection.ts";
import { uninstallAgent } from "../../../orchestrations/uninstall-agent.ts";
import { upgradeAgent } from "../../../orchestrations/upgrade-agent.ts";
import { Driver } from "./driver.ts";
import { ENABLE, JOB, MACHINE, agentAt } from "./fixture.ts";

const refused = (message: string) => () => new LeewardError("ArmFailed", message);
const taken = refused("BadRequest: Multiple VMExtensions per handler not supported for OS type 'Linux'");
const view = (changes: Partial<InstallView> = {}) => ({
  carrier: "extension" as const,
  state: "Failed",
  exitCode: 1,
  said: "leeward agent: there is no Node 22.18.0\n",
  ...changes,
});
const finished = () => ({});
const AGENT = { machine: MACHINE };

test("where the extension is the owner's, a run command brings the agent", () => {
  const script = { ...ENABLE, installAgent: taken, installAgentByCommand: finished };
  const { trace, error } = new Driver(script).play(enableProtection, JOB);
  expect(error).toBeUndefined();
  expect(trace.slice(trace.indexOf("installAgent")).slice(0, 3)).toEqual([
    "installAgent",
    "installAgentByCommand",
    "observeAgent",
  ]);
});

test("a script that fails is not tried by the other way, and its last words are the error's", () => {
  const script = {
    ...ENABLE,
    installAgent: refused("VMExtensionProvisioningError"),
    observeInstall: () => view(),
  };
  const { error, trace } = new Driver(script).play(upgradeAgent, AGENT);
  expect(error).toMatchObject({
    code: "AgentNotInstalled",
    message:
      "VMExtensionProvisioningError; its extension: Failed, exit code 1: leeward agent: there is no Node 22.18.0",
  });
  expect(trace).not.toContain("installAgentByCommand");
});

test("an agent that keeps silent is reported with how its installation went", () => {
  const script = {
    installAgent: finished,
    observeAgent: () => agentAt(0),
    observeInstall: () => view({ carrier: "command", state: "Succeeded", exitCode: 0, said: "" }),
  };
  const { error } = new Driver(script).play(upgradeAgent, AGENT);
  expect(error).toMatchObject({
    code: "AgentSilent",
    message: `the agent of ${MACHINE} did not register; its command: Succeeded, exit code 0`,
  });
});

test("an upgrade is over when the new agent speaks, and not before", () => {
  const script = {
    installAgent: finished,
    observeAgent: (_: unknown, nth: number) => ({ ...agentAt(3), outdated: nth < 4 }),
  };
  const { error, trace } = new Driver(script).play(upgradeAgent, AGENT);
  expect(error).toBeUndefined();
  expect(trace.filter((step) => step === "observeAgent")).toHaveLength(5);
});

test("what carried the agent goes with it, also where the agent itself has to stay", () => {
  const drops = { dropAgentExtension: finished, dropAgentCommand: finished };
  const gone = new Driver({ removeAgent: finished, ...drops }).play(uninstallAgent, AGENT);
  expect(gone.output).toEqual({ removed: true });
  const stays = new Driver({ removeAgent: refused("/dev/nbd0 is in use"), ...drops }).play(
    uninstallAgent,
    AGENT,
  );
  expect(stays).toMatchObject({
    output: { removed: false, why: "/dev/nbd0 is in use" },
    trace: ["removeAgent", "dropAgentExtension", "dropAgentCommand"],
  });
});
