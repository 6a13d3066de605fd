import { closeAccess, openAccess } from "./compute/disk-access.ts";
import { resizeDisk } from "./compute/disk-resize.ts";
import { createDisk, deleteDisk, updateDisk } from "./compute/disk-work.ts";
import { deleteMachine, startMachine, stopMachine, writeMachine } from "./compute/power.ts";
import { deleteRunCommand, runCommand } from "./compute/run-command.ts";
import { createSnapshot, deleteSnapshot, updateSnapshot } from "./compute/snapshot-work.ts";
import { deleteExtension, writeExtension } from "./compute/vm-extension.ts";
import { deleteInterface, writeInterface } from "./network/network-interface.ts";
import { applicationSecurityGroup, natGateway, routeTable } from "./network/pointed-to.ts";
import { publicAddressWorks } from "./network/public-address.ts";
import { securityGroup } from "./network/security-group.ts";
import { deleteNetwork, writeNetwork } from "./network/virtual-network.ts";
import type { Work } from "./operations.ts";
import { deleteGroup } from "./resources/resource-group.ts";
import { createAccount } from "./storage/storage-account.ts";

/** What each kind of operation does. Kinds stand in the saved state: never rename one. */
export const works: Readonly<Record<string, Work>> = {
  "account.create": createAccount,
  "disk.begin-access": openAccess,
  "disk.create": createDisk,
  "disk.delete": deleteDisk,
  "disk.end-access": closeAccess,
  "disk.resize": resizeDisk,
  "disk.update": updateDisk,
  "extension.delete": deleteExtension,
  "extension.write": writeExtension,
  "group.delete": deleteGroup,
  "machine.delete": deleteMachine,
  "machine.start": startMachine,
  "machine.stop": stopMachine,
  "machine.write": writeMachine,
  "network.delete": deleteNetwork,
  "network.write": writeNetwork,
  "nic.delete": deleteInterface,
  "nic.write": writeInterface,
  "run-command.delete": deleteRunCommand,
  "run-command.write": runCommand,
  "snapshot.create": createSnapshot,
  "snapshot.delete": deleteSnapshot,
  "snapshot.update": updateSnapshot,
  ...publicAddressWorks,
  ...applicationSecurityGroup.works,
  ...natGateway.works,
  ...routeTable.works,
  ...securityGroup.works,
};
