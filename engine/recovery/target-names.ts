import { createHash } from "node:crypto";
import { type ArmId, type BarrierId, armId, groupOf, sameArmId } from "../core/ids.ts";
import {
  type ItemRecord,
  type SourceMachine,
  type TargetMachine,
  type TargetNic,
  lastSegment,
} from "./item.ts";
import { ACCOUNT_SKU } from "./protection-request.ts";
import { type SourceAddress, type SourceNic, addressesOf } from "./source-nic.ts";

/**
 * Names of everything that Leeward makes for a machine: fixed by the request, so that a second run finds what the first
 * one made.
 */
export function targetOfRequest(
  { request, vmId, policy }: Pick<ItemRecord, "request" | "vmId" | "policy">,
  source: SourceMachine,
  region: string,
): TargetMachine {
  const group = request.resourceGroup;
  const availabilitySet =
    request.availabilitySet ??
    (source.availabilitySet &&
      !request.zone &&
      !request.scaleSet &&
      !request.capacityReservationGroup &&
      compute(group, "availabilitySets", `${source.availabilitySet.name}-recovery`));
  const network =
    request.network ?? inGroup(group, "Microsoft.Network/virtualNetworks", `${source.network.name}-recovery`);
  const subnet = request.subnet && lastSegment(request.subnet);
  return {
    region,
    resourceGroup: group,
    network,
    ...(subnet && { subnet }),
    ...(availabilitySet && { availabilitySet }),
    ...(request.zone && { zone: request.zone }),
    ...(request.scaleSet && { scaleSet: request.scaleSet }),
    ...(request.capacityReservationGroup && { capacityReservationGroup: request.capacityReservationGroup }),
    ...(request.proximityPlacementGroup && { proximityPlacementGroup: request.proximityPlacementGroup }),
    ...(request.size && { size: request.size }),
    ...(request.diskKinds && { disks: kindsOf(source, request.diskKinds) }),
    vm: compute(group, "virtualMachines", request.vmName ?? lastSegment(vmId)),
    cache: {
      id: request.cacheAccount ?? cacheAccount(vmId, source.region, request.cacheSku),
    },
    ...(policy.replica === "warm" && {
      replica: { id: request.replicaAccount ?? replicaAccount(group, region, request.replicaSku) },
    }),
  };
}

/** Of the disks that are protected. */
const kindsOf = (
  { disks }: SourceMachine,
  kinds: NonNullable<ItemRecord["request"]["diskKinds"]>,
): TargetMachine["disks"] =>
  disks.flatMap(({ index, id }) => {
    const kind = kinds.find(({ disk }) => sameArmId(disk, id));
    return kind ? [{ index, sku: kind.sku, encryptionSet: kind.encryptionSet }] : [];
  });

export const inNetwork = (network: ArmId, subnet: string): ArmId => armId(`${network}/subnets/${subnet}`);

/** Of all machines of the VM's group in its region that want one of this kind. */
export const cacheAccount = (
  vmId: ArmId,
  region: string,
  sku: ItemRecord["request"]["cacheSku"] = ACCOUNT_SKU,
): ArmId => account(groupOf(vmId), `lwc${short(groupOf(vmId), region, ...unusual(sku))}`);

/** Of all machines that are failed over into the group and want one of this kind. */
export const replicaAccount = (
  group: ArmId,
  region: string,
  sku: ItemRecord["request"]["replicaSku"] = ACCOUNT_SKU,
): ArmId => account(group, `lwr${short(group, region, ...unusual(sku))}`);

/** An account's kind cannot be changed, so that each has a name of its own. The usual one's says nothing of it. */
const unusual = (sku: string): readonly string[] => (sku === ACCOUNT_SKU ? [] : [sku]);

/** A disk built from another point is another disk. */
export const targetDisk = (target: TargetMachine, diskName: string, point: BarrierId): ArmId =>
  compute(target.resourceGroup, "disks", `${diskName.slice(0, 60)}-${point.slice(0, 8)}${suffixOf(target)}`);

/** They have eight digits of their point in their names. */
export const sameDisks = (a: BarrierId, b: BarrierId): boolean => a.slice(0, 8) === b.slice(0, 8);

/** Where the copy of a NIC goes: as enablement planned it, or, in an older record, by its names. */
export const placeOf = (
  { network, subnet, nics }: Pick<TargetMachine, "network" | "subnet" | "nics">,
  nic: SourceNic,
): TargetNic =>
  nics?.find(({ name }) => name === nic.name) ?? {
    name: nic.name,
    subnet: inNetwork(network, nic.primary && subnet ? subnet : nic.subnet),
  };

/** What it asks its subnet for: the source's own, or what the user wants in place of the primary one. */
export const wantedAddresses = (nic: SourceNic, place: TargetNic): SourceAddress[] =>
  addressesOf(nic).map((one) => (one.primary && place.address ? { ...one, address: place.address } : one));

/** Where the size of the copy allows it. */
export const accelerates = (nic: SourceNic, place: TargetNic): boolean =>
  place.acceleratedNetworking ?? nic.acceleratedNetworking;

export const networkOf = (subnet: ArmId): ArmId =>
  armId(subnet.slice(0, subnet.toLowerCase().lastIndexOf("/subnets/")));

/** Of the copy of a NIC, which is called by its name at the source. */
export function targetNic(target: TargetMachine, nicName: string): ArmId {
  const name = target.nics?.find((nic) => nic.name === nicName)?.recoveryName ?? nicName;
  return inGroup(
    target.resourceGroup,
    "Microsoft.Network/networkInterfaces",
    `${target.purpose ? name.slice(0, 75) : name}${suffixOf(target)}`,
  );
}

/** What is built for a test never has the name of what a failover builds. */
const suffixOf = ({ purpose }: TargetMachine): string => (purpose ? TEST_SUFFIX : "");

/** What the role tag of a resource of this copy of the machine says. */
export const roleIn = ({ purpose }: TargetMachine, what: "vm" | "nic" | "disk"): string =>
  `${purpose ?? "target"}-${what}`;

const TEST_SUFFIX = "-test";

/** Of the machine that is built for a test, and of its own network. Azure's limits: 64 and 80 characters. */
const testNameOf = (target: TargetMachine): string =>
  `${lastSegment(target.vm).slice(0, 64 - TEST_SUFFIX.length)}${TEST_SUFFIX}`;

export const testMachine = (target: TargetMachine): ArmId =>
  compute(target.resourceGroup, "virtualMachines", testNameOf(target));

export const testNetwork = (target: TargetMachine): ArmId =>
  inGroup(target.resourceGroup, "Microsoft.Network/virtualNetworks", testNameOf(target));

/** The security group of the test's own network. */
export const testGuard = ({ resourceGroup, vm }: Pick<TargetMachine, "resourceGroup" | "vm">): ArmId =>
  inGroup(resourceGroup, "Microsoft.Network/networkSecurityGroups", lastSegment(vm));

const compute = (group: ArmId, type: string, name: string): ArmId =>
  inGroup(group, `Microsoft.Compute/${type}`, name);

const account = (group: ArmId, name: string): ArmId =>
  inGroup(group, "Microsoft.Storage/storageAccounts", name);

const inGroup = (group: ArmId, type: string, name: string): ArmId =>
  armId(`${group}/providers/${type}/${name}`);

/** Storage account names are unique in the world and at most 24 characters long. */
const short = (...parts: readonly string[]): string =>
  createHash("sha256").update(parts.join("\n").toLowerCase()).digest("hex").slice(0, 20);
