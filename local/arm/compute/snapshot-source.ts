import { ArmError } from "../arm-error.ts";
import type { Box } from "../box.ts";
import type { Image } from "../model.ts";
import { copySparse } from "./disk-file.ts";

/** A disk or snapshot that a copy is made of. @throws ArmError 404, 400 or 409. */
export function sourceOf(box: Box, id: string, location: string): Image {
  const source = box.state.disks.get(id) ?? box.state.snapshots.get(id);
  if (!source) throw new ArmError(404, "NotFound", `The entity ${id} was not found.`);
  if (source.location !== location)
    throw new ArmError(
      400,
      "BadRequest",
      `The source ${source.name} is in ${source.location}. A copy is made in the region of its source: ${location} is another.`,
    );
  const { diskState, provisioningState } = source.properties;
  if (provisioningState !== "Succeeded" || diskState === "ReadyToUpload" || diskState === "ActiveUpload")
    throw new ArmError(
      409,
      "OperationNotAllowed",
      `${source.name} cannot be copied while it is in state ${diskState} (${provisioningState}).`,
    );
  return source;
}

/**
 * Copies the image as it is at one instant: as long as it takes, the VM that writes to it stands still. On Azure nobody
 * stands still; what a reader of the copy sees is the same, an image as after a power cut.
 */
export async function copyFrozen(box: Box, source: Image, file: string): Promise<void> {
  const copy = () => copySparse(source.hidden.file, file, source.properties.diskSizeBytes);
  const machine = box.state.virtualMachines.get(("managedBy" in source && source.managedBy) || "");
  await (machine?.hidden.power === "running" ? box.hypervisor.frozen(machine.id, copy) : copy());
}
