import { z } from "zod";
import { begun } from "../begun.ts";
import { armId } from "../../../engine/core/ids.ts";
import { ArmError, bodyOf } from "../arm-error.ts";
import type { Box } from "../box.ts";
import type { Call, Family, Reply } from "../call.ts";
import { existing } from "../resources/existing.ts";
import type { VmExtensionResource } from "../model.ts";
import { machineOf, runningMachine } from "./vm-child.ts";
import type { Work } from "../operations.ts";
import { patchTags } from "../resources/tags.ts";

const TYPE = "Microsoft.Compute/virtualMachines/extensions";

const extensionBody = z.object({
  location: z.string(),
  tags: z.record(z.string(), z.string()).nullish(),
  properties: z.looseObject({
    publisher: z.string(),
    type: z.string(),
    typeHandlerVersion: z.string(),
    settings: z.record(z.string(), z.unknown()).default({}),
    protectedSettings: z.record(z.string(), z.unknown()).default({}),
  }),
});

/** Secrets on their way into a VM: never stored, so an installation that a restart interrupts goes on without them. */
const secrets = new WeakMap<VmExtensionResource, Record<string, unknown>>();

function put(call: Call): Reply {
  const { box, path } = call;
  const body = bodyOf(extensionBody, call.body);
  const machine = runningMachine(
    call,
    TYPE,
    "Cannot modify extensions in the VM when the VM is not running.",
  );
  const known = box.state.vmExtensions.get(path.id);
  refuseSecondScript(box, machine.id, path.id, body.properties);
  const { protectedSettings, ...properties } = body.properties;
  const extension = box.state.vmExtensions.put({
    id: known?.id ?? armId(path.id),
    name: known?.name ?? path.name,
    type: TYPE,
    location: machine.location,
    tags: body.tags ?? {},
    properties: { ...properties, provisioningState: known ? "Updating" : "Creating" },
  });
  secrets.set(extension, protectedSettings);
  return begun(call, extension, "extension.write", { status: known ? 200 : 201, body: extension });
}

/** Azure allows one extension of a kind per VM, whatever its name. */
function refuseSecondScript(
  box: Box,
  machine: string,
  id: string,
  { publisher, type }: { publisher: string; type: string },
): void {
  const other = box.state.vmExtensions
    .under(machine)
    .find(
      (extension) =>
        extension.id.toLowerCase() !== id.toLowerCase() &&
        extension.properties.publisher === publisher &&
        extension.properties.type === type,
    );
  if (other)
    throw new ArmError(
      400,
      "BadRequest",
      `Multiple VMExtensions per handler not supported for OS type 'Linux'. VMExtension with handler '${publisher}.${type}' already added or specified in input.`,
    );
}

export const writeExtension: Work = {
  async run(box, { resource }) {
    const extension = box.state.vmExtensions.get(resource);
    if (!extension) return;
    const { publisher, type, settings } = extension.properties;
    await box.hypervisor.installExtension(machineOf(extension.id), {
      name: extension.name,
      publisher,
      type,
      settings,
      protectedSettings: secrets.get(extension) ?? {},
    });
    extension.properties.provisioningState = "Succeeded";
  },
  failed(box, { resource }) {
    const extension = box.state.vmExtensions.get(resource);
    if (extension) extension.properties.provisioningState = "Failed";
  },
};

export const deleteExtension: Work = { run: (box, { resource }) => box.state.vmExtensions.delete(resource) };

const at = (call: Call): VmExtensionResource => existing(call.box.state.vmExtensions, TYPE, call);

function startDelete(call: Call): Reply {
  const extension = call.box.state.vmExtensions.get(call.path.id);
  if (!extension) return { status: 204 };
  extension.properties.provisioningState = "Deleting";
  return begun(call, extension, "extension.delete", { status: 202 });
}

export const vmExtensions: Family = {
  type: TYPE,
  since: "2024-07-01",
  get: (call) => ({ status: 200, body: at(call) }),
  put,
  patch: (call) => patchTags(at(call), call, () => at(call)),
  delete: startDelete,
  list: ({ box, path }) => ({ status: 200, body: { value: box.state.vmExtensions.under(path.id) } }),
  find: (box, id) => box.state.vmExtensions.get(id),
};
