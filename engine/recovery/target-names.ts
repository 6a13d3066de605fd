import { createHash } from "node:crypto";
import { type ArmId, type BarrierId, armId } from "../core/ids.ts";
import { type ItemRecord, type SourceMachine, type TargetMachine, lastSegment } from "./item.ts";

/**
 * Names of everything that Leeward makes for a machine: fixed by the request, so that a second run finds what the first
 * one made.
 */
export function targetOfRequest(item: ItemRecord, source: SourceMachine, region: string): TargetMachine {
  const { request, vmId } = item;
  const group = request.resourceGroup;
  const availabilitySet =
    request.availabilitySet ??
    (source.availabilitySet && compute(group, "availabilitySets", `${source.availabilitySet.name}-recovery`));
  return {
    region,
    resourceGroup: group,
    network:
      request.network ??
      inGroup(group, "Microsoft.Network/virtualNetworks", `${source.network.name}-recovery`),
    ...(request.subnet && { subnet: lastSegment(request.subnet) }),
    ...(availabilitySet && { availabilitySet }),
    vm: compute(group, "virtualMachines", lastSegment(vmId)),
    cache: {
      id: request.cacheAccount ?? cacheAccount(vmId, source.region),
    },
    ...(item.policy.replica === "warm" && {
      replica: { id: replicaAccount(group, region) },
    }),
  };
}

/** Of all machines of the VM's group in its region. */
export const cacheAccount = (vmId: ArmId, region: string): ArmId =>
  account(groupOf(vmId), `lwc${short(groupOf(vmId), region)}`);

/** Of all machines that are failed over into the group. */
export const replicaAccount = (group: ArmId, region: string): ArmId =>
  account(group, `lwr${short(group, region)}`);

/** A disk built from another point is another disk. */
export const targetDisk = (target: TargetMachine, diskName: string, point: BarrierId): ArmId =>
  compute(target.resourceGroup, "disks", `${diskName.slice(0, 60)}-${point.slice(0, 8)}`);

export const targetNic = (target: TargetMachine, nicName: string): ArmId =>
  inGroup(target.resourceGroup, "Microsoft.Network/networkInterfaces", nicName);

/** The group of any resource. */
function groupOf(id: ArmId): ArmId {
  const found = /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+/i.exec(id);
  return armId(found?.[0] ?? id);
}

const compute = (group: ArmId, type: string, name: string): ArmId =>
  inGroup(group, `Microsoft.Compute/${type}`, name);

const account = (group: ArmId, name: string): ArmId =>
  inGroup(group, "Microsoft.Storage/storageAccounts", name);

const inGroup = (group: ArmId, type: string, name: string): ArmId =>
  armId(`${group}/providers/${type}/${name}`);

/** Storage account names are unique in the world and at most 24 characters long. */
const short = (...parts: readonly string[]): string =>
  createHash("sha256").update(parts.join("\n").toLowerCase()).digest("hex").slice(0, 20);
