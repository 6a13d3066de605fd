import { bytes } from "../../../engine/core/units.ts";
import { VHD_FOOTER_BYTES } from "../../../engine/azure/vhd-footer.ts";
import type { Box } from "../box.ts";
import type { Disk } from "../model.ts";
import type { Work } from "../operations.ts";
import { createSparse, removeDisk } from "./disk-file.ts";
import { importBlob } from "./disk-import.ts";
import { copyFrozen, sourceOf } from "./snapshot-source.ts";

/** Makes the image. It may run twice: it always starts from an empty file. */
export const createDisk: Work = {
  async run(box, { resource }) {
    const disk = box.state.disks.get(resource);
    if (!disk) return;
    await fill(box, disk);
    disk.properties.diskState =
      disk.properties.creationData.createOption === "Upload" ? "ReadyToUpload" : "Unattached";
    disk.properties.provisioningState = "Succeeded";
  },
  failed(box, { resource }) {
    const disk = box.state.disks.get(resource);
    if (disk) disk.properties.provisioningState = "Failed";
  },
};

async function fill(box: Box, disk: Disk): Promise<void> {
  const { creationData, diskSizeBytes } = disk.properties;
  const { file } = disk.hidden;
  switch (creationData.createOption) {
    case "Upload":
      return createSparse(file, bytes(diskSizeBytes + VHD_FOOTER_BYTES));
    case "Import":
      disk.properties.diskSizeBytes = await importBlob(box, disk);
      return;
    case "Copy": {
      const source = sourceOf(box, String(creationData["sourceResourceId"]), disk.location);
      return copyFrozen(box, source, file);
    }
    default:
      return createSparse(file, diskSizeBytes);
  }
}

export const updateDisk: Work = {
  run(box, { resource }) {
    const disk = box.state.disks.get(resource);
    if (disk) disk.properties.provisioningState = "Succeeded";
  },
};

export const deleteDisk: Work = {
  run(box, { resource }) {
    const disk = box.state.disks.get(resource);
    if (disk) removeDisk(box, disk);
  },
};
