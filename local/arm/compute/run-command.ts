import { z } from "zod";
import { begun } from "../begun.ts";
import { toIso } from "../../../engine/core/clock.ts";
import { armId } from "../../../engine/core/ids.ts";
import { ArmError, bodyOf } from "../arm-error.ts";
import type { Call, Family, Reply } from "../call.ts";
import { existing } from "../resources/existing.ts";
import type { RunCommand } from "../model.ts";
import { machineOf, runningMachine } from "./vm-child.ts";
import type { Work } from "../operations.ts";
import { patchTags } from "../resources/tags.ts";

const TYPE = "Microsoft.Compute/virtualMachines/runCommands";

const parameters = z.array(z.object({ name: z.string(), value: z.string() })).default([]);
const commandBody = z.object({
  location: z.string(),
  tags: z.record(z.string(), z.string()).nullish(),
  properties: z.looseObject({
    source: z.looseObject({
      script: z.string({ error: "the box runs scripts that stand in the call only" }),
    }),
    parameters,
    protectedParameters: parameters,
    treatFailureAsDeploymentFailure: z.boolean().default(false),
  }),
});

/** Secrets on their way into a VM, as with extensions: never stored. */
const secrets = new WeakMap<RunCommand, z.output<typeof parameters>>();

function put(call: Call): Reply {
  const { box, path } = call;
  const body = bodyOf(commandBody, call.body);
  const machine = runningMachine(call, TYPE, "The operation requires the VM to be running (or set to run).");
  const known = box.state.runCommands.get(path.id);
  const { protectedParameters, ...properties } = body.properties;
  const command = box.state.runCommands.put({
    id: known?.id ?? armId(path.id),
    name: known?.name ?? path.name,
    type: TYPE,
    location: machine.location,
    tags: body.tags ?? {},
    properties: { ...properties, provisioningState: known ? "Updating" : "Creating" },
  });
  secrets.set(command, protectedParameters);
  return begun(call, command, "run-command.write", { status: known ? 200 : 201, body: shown(call, command) });
}

/** What came of it is shown to who asks for it. */
function shown({ query }: Call, { properties, ...command }: RunCommand) {
  const expands = query.get("$expand")?.toLowerCase() === "instanceview";
  return {
    ...command,
    properties: { ...properties, ...(!expands && { instanceView: undefined }) },
  };
}

/** A script that fails is a command that succeeded, unless the caller wanted it otherwise. */
export const runCommand: Work = {
  async run(box, { resource }) {
    const command = box.state.runCommands.get(resource);
    if (!command) return;
    const { source, parameters: open, treatFailureAsDeploymentFailure } = command.properties;
    const startTime = toIso(box.clock.now());
    const { exitCode, output, error } = await box.hypervisor.runScript(machineOf(command.id), {
      script: source.script,
      parameters: [...open, ...(secrets.get(command) ?? [])],
    });
    const executionState = exitCode === 0 ? "Succeeded" : "Failed";
    const endTime = toIso(box.clock.now());
    command.properties.instanceView = { executionState, exitCode, output, error, startTime, endTime };
    if (exitCode !== 0 && treatFailureAsDeploymentFailure)
      throw new ArmError(409, "VMExtensionProvisioningError", `The script ended with code ${exitCode}.`);
    command.properties.provisioningState = "Succeeded";
  },
  failed(box, { resource }) {
    const command = box.state.runCommands.get(resource);
    if (command) command.properties.provisioningState = "Failed";
  },
};

export const deleteRunCommand: Work = { run: (box, { resource }) => box.state.runCommands.delete(resource) };

const at = (call: Call): RunCommand => existing(call.box.state.runCommands, TYPE, call);

function startDelete(call: Call): Reply {
  const command = call.box.state.runCommands.get(call.path.id);
  if (!command) return { status: 204 };
  command.properties.provisioningState = "Deleting";
  return begun(call, command, "run-command.delete", { status: 202 });
}

export const runCommands: Family = {
  type: TYPE,
  since: "2024-07-01",
  get: (call) => ({ status: 200, body: shown(call, at(call)) }),
  put,
  patch: (call) => patchTags(at(call), call, () => shown(call, at(call))),
  delete: startDelete,
  list: (call) => ({
    status: 200,
    body: { value: call.box.state.runCommands.under(call.path.id).map((command) => shown(call, command)) },
  }),
  find: (box, id) => box.state.runCommands.get(id),
};
