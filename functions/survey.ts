import { getDisk } from "../engine/azure/disk.ts";
import { listLocks } from "../engine/azure/lock.ts";
import { type NetworkInterface, getNetworkInterface, getVirtualNetwork } from "../engine/azure/network.ts";
import { registrationOf } from "../engine/azure/provider.ts";
import { findResourceGroup } from "../engine/azure/resource-group.ts";
import { countRoleAssignments } from "../engine/azure/role-assignment.ts";
import { whyNameTaken } from "../engine/azure/storage-account.ts";
import { listUsages } from "../engine/azure/usage.ts";
import { type VirtualMachine, findVirtualMachine } from "../engine/azure/virtual-machine.ts";
import { listVmExtensions } from "../engine/azure/vm-extension.ts";
import { LeewardError, hasCode } from "../engine/core/errors.ts";
import { type ArmId, armId, sameArmId } from "../engine/core/ids.ts";
import type { CaptureProvider } from "../engine/recovery/capture-provider.ts";
import { lastSegment } from "../engine/recovery/item.ts";
import type { ProtectionRequest } from "../engine/recovery/protection-request.ts";
import type { Survey, SurveyedDisk, SurveyedTarget } from "../engine/eligibility/survey.ts";
import { cacheAccount, replicaAccount } from "../engine/recovery/target-names.ts";
import { defaultCapture } from "./default-policy.ts";
import type { Services } from "./services.ts";
import { readPlacements } from "./survey-placement.ts";

/** What is known of how a machine is, or would be, protected. */
export interface Intent {
  readonly vmId: ArmId;
  /** As far as it was said. */
  readonly request?: Partial<
    Pick<
      ProtectionRequest,
      | "resourceGroup"
      | "network"
      | "cacheAccount"
      | "replicaAccount"
      | "cacheSku"
      | "replicaSku"
      | "disks"
      | "diskKinds"
      | "size"
      | "zone"
      | "proximityPlacementGroup"
      | "capacityReservationGroup"
      | "scaleSet"
      | "bootDiagnosticsAccount"
    >
  >;
  readonly warm: boolean;
  /** What this app does by itself when absent. */
  readonly capture?: CaptureProvider | undefined;
}

type SurveyServices = Pick<Services, "arm" | "settings" | "offerOf">;
type Reads = ReturnType<typeof tolerant>;

/**
 * Reads a machine and where it would come up; changes nothing. What the app may not read is named in the survey.
 * @throws NotFound when there is no such machine; ArmUnavailable
 */
export async function survey(services: SurveyServices, intent: Intent): Promise<Survey> {
  const { arm } = services;
  const { vmId } = intent;
  const found = await findVirtualMachine(arm, vmId);
  if (!found) throw new LeewardError("NotFound", `there is no virtual machine ${vmId}`);
  const machine = asWanted(found, intent);
  const reads = tolerant();
  const nicIds = machine.properties.networkProfile.networkInterfaces.map(({ id }) => id);
  const nics = (
    await Promise.all(
      nicIds.map((id) => reads.try(`the network interface ${id}`, getNetworkInterface(arm, id))),
    )
  ).filter((nic) => nic !== undefined);
  const [disks, network, extensions, locks, roleAssignments, target] = await Promise.all([
    readDisks(services, reads, machine, intent),
    readNetworks(services, reads, nics, intent),
    reads.try("its extensions", listVmExtensions(arm, vmId)),
    reads.try("locks of the machine", listLocks(arm, vmId)),
    reads.try("role assignments on the machine", countRoleAssignments(arm, vmId)),
    readTarget(services, reads, machine, intent),
  ]);
  const unmanaged = attachedTo(machine).filter(({ id }) => id === undefined);
  return {
    machine,
    disks,
    unmanaged: unmanaged.map(({ name }) => name),
    nics,
    ...network,
    extensions,
    locks,
    roleAssignments,
    target,
    capture: {
      provider: intent.capture ?? defaultCapture(services.settings),
      rollout: services.settings.agentRollout,
    },
    unread: reads.unread,
  };
}

/** It is judged by the size that its copy is to have, and a place that was chosen for the copy is none that it lacks. */
function asWanted(machine: VirtualMachine, { request = {} }: Intent): VirtualMachine {
  const { zones, properties, ...rest } = machine;
  const { proximityPlacementGroup, capacityReservation, virtualMachineScaleSet, ...bare } = properties;
  const hardwareProfile = request.size ? { vmSize: request.size } : properties.hardwareProfile;
  return {
    ...rest,
    ...(zones && !request.zone && { zones }),
    properties: {
      ...bare,
      hardwareProfile,
      ...(!request.proximityPlacementGroup && { proximityPlacementGroup }),
      ...(!request.capacityReservationGroup && { capacityReservation }),
      ...(!request.scaleSet && { virtualMachineScaleSet }),
    },
  };
}

/** What is refused is noted, and the rest goes on; what does not answer stops the survey. */
function tolerant() {
  const unread: { what: string; why: string }[] = [];
  return {
    unread,
    async try<Value>(what: string, reading: Promise<Value>): Promise<Value | undefined> {
      try {
        return await reading;
      } catch (error) {
        if (!hasCode(error, "ArmFailed")) throw error;
        unread.push({ what, why: error instanceof Error ? error.message : "" });
        return undefined;
      }
    },
  };
}

function attachedTo({ properties }: VirtualMachine) {
  const { osDisk, dataDisks } = properties.storageProfile;
  return [osDisk, ...dataDisks].map((one, at) => ({
    id: one.managedDisk?.id,
    name: one.name ?? (at === 0 ? "the OS disk" : `data disk ${at}`),
    os: at === 0,
    caching: one.caching,
    accelerated: one.writeAcceleratorEnabled === true,
  }));
}

async function readDisks(
  { arm }: SurveyServices,
  reads: Reads,
  machine: VirtualMachine,
  { request }: Intent,
): Promise<SurveyedDisk[]> {
  const wanted = request?.disks;
  const chosen = attachedTo(machine).flatMap(({ id, ...rest }) =>
    id !== undefined && (!wanted || wanted.some((one) => sameArmId(one, id))) ? [{ id, ...rest }] : [],
  );
  const found = await Promise.all(
    chosen.map(async ({ id, os, caching, accelerated }) => {
      const disk = await reads.try(`the disk ${id}`, getDisk(arm, id));
      const name = request?.diskKinds?.find((kind) => sameArmId(kind.disk, id))?.sku;
      return disk && { disk: name ? { ...disk, sku: { name } } : disk, os, caching, accelerated };
    }),
  );
  return found.filter((one) => one !== undefined);
}

/** Of all networks that the machine is in; where the user names the target's, it is what he made it. */
async function readNetworks(
  { arm }: SurveyServices,
  reads: Reads,
  nics: readonly NetworkInterface[],
  { request }: Intent,
): Promise<Pick<Survey, "routed" | "gated">> {
  const ids = new Map<string, ArmId>();
  for (const { properties } of nics)
    for (const { subnet } of properties.ipConfigurations.map((one) => one.properties)) {
      const at = subnet?.id.toLowerCase().lastIndexOf("/subnets/") ?? -1;
      if (subnet && at >= 0) ids.set(subnet.id.slice(0, at).toLowerCase(), armId(subnet.id.slice(0, at)));
    }
  if (request?.network) return { routed: [], gated: [] };
  const networks = await Promise.all(
    [...ids.values()].map((id) => reads.try(`the network ${id}`, getVirtualNetwork(arm, id))),
  );
  const subnets = networks.flatMap((network) => network?.properties.subnets ?? []);
  const named = (has: "routeTable" | "natGateway") =>
    subnets.filter(({ properties }) => properties[has]).map(({ name }) => name);
  return { routed: named("routeTable"), gated: named("natGateway") };
}

const PROVIDERS = ["Microsoft.Compute", "Microsoft.Network", "Microsoft.Storage"];

async function readTarget(
  services: SurveyServices,
  reads: Reads,
  machine: VirtualMachine,
  intent: Intent,
): Promise<SurveyedTarget> {
  const { arm, settings } = services;
  const { region, subscription } = settings;
  const group = intent.request?.resourceGroup;
  const usages = (provider: "Microsoft.Compute" | "Microsoft.Network") =>
    reads.try(`quotas of ${provider} in ${region}`, listUsages(arm, subscription, provider, region));
  const [offer, compute, network, unregistered, taken, placements, locks] = await Promise.all([
    reads.try(`what ${region} offers`, services.offerOf(subscription, region)),
    usages("Microsoft.Compute"),
    usages("Microsoft.Network"),
    readProviders(services, reads),
    readNames(services, reads, machine, intent),
    readPlacements(services, (what, work) => reads.try(what, work), intent.request),
    group && reads.try("locks of the target group", locksOf(services, group)),
  ]);
  const found = { region, offer, compute, network, unregistered, taken, placements };
  return { ...found, zone: intent.request?.zone, locks: locks || undefined };
}

const locksOf = async ({ arm }: SurveyServices, group: ArmId) =>
  (await findResourceGroup(arm, group)) ? listLocks(arm, group) : [];

async function readProviders({ arm, settings }: SurveyServices, reads: Reads): Promise<string[]> {
  const states = await Promise.all(
    PROVIDERS.map(async (name) => {
      const state = await reads.try(
        `registration of ${name}`,
        registrationOf(arm, settings.subscription, name),
      );
      return state === undefined || state === "Registered" ? [] : [`${name} is ${state}`];
    }),
  );
  return states.flat();
}

/** Of the accounts that enablement would make: one that is there is used when it is Leeward's, and refused otherwise then. */
async function readNames(
  { arm, settings }: SurveyServices,
  reads: Reads,
  { location }: VirtualMachine,
  { vmId, request, warm }: Intent,
): Promise<string[]> {
  const { subscription, region } = settings;
  const wanted = [
    ...(request?.cacheAccount ? [] : [cacheAccount(vmId, location, request?.cacheSku)]),
    ...(warm && request?.resourceGroup && !request.replicaAccount
      ? [replicaAccount(request.resourceGroup, region, request.replicaSku)]
      : []),
  ];
  const found = await Promise.all(
    wanted.map(async (id) => {
      const name = lastSegment(id);
      const why = await reads.try(`whether the name ${name} is free`, whyTaken(id, name));
      return why === undefined ? [] : [`${name}: ${why}`];
    }),
  );
  return found.flat();

  async function whyTaken(id: ArmId, name: string): Promise<string | undefined> {
    return (await arm.find(id)) === undefined ? whyNameTaken(arm, subscription, name) : undefined;
  }
}
