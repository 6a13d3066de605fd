import type { ArmClient } from "../../engine/azure/arm.ts";
import { remove } from "../../engine/azure/resource.ts";
import {
  type VirtualMachine,
  type VirtualMachineSpec,
  ensureVirtualMachine,
  findVirtualMachine,
  getVirtualMachine,
  powerStateOf,
} from "../../engine/azure/virtual-machine.ts";
import { LeewardError, hasCode } from "../../engine/core/errors.ts";
import { type BarrierId, sameArmId } from "../../engine/core/ids.ts";
import { copyDisks } from "../../engine/recovery/disk-set.ts";
import { sizeOf } from "../../engine/recovery/build-choice.ts";
import { type ItemRecord, type TargetMachine, lastSegment, sourceOf } from "../../engine/recovery/item.ts";
import { roleIn, targetDisk, targetNic } from "../../engine/recovery/target-names.ts";
import { copyOf } from "../../engine/recovery/test-target.ts";
import type { AtPoint } from "../../orchestrations/contract.ts";
import type { Services } from "../services.ts";
import { note } from "./failover-note.ts";
import { sent } from "./target.ts";
import { type Implementations, armFor, itemOf } from "./tools.ts";

export const vmActivities = {
  async clearVm(at, { services }) {
    const arm = armFor(services, at);
    const spec = await specOf(services, at);
    const found = await findVirtualMachine(arm, spec.id);
    if (!found || isBuiltAs(found, spec)) return {};
    return sent(await remove(arm, spec.id, spec.owner));
  },

  async createVm({ machine, test, point }, { services }) {
    const arm = armFor(services, { test });
    const spec = await specOf(services, { machine, test, point });
    await checkBuiltFrom(arm, spec, point);
    try {
      return sent(await ensureVirtualMachine(arm, spec));
    } catch (error) {
      const { users = [] } = spec.identity ?? {};
      if (users.length === 0 || !isForbidden(error)) throw error;
      const names = users.map(lastSegment).join(", ");
      await note(services, { machine }, `the app may not assign ${names}: the machine was built without`);
      return sent(await ensureVirtualMachine(arm, { ...spec, identity: { system: true, users: [] } }));
    }
  },

  async observeVm({ machine, test }, { services }) {
    const target = copyOf(await itemOf(services, machine), { test });
    const vm = await getVirtualMachine(armFor(services, { test }), target.vm);
    return { running: powerStateOf(vm) === "running" };
  },
} satisfies Partial<Implementations>;

/** What the body links to needs rights of its own. */
const isForbidden = (error: unknown): boolean =>
  error instanceof LeewardError &&
  hasCode(error, "ArmFailed") &&
  error.message.includes("LinkedAuthorizationFailed");

/** Disks and size are what two tries of a failover may differ in. */
const isBuiltAs = ({ properties }: VirtualMachine, { osDisk, size }: VirtualMachineSpec): boolean =>
  sameArmId(properties.storageProfile.osDisk.managedDisk?.id ?? "", osDisk.id) &&
  properties.hardwareProfile.vmSize.toLowerCase() === size.toLowerCase();

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

async function specOf(services: Services, { machine, test, point }: AtPoint): Promise<VirtualMachineSpec> {
  const item = await itemOf(services, machine);
  return vmSpec(item, copyOf(item, { test }), point);
}

function vmSpec(item: ItemRecord, target: TargetMachine, point: BarrierId): VirtualMachineSpec {
  const source = sourceOf(item);
  const set = copyDisks(item, { test: target.purpose && true });
  const disks = set.map((disk) => ({ ...disk, id: targetDisk(target, disk.name, point) }));
  const [osDisk] = disks.flatMap(({ id, caching, osType }) => (osType ? [{ id, caching, osType }] : []));
  if (!osDisk) throw new LeewardError("NotFound", `machine ${item.machine} has no OS disk`);
  return {
    id: target.vm,
    location: target.region,
    size: sizeOf(item, { test: target.purpose && true }),
    osDisk,
    dataDisks: disks.flatMap(({ id, caching, lun }) => (lun === undefined ? [] : [{ id, caching, lun }])),
    diskController: source.diskController,
    ultraDisks: source.ultraDisks,
    networkInterfaces: source.nics.map(({ name }) => targetNic(target, name)),
    availabilitySet: target.availabilitySet,
    zone: target.zone,
    proximityPlacementGroup: target.proximityPlacementGroup,
    scaleSet: target.scaleSet,
    capacityReservationGroup: target.capacityReservationGroup,
    bootDiagnosticsUri: target.bootDiagnosticsUri,
    tags: source.tags,
    plan: source.plan,
    licenseType: source.licenseType,
    securityProfile: source.securityProfile,
    // One of its own, since the way back begins with an agent that is known by it. A test must not act as the source does.
    identity: target.purpose ? undefined : { system: true, users: source.identities ?? [] },
    owner: { machine: item.machine, role: roleIn(target, "vm") },
  };
}
