import { truncate, stat } from "node:fs/promises";
import { z } from "zod";
import { GIB, bytes } from "../../../engine/core/units.ts";
import { ArmError, bodyOf } from "../arm-error.ts";
import { begun } from "../begun.ts";
import type { Call, Reply } from "../call.ts";
import type { Disk } from "../model.ts";
import type { Work } from "../operations.ts";

const resizeBody = z.object({
  properties: z.object({ diskSizeGB: z.number().int().min(1).max(65_536) }),
});

export const asksForSize = (body: unknown): boolean => resizeBody.safeParse(body).success;

/** A PATCH that makes the disk larger. @throws ArmError 400 when it would become smaller, 409 for the OS disk of a machine that runs */
export function resize(call: Call, disk: Disk, shown: () => unknown): Reply {
  const { box, body } = call;
  const size = bytes(bodyOf(resizeBody, body).properties.diskSizeGB * GIB);
  if (size < disk.properties.diskSizeBytes)
    throw new ArmError(
      400,
      "InvalidParameter",
      `The size of disk ${disk.name} cannot be reduced, from ${disk.properties.diskSizeBytes} to ${size} bytes.`,
    );
  const machine = box.state.virtualMachines.get(disk.managedBy ?? "");
  if (disk.properties["osType"] !== undefined && machine?.hidden.power === "running")
    throw new ArmError(
      409,
      "OperationNotAllowed",
      `Cannot resize disk ${disk.name} while it is the OS disk of running VM ${machine.name}.`,
    );
  disk.properties.diskSizeBytes = size;
  disk.properties["diskSizeGB"] = size / GIB;
  disk.properties.provisioningState = "Updating";
  return begun(call, disk, "disk.resize", { status: 202, body: shown() });
}

/** The new end reads as zeros. It may run twice. */
export const resizeDisk: Work = {
  async run(box, { resource }) {
    const disk = box.state.disks.get(resource);
    if (!disk) return;
    const { file } = disk.hidden;
    if ((await stat(file)).size < disk.properties.diskSizeBytes)
      await truncate(file, disk.properties.diskSizeBytes);
    disk.properties.provisioningState = "Succeeded";
  },
};
