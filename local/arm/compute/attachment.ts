import { sameArmId } from "../../../engine/core/ids.ts";
import { ArmError } from "../arm-error.ts";
import type { Box } from "../box.ts";
import type { VirtualMachine } from "../model.ts";
import { checkPlacement } from "./placement.ts";
import { disksOf } from "./power.ts";
import { SIZES, type Size, offered } from "./size.ts";
import { requireCores } from "./usage.ts";
import type { MachineBody } from "./virtual-machine.ts";

/** Whether the VM may have what it asks for. @throws ArmError in Compute's words; nothing has changed then. */
export function check(
  box: Box,
  id: string,
  location: string,
  { properties, zones }: MachineBody,
  known: VirtualMachine | undefined,
): void {
  const { storageProfile, networkProfile, availabilitySet, osProfile } = properties;
  if (osProfile !== undefined)
    throw new ArmError(400, "InvalidParameter", "Parameter 'osProfile' is not allowed.");
  const size = offered(box, location, properties.hardwareProfile.vmSize, zones?.[0]);
  requireCores(box, location, size, known && SIZES[known.properties.hardwareProfile.vmSize]);
  checkCounts(properties, size);
  const luns = storageProfile.dataDisks.map(({ lun }) => lun);
  if (new Set(luns).size !== luns.length)
    throw new ArmError(400, "InvalidParameter", "A LUN is used by more than one data disk.");
  for (const { managedDisk } of [storageProfile.osDisk, ...storageProfile.dataDisks])
    checkDisk(box, id, location, managedDisk.id, size);
  for (const nic of networkProfile.networkInterfaces) checkInterface(box, id, location, nic.id);
  checkSet(box, availabilitySet?.id, zones, known);
  const kinds = [storageProfile.osDisk, ...storageProfile.dataDisks].map(
    ({ managedDisk }) => box.state.disks.get(managedDisk.id)?.sku.name ?? "",
  );
  checkPlacement(box, properties, {
    location,
    zone: zones?.[0],
    size: properties.hardwareProfile.vmSize,
    ultra: kinds.some((kind) => kind.startsWith("Ultra")),
  });
}

/** @throws ArmError 409 when the size takes fewer disks or NICs. */
function checkCounts(
  { storageProfile, networkProfile, hardwareProfile }: MachineBody["properties"],
  size: Size,
) {
  const counts = [
    [storageProfile.dataDisks.length, size.dataDisks, "data disks"],
    [networkProfile.networkInterfaces.length, size.interfaces, "network interfaces"],
  ] as const;
  for (const [wanted, most, what] of counts)
    if (wanted > most)
      throw new ArmError(
        409,
        "OperationNotAllowed",
        `The maximum number of ${what} allowed to be attached to a VM of size ${hardwareProfile.vmSize} is ${most}.`,
      );
}

function checkDisk(box: Box, machine: string, location: string, id: string, size: Size): void {
  const disk = box.state.disks.get(id);
  if (!disk) throw new ArmError(404, "NotFound", `Disk ${id} is not found.`);
  if (disk.location !== location)
    throw new ArmError(
      400,
      "BadRequest",
      `Disk ${disk.name} and the VM are in different regions: ${disk.location} and ${location}.`,
    );
  if (disk.sku.name.startsWith("Premium") && !size.premium)
    throw new ArmError(
      400,
      "InvalidParameter",
      `Requested operation cannot be performed because the VM size does not support the storage account type ${disk.sku.name} of disk '${disk.name}'.`,
    );
  if (disk.managedBy && !sameArmId(disk.managedBy, machine))
    throw new ArmError(
      409,
      "ConflictingUserInput",
      `Disk '${disk.name}' cannot be attached as the disk is already owned by VM '${disk.managedBy}'.`,
    );
  if (
    disk.properties.provisioningState !== "Succeeded" ||
    !["Unattached", "Attached", "Reserved"].includes(disk.properties.diskState)
  )
    throw new ArmError(
      409,
      "OperationNotAllowed",
      `Disk '${disk.name}' cannot be attached while it is in state ${disk.properties.diskState} (${disk.properties.provisioningState}).`,
    );
}

function checkInterface(box: Box, machine: string, location: string, id: string): void {
  const nic = box.state.networkInterfaces.get(id);
  if (!nic || nic.location !== location)
    throw new ArmError(
      404,
      "NetworkInterfaceNotFound",
      `Network interface ${id} is not found in region ${location}.`,
    );
  const user = nic.properties.virtualMachine?.id;
  if (user && !sameArmId(user, machine))
    throw new ArmError(400, "NicInUse", `Network Interface ${nic.id} is used by existing resource ${user}.`);
}

/** A VM joins a set when it is made, or never; a set and a zone exclude each other. */
function checkSet(
  box: Box,
  wanted: string | undefined,
  zones: readonly string[] | undefined,
  known: VirtualMachine | undefined,
): void {
  const has = known?.properties.availabilitySet?.id;
  if (known && (has ?? "").toLowerCase() !== (wanted ?? "").toLowerCase())
    throw new ArmError(
      409,
      "PropertyChangeNotAllowed",
      "Changing property 'availabilitySet.id' is not allowed.",
    );
  if (!wanted) return;
  if (zones?.length)
    throw new ArmError(
      400,
      "BadRequest",
      "A virtual machine cannot be in an availability set and in a zone.",
    );
  if (!box.state.availabilitySets.get(wanted))
    throw new ArmError(404, "NotFound", `Availability set ${wanted} is not found.`);
}

/** Marks disks, NICs and the availability set as the VM's. */
export function claim(box: Box, machine: VirtualMachine): void {
  const diskState = machine.hidden.power === "deallocated" ? "Reserved" : "Attached";
  for (const { id } of disksOf(machine)) {
    const disk = box.state.disks.get(id);
    if (disk) Object.assign(disk, { managedBy: machine.id, properties: { ...disk.properties, diskState } });
  }
  for (const { id } of machine.properties.networkProfile.networkInterfaces) {
    const nic = box.state.networkInterfaces.get(id);
    if (nic) nic.properties.virtualMachine = { id: machine.id };
  }
  const set = box.state.availabilitySets.get(machine.properties.availabilitySet?.id ?? "");
  set?.properties.virtualMachines.push({ id: machine.id });
}
