import { bytes } from "../../../engine/core/units.ts";
import { sameArmId } from "../../../engine/core/ids.ts";
import { ArmError } from "../arm-error.ts";
import type { Box } from "../box.ts";
import type { PoweredVm, VmDisk } from "../hypervisor.ts";
import type { Disk, VirtualMachine } from "../model.ts";
import type { Work } from "../operations.ts";

/** Ids of the disks of a VM, the OS disk first, then by LUN. */
export function disksOf({ properties }: VirtualMachine): { slot: "os" | number; id: string }[] {
  const { osDisk, dataDisks } = properties.storageProfile;
  const data = dataDisks.toSorted((a, b) => a.lun - b.lun);
  return [
    { slot: "os", id: osDisk.managedDisk.id },
    ...data.map(({ lun, managedDisk }) => ({ slot: lun, id: managedDisk.id })),
  ];
}

/** Runs the VM, or leaves it off when its region is lost. */
export async function powerOn(box: Box, machine: VirtualMachine): Promise<void> {
  if (box.state.lost.has(machine.location))
    throw new ArmError(503, "ServiceUnavailable", `Region ${machine.location} does not answer.`);
  setDisks(box, machine, "Attached");
  await box.hypervisor.powerOn(powered(box, machine));
  machine.hidden.power = "running";
}

function powered(box: Box, machine: VirtualMachine): PoweredVm {
  return {
    id: machine.id,
    name: machine.name,
    region: machine.location,
    disks: disksOf(machine).map(({ slot, id }) => imageOf(box, slot, id)),
    addresses: addressesOf(box, machine),
    tags: machine.tags,
    identity: { IDENTITY_ENDPOINT: box.identityEndpoint, IDENTITY_HEADER: machine.hidden.secret },
  };
}

function imageOf(box: Box, slot: "os" | number, id: string): VmDisk {
  const disk = box.state.disks.get(id);
  if (!disk) throw new ArmError(404, "NotFound", `Disk ${id} is not found.`);
  return { slot, name: disk.name, file: disk.hidden.file, size: bytes(disk.properties.diskSizeBytes) };
}

function addressesOf(box: Box, machine: VirtualMachine): string[] {
  const nics = machine.properties.networkProfile.networkInterfaces;
  return nics
    .toSorted((a, b) => Number(b.properties.primary) - Number(a.properties.primary))
    .flatMap(({ id }) => box.state.networkInterfaces.get(id)?.properties.ipConfigurations ?? [])
    .map(({ properties }) => properties.privateIPAddress);
}

function setDisks(box: Box, machine: VirtualMachine, diskState: Disk["properties"]["diskState"]): void {
  for (const { id } of disksOf(machine)) {
    const disk = box.state.disks.get(id);
    if (disk) disk.properties.diskState = diskState;
  }
}

/** Takes the VM and its claims away; disks and NICs stay. */
export async function removeMachine(box: Box, machine: VirtualMachine): Promise<void> {
  await box.hypervisor.powerOff(machine.id);
  await box.hypervisor.forget?.(machine.id);
  release(box, machine);
  for (const extension of box.state.vmExtensions.under(machine.id))
    box.state.vmExtensions.delete(extension.id);
  for (const command of box.state.runCommands.under(machine.id)) box.state.runCommands.delete(command.id);
  box.state.virtualMachines.delete(machine.id);
}

/** Gives up every disk, NIC and availability set that the VM holds. */
export function release(box: Box, machine: VirtualMachine): void {
  for (const disk of box.state.disks.all())
    if (disk.managedBy && sameArmId(disk.managedBy, machine.id)) {
      delete disk.managedBy;
      disk.properties.diskState = "Unattached";
    }
  for (const { properties } of box.state.networkInterfaces.all())
    if (properties.virtualMachine && sameArmId(properties.virtualMachine.id, machine.id))
      delete properties.virtualMachine;
  for (const { properties } of box.state.availabilitySets.all())
    properties.virtualMachines = properties.virtualMachines.filter(({ id }) => !sameArmId(id, machine.id));
}

const machineOf = (box: Box, id: string): VirtualMachine => {
  const found = box.state.virtualMachines.get(id);
  if (!found) throw new ArmError(404, "NotFound", `The entity ${id} was not found.`);
  return found;
};

const failed = (box: Box, { resource }: { resource: string }): void => {
  const machine = box.state.virtualMachines.get(resource);
  if (machine) machine.properties.provisioningState = "Failed";
};

/** A new or changed VM runs at the end, unless it was stopped on purpose. */
export const writeMachine: Work = {
  async run(box, { resource }) {
    const machine = machineOf(box, resource);
    if (machine.hidden.power === "running") await powerOn(box, machine);
    machine.properties.provisioningState = "Succeeded";
  },
  failed,
};

export const startMachine: Work = {
  async run(box, { resource }) {
    const machine = machineOf(box, resource);
    await powerOn(box, machine);
    machine.properties.provisioningState = "Succeeded";
  },
  failed,
};

/** `input.to` is `stopped` (the host is kept) or `deallocated`. */
export const stopMachine: Work = {
  async run(box, { resource, input }) {
    const machine = machineOf(box, resource);
    // A stop on Azure lets the machine end in order.
    await box.hypervisor.shutDown?.(machine.id);
    await box.hypervisor.powerOff(machine.id);
    const deallocates = input["to"] === "deallocated";
    machine.hidden.power = deallocates ? "deallocated" : "stopped";
    if (deallocates) setDisks(box, machine, "Reserved");
    machine.properties.provisioningState = "Succeeded";
  },
  failed,
};

export const deleteMachine: Work = {
  async run(box, { resource }) {
    const machine = box.state.virtualMachines.get(resource);
    if (machine) await removeMachine(box, machine);
  },
  failed,
};
