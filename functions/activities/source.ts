import { getAvailabilitySet } from "../../engine/azure/availability-set.ts";
import { type Disk, getDisk } from "../../engine/azure/disk.ts";
import { type NetworkInterface, getNetworkInterface, getVirtualNetwork } from "../../engine/azure/network.ts";
import { type VirtualMachine, findVirtualMachine } from "../../engine/azure/virtual-machine.ts";
import { LeewardError, hasCode } from "../../engine/core/errors.ts";
import { type ArmId, armId, sameArmId } from "../../engine/core/ids.ts";
import { MIB, MOST_DISKS, bytes, diskIndex } from "../../engine/core/units.ts";
import {
  type ItemRecord,
  type SourceAddress,
  type SourceDisk,
  type SourceMachine,
  type SourceNic,
  itemKeyOf,
  lastSegment,
} from "../../engine/recovery/item.ts";
import { shapeOf } from "../../engine/eligibility/alternatives.ts";
import { judge } from "../../engine/eligibility/verdict.ts";
import { isError } from "../../engine/recovery/findings.ts";
import { targetOfRequest } from "../../engine/recovery/target-names.ts";
import type { EnablementPlan } from "../../engine/recovery/enablement-plan.ts";
import {
  type NetworkMapping,
  mappingKey,
  wayBack,
  withMapping,
} from "../../engine/recovery/network-mapping.ts";
import type { PlanRecord } from "../../engine/recovery/plan-record.ts";
import { planFor } from "../enablement-plan.ts";
import type { Services } from "../services.ts";
import { survey } from "../survey.ts";
import { type Implementations, itemOf } from "./tools.ts";

export const sourceActivities = {
  async checkSource({ machine }, { services }) {
    const item = await itemOf(services, machine);
    const { source, target, networks, securityGroups, applicationGroups } = await settlePlan(services, item);
    return {
      capture: item.policy.capture,
      warm: item.policy.replica === "warm",
      availabilitySet: target.availabilitySet !== undefined,
      disks: source.disks.length,
      bytes: bytes(source.disks.reduce((sum, disk) => sum + disk.size, 0)),
      networks: networks.length,
      securityGroups: securityGroups.length,
      applicationGroups: applicationGroups.length,
    };
  },
} satisfies Partial<Implementations>;

/** Reads the source, decides, and writes down what was decided: the steps that follow carry it out. @throws SourceUnsuitable */
async function settlePlan(services: Services, item: ItemRecord) {
  const read = await readSource(services, item);
  const source = { ...read, shape: await shapeIn(services, read.vmSize) };
  if (sameArmId(targetOfRequest(item, source, services.settings.region).vm, item.vmId))
    throw unsuitable(`${item.vmId} cannot be built again in its own resource group: name another one`);
  await refuseIneligible(services, item);
  const plan = await settled(services, item, source);
  const { machine } = item;
  const { target, resources, networks, securityGroups, applicationGroups } = plan;
  const record = { format: 1, machine, resources, networks, securityGroups, applicationGroups } as const;
  await services.records.plans.upsert(machine, () => record);
  await services.records.items.update(itemKeyOf(machine), (old) => ({ ...old, source, target }));
  return { source, target, ...record };
}

/** Two enablements may come to one network at the same time: the first row decides for both. */
async function settled(services: Services, item: ItemRecord, source: SourceMachine): Promise<EnablementPlan> {
  for (;;) {
    const plan = await planFor(services, item, source);
    if (plan.problems.length > 0)
      throw unsuitable(`${item.vmId} cannot be protected: ${plan.problems.join("; ")}`);
    const lost = await Promise.all(plan.mappings.map(async (row) => wasFirst(services, row)));
    if (!lost.includes(false)) return plan;
  }
}

async function wasFirst({ records }: Services, row: NetworkMapping): Promise<boolean> {
  const kept = await records.mappings.upsert(mappingKey(row.source), (old) => withMapping(old, row));
  const back = wayBack(row);
  if (kept === row) await records.mappings.upsert(mappingKey(back.source), (old) => withMapping(old, back));
  return kept === row;
}

/** As it was settled; an enablement that an older version began has none yet. */
export async function planOf(services: Services, item: ItemRecord): Promise<PlanRecord> {
  return (await services.records.plans.get(item.machine))?.value ?? settlePlan(services, item);
}

/** The verdict of before may be old, and nobody need have asked for it. @throws SourceUnsuitable with every error */
async function refuseIneligible(services: Services, { vmId, request, policy }: ItemRecord): Promise<void> {
  const found = judge(await survey(services, { vmId, request, warm: policy.replica === "warm" }));
  const said = found.filter(isError).map(({ code, message }) => `${code}: ${message}`);
  if (said.length > 0) throw unsuitable(`${vmId} cannot be protected: ${said.join("; ")}`);
}

/** What the size is like, as long as the target region knows it. A size is the same in every region. */
async function shapeIn({ offerOf, settings }: Services, size: string): Promise<SourceMachine["shape"]> {
  try {
    const offer = await offerOf(settings.subscription, settings.region);
    const found = offer.sizes.get(size.toLowerCase());
    return found && shapeOf(found);
  } catch (error) {
    // Only used to tell which other sizes are like it.
    if (hasCode(error, "ArmFailed") || hasCode(error, "ArmUnavailable")) return undefined;
    throw error;
  }
}

const unsuitable = (message: string) => new LeewardError("SourceUnsuitable", message);

/** Reads all that a failover will need of the source. @throws SourceUnsuitable saying what cannot be protected, and why. */
async function readSource(
  { arm, settings }: Pick<Services, "arm" | "settings">,
  item: Pick<ItemRecord, "vmId" | "request">,
): Promise<SourceMachine> {
  const vm = await findVirtualMachine(arm, item.vmId);
  if (!vm) throw unsuitable(`there is no virtual machine ${item.vmId}`);
  if (vm.location.toLowerCase() === settings.region)
    throw unsuitable(`${item.vmId} is in ${vm.location}, which is the target region itself`);
  const principal = vm.identity?.principalId;
  if (!principal)
    throw unsuitable(`${item.vmId} has no system-assigned identity, by which its agent is known`);
  const nics = await Promise.all(
    vm.properties.networkProfile.networkInterfaces.map(async ({ id }) => getNetworkInterface(arm, id)),
  );
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
    tags: foreignTags(vm.tags),
    principal,
    plan: vm.plan,
    licenseType: vm.properties.licenseType,
    securityProfile: vm.properties.securityProfile,
    ...traitsOf(vm),
    ...(set && {
      availabilitySet: {
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
  item: Pick<ItemRecord, "vmId" | "request">,
  vm: VirtualMachine,
): Promise<SourceDisk[]> {
  const { osDisk, dataDisks } = vm.properties.storageProfile;
  const attached = [osDisk, ...dataDisks.toSorted((a, b) => a.lun - b.lun)].map((disk) => {
    if (!disk.managedDisk)
      throw unsuitable(`${item.vmId} has a disk that is not a managed one: ${disk.name}`);
    return { ...disk, id: disk.managedDisk.id };
  });
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
  return Promise.all(
    chosen.map(async (disk, index): Promise<SourceDisk> => {
      const found = await getDisk(arm, disk.id);
      checkSize(found);
      return {
        index: diskIndex(index),
        id: disk.id,
        name: found.name,
        size: found.properties.diskSizeBytes,
        sku: found.sku?.name ?? "Standard_LRS",
        caching: disk.caching,
        hyperVGeneration: found.properties.hyperVGeneration,
        securityType: found.properties.securityProfile?.securityType ?? undefined,
        architecture: found.properties.supportedCapabilities?.architecture ?? undefined,
        controllers: found.properties.supportedCapabilities?.diskControllerTypes ?? undefined,
        purchasePlan: found.properties.purchasePlan ?? undefined,
        ...("lun" in disk
          ? { lun: disk.lun }
          : { osType: disk.osType ?? found.properties.osType ?? "Linux" }),
      };
    }),
  );
}

function checkSize({ id, properties }: Disk): void {
  const size = properties.diskSizeBytes;
  if (size === 0 || size % MIB !== 0)
    throw unsuitable(`${id} has ${size} bytes, which is no whole number of MiB`);
  if (size > 8 * 1024 ** 4) throw unsuitable(`${id} is larger than 8 TiB`);
}
