import type { ArmClient } from "../../engine/azure/arm.ts";
import { checkIpAddress, ensureNetworkInterface, getNetworkInterface } from "../../engine/azure/network.ts";
import {
  type VirtualMachineSpec,
  ensureVirtualMachine,
  findVirtualMachine,
  getVirtualMachine,
  powerStateOf,
} from "../../engine/azure/virtual-machine.ts";
import { LeewardError, hasCode } from "../../engine/core/errors.ts";
import { type ArmId, type BarrierId, armId, sameArmId } from "../../engine/core/ids.ts";
import {
  type ItemRecord,
  type TargetMachine,
  lastSegment,
  sourceOf,
  targetOf,
} from "../../engine/recovery/item.ts";
import { placeOf, roleIn, targetDisk, targetNic } from "../../engine/recovery/target-names.ts";
import { copyOf } from "../../engine/recovery/test-target.ts";
import { sent } from "./target.ts";
import { type Implementations, armFor, itemOf } from "./tools.ts";

export const vmActivities = {
  async createNic({ machine, test, nic: at }, { services }) {
    const item = await itemOf(services, machine);
    const arm = armFor(services, { test });
    const target = copyOf(item, { test });
    const nic = sourceOf(item).nics[at];
    if (!nic) throw new LeewardError("NotFound", `machine ${machine} has no network interface ${at}`);
    const { subnet, networkSecurityGroup, applicationSecurityGroups, address: wanted } = placeOf(target, nic);
    const id = targetNic(target, nic.name);
    // Where a failover would go, a test must not take the address that it will want.
    const intrudes = test && sameArmId(networkOf(subnet), targetOf(item).network);
    const kept = intrudes ? undefined : (wanted ?? nic.privateAddress);
    const address = await keepableAddress(arm, networkOf(subnet), id, kept);
    return sent(
      await ensureNetworkInterface(arm, {
        id,
        location: target.region,
        subnet,
        ...(address && { address }),
        ...(networkSecurityGroup && { networkSecurityGroup }),
        ...(applicationSecurityGroups && { applicationSecurityGroups }),
        enableAcceleratedNetworking: nic.acceleratedNetworking,
        owner: { machine, role: roleIn(target, "nic") },
      }),
    );
  },

  async createVm({ machine, test, point }, { services }) {
    const item = await itemOf(services, machine);
    const arm = armFor(services, { test });
    const spec = vmSpec(item, copyOf(item, { test }), point);
    await checkBuiltFrom(arm, spec, point);
    return sent(await ensureVirtualMachine(arm, spec));
  },

  async observeVm({ machine, test }, { services }) {
    const target = copyOf(await itemOf(services, machine), { test });
    const vm = await getVirtualMachine(armFor(services, { test }), target.vm);
    return { running: powerStateOf(vm) === "running" };
  },
} satisfies Partial<Implementations>;

const networkOf = (subnet: ArmId): ArmId =>
  armId(subnet.slice(0, subnet.toLowerCase().lastIndexOf("/subnets/")));

/** The source's own address where the target subnet has it free; otherwise the subnet gives one. */
async function keepableAddress(
  arm: ArmClient,
  network: ArmId,
  id: ArmId,
  privateAddress: string | undefined,
): Promise<string | undefined> {
  if (!privateAddress) return undefined;
  // A second run: what the first one decided stays.
  if (await arm.find(id)) {
    const has = (await getNetworkInterface(arm, id)).properties.ipConfigurations[0]?.properties;
    return has?.privateIPAllocationMethod === "Static" ? has.privateIPAddress : undefined;
  }
  try {
    const { available } = await checkIpAddress(arm, network, privateAddress);
    return available ? privateAddress : undefined;
  } catch (error) {
    // An address outside the network is refused with 400, which is an answer as well.
    if (hasCode(error, "ArmFailed")) return undefined;
    throw error;
  }
}

/** A failover that is tried again with another point must not pass off the VM of the first try as its own. */
async function checkBuiltFrom(arm: ArmClient, spec: VirtualMachineSpec, point: BarrierId): Promise<void> {
  const found = await findVirtualMachine(arm, spec.id);
  const has = found?.properties.storageProfile.osDisk.managedDisk?.id;
  if (!has || sameArmId(has, spec.osDisk.id)) return;
  throw new LeewardError(
    "ForeignResource",
    `${spec.id} exists and runs from ${lastSegment(has)}, which was not built from point ${point}`,
  );
}

function vmSpec(item: ItemRecord, target: TargetMachine, point: BarrierId): VirtualMachineSpec {
  const source = sourceOf(item);
  const disks = source.disks.map((disk) => ({ ...disk, id: targetDisk(target, disk.name, point) }));
  const [osDisk] = disks.flatMap(({ id, caching, osType }) => (osType ? [{ id, caching, osType }] : []));
  if (!osDisk) throw new LeewardError("NotFound", `machine ${item.machine} has no OS disk`);
  return {
    id: target.vm,
    location: target.region,
    size: source.vmSize,
    osDisk,
    dataDisks: disks.flatMap(({ id, caching, lun }) => (lun === undefined ? [] : [{ id, caching, lun }])),
    networkInterfaces: source.nics.map(({ name }) => targetNic(target, name)),
    availabilitySet: target.availabilitySet,
    tags: source.tags,
    plan: source.plan,
    licenseType: source.licenseType,
    securityProfile: source.securityProfile,
    owner: { machine: item.machine, role: roleIn(target, "vm") },
  };
}
