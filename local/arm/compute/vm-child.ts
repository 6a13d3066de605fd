import { type ArmId, armId } from "../../../engine/core/ids.ts";
import { ArmError } from "../arm-error.ts";
import type { Call } from "../call.ts";
import type { VirtualMachine } from "../model.ts";

/** The machine that an extension or a run command is of. */
export const machineOf = (id: string): ArmId => armId(id.split("/").slice(0, -2).join("/"));

/** It works on nothing but a running machine. @throws ArmError 404, or 409 with Azure's words for this type */
export function runningMachine({ box, path }: Call, type: string, notRunning: string): VirtualMachine {
  const id = machineOf(path.id);
  const machine = box.state.virtualMachines.get(id);
  if (!machine)
    throw new ArmError(
      404,
      "ParentResourceNotFound",
      `Failed to perform 'write' on resource of type '${type}', because the parent resource '${id}' could not be found.`,
    );
  if (machine.hidden.power !== "running") throw new ArmError(409, "OperationNotAllowed", notRunning);
  return machine;
}
