import { getAvailabilitySet } from "../engine/azure/availability-set.ts";
import { type NetworkInterface, getNetworkInterface, getVirtualNetwork } from "../engine/azure/network.ts";
import { type VirtualMachine, findVirtualMachine } from "../engine/azure/virtual-machine.ts";
import { type ArmId, armId, sameArmId } from "../engine/core/ids.ts";
import { MOST_DISKS, diskIndex } from "../engine/core/units.ts";
import {
  type ItemRecord,
  type SourceDisk,
  type SourceMachine,
  lastSegment,
} from "../engine/recovery/item.ts";
import type { SourceNic, SourceAddress } from "../engine/recovery/source-nic.ts";
import type { Services } from "./services.ts";
import { attachedTo, sourceDisk, unsuitable } from "./source-disk.ts";

/** Reads all that a failover will need of the source. @throws SourceUnsuitable saying what cannot be protected, and why. */
export async function readSource(
  { arm, settings }: Pick<Services, "arm" | "settings">,
  item: Pick<ItemRecord, "vmId" | "request" | "policy">,
): Promise<SourceMachine> {
  const vm = await findVirtualMachine(arm, item.vmId);
  if (!vm) throw unsuitable(`there is no virtual machine ${item.vmId}`);
  if (vm.location.toLowerCase() === settings.region)
    throw unsuitable(`${item.vmId} is in ${vm.location}, which is the target region itself`);
  const principal = vm.identity?.principalId;
  if (!principal && item.policy.capture === "nbd")
    throw unsuitable(`${item.vmId} has no system-assigned identity, by which its agent is known`);
  const nics = await Promise.all(interfacesOf(vm).map(async ({ id }) => getNetworkInterface(arm, id)));
  const subnets = nics.map((nic) =>
    subnetOf(nic.properties.ipConfigurations[0]?.properties.subnet?.id, nic.id),
  );
  const [primary] = subnets;
  if (!primary) throw unsuitable(`${item.vmId} has no network interface`);
  const set =
    vm.properties.availabilitySet && (await getAvailabilitySet(arm, vm.properties.availabilitySet.id));
  const network = await getVirtualNetwork(arm, primary.network);
  return {
    region: vm.location,
    vmSize: vm.properties.hardwareProfile.vmSize,
    ...(vm.zones?.[0] !== undefined && { zone: vm.zones[0] }),
    tags: foreignTags(vm.tags),
    // No token is of nobody: a machine without an agent is known by none.
    principal: principal ?? "",
    plan: vm.plan,
    licenseType: vm.properties.licenseType,
    securityProfile: vm.properties.securityProfile,
    ...traitsOf(vm),
    ...(set && {
      availabilitySet: {
        id: set.id,
        name: set.name,
        faultDomains: set.properties.platformFaultDomainCount,
        updateDomains: set.properties.platformUpdateDomainCount,
      },
    }),
    network: {
      name: network.name,
      addressPrefixes: network.properties.addressSpace.addressPrefixes,
      subnets: network.properties.subnets.map(({ name, properties }) => ({
        name,
        addressPrefix: properties.addressPrefix ?? properties.addressPrefixes?.[0] ?? "",
      })),
    },
    nics: nics.map((nic, at): SourceNic => {
      const ip = nic.properties.ipConfigurations[0]?.properties;
      const rules = nic.properties.networkSecurityGroup;
      const groups = ip?.applicationSecurityGroups ?? [];
      return {
        name: nic.name,
        id: nic.id,
        primary: at === 0,
        privateAddress: ip?.privateIPAddress,
        subnet: subnets[at]?.subnet ?? primary.subnet,
        network: subnets[at]?.network ?? primary.network,
        ...(rules && { networkSecurityGroup: armId(rules.id) }),
        ...(groups.length > 0 && { applicationSecurityGroups: groups.map(({ id }) => armId(id)) }),
        acceleratedNetworking: nic.properties.enableAcceleratedNetworking,
        addresses: addressesOf(nic),
        ipForwarding: nic.properties.enableIPForwarding,
        dnsServers: nic.properties.dnsSettings?.dnsServers ?? [],
      };
    }),
    disks: await readDisks({ arm }, item, vm),
  };
}

/** The primary one first, wherever it stands. */
const interfacesOf = ({ properties: { networkProfile } }: VirtualMachine) =>
  networkProfile.networkInterfaces.toSorted(
    (a, b) => Number(b.properties?.primary ?? false) - Number(a.properties?.primary ?? false),
  );

function traitsOf({ properties, identity }: VirtualMachine) {
  const { storageProfile, additionalCapabilities } = properties;
  return {
    diskController: storageProfile.diskControllerType ?? undefined,
    ultraDisks: additionalCapabilities?.ultraSSDEnabled === true,
    identities: Object.keys(identity?.userAssignedIdentities ?? {}).map(armId),
    guestAgent: properties.instanceView?.vmAgent?.statuses.some(
      ({ displayStatus }) => displayStatus === "Ready",
    ),
  };
}

/** The primary one first; Azure keeps the order of the others. */
const addressesOf = ({ properties }: NetworkInterface): SourceAddress[] =>
  properties.ipConfigurations
    .map(({ name, properties: ip }) => ({
      name,
      primary: ip.primary || properties.ipConfigurations.length === 1,
      version: ip.privateIPAddressVersion,
      address: ip.privateIPAddress,
      fixed: ip.privateIPAllocationMethod === "Static",
    }))
    .toSorted((a, b) => Number(b.primary) - Number(a.primary));

/** A VM that was itself built by a failover carries our tags; its next copy gets its own. */
const foreignTags = (tags: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(tags).filter(([name]) => !name.startsWith("leeward-")));

function subnetOf(id: string | undefined, nic: string): { network: ArmId; subnet: string } {
  const at = id?.toLowerCase().lastIndexOf("/subnets/") ?? -1;
  if (!id || at < 0) throw unsuitable(`the network interface ${nic} is in no subnet`);
  return { network: armId(id.slice(0, at)), subnet: lastSegment(id) };
}

/** The OS disk first, then the data disks by LUN: their order is the order of disk indexes. */
async function readDisks(
  { arm }: Pick<Services, "arm">,
  item: Pick<ItemRecord, "vmId" | "request" | "policy">,
  vm: VirtualMachine,
): Promise<SourceDisk[]> {
  const attached = attachedTo(vm);
  const wanted = item.request.disks;
  const missing = wanted?.find((id) => !attached.some((disk) => sameArmId(disk.id, id)));
  if (missing) throw unsuitable(`${missing} is not attached to ${item.vmId}`);
  if (wanted && !wanted.some((id) => sameArmId(id, attached[0]?.id ?? "")))
    throw unsuitable(`the OS disk of ${item.vmId} must be among the protected disks`);
  const chosen = attached.filter((disk) => !wanted || wanted.some((id) => sameArmId(id, disk.id)));
  if (chosen.length > MOST_DISKS)
    throw unsuitable(
      `${item.vmId} has ${chosen.length} disks, and ${MOST_DISKS} can be protected: name those (vmManagedDisks)`,
    );
  return Promise.all(chosen.map((disk, index) => sourceDisk({ arm }, disk, diskIndex(index))));
}
