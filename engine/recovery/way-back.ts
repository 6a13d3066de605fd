import { type ArmId, armId, groupOf, sameArmId } from "../core/ids.ts";
import { isOwned } from "../core/owner.ts";
import { sizeOf } from "./build-choice.ts";
import type { There } from "./copy-name.ts";
import {
  type ItemRecord,
  type SourceMachine,
  type TargetMachine,
  type TargetNic,
  lastSegment,
  sourceOf,
  targetOf,
} from "./item.ts";
import type { SourceNic } from "./source-nic.ts";
import type { ProtectionRequest } from "./protection-request.ts";
import { type NetworkMapping, mappedSubnet, rowsOfReversal } from "./network-mapping.ts";
import { inNetwork, placeOf, targetNic, targetOfRequest } from "./target-names.ts";

export interface WayBackFacts {
  /** As the side has it that the machine was failed over to: `source` is where it came from, `target` where it runs. */
  readonly given: ItemRecord;
  /** As it runs now. */
  readonly now: SourceMachine;
  /** The region that it came from. */
  readonly region: string;
  /** The row of a network that it runs in; where there is none, it goes to where it came from. */
  readonly mapping: (network: ArmId) => NetworkMapping | undefined;
  /** Of the region that it came from. */
  readonly there: There;
}

export interface WayBack {
  readonly request: ProtectionRequest;
  readonly target: TargetMachine;
  /** What it will have otherwise than before, and why. */
  readonly changes: readonly string[];
  /** Why it has nowhere to go. */
  readonly problems: readonly string[];
}

/**
 * Where a machine that was failed over is built when it goes back: its own group, networks, subnets, rules, set or zone,
 * size and kinds of disks, and its own names as far as nobody has them. The networks are those of the mapping of this
 * direction, which is the first one turned round unless somebody has changed it. What was changed on purpose since the
 * failover (size, kind of a disk, subnet) is kept.
 */
export function planWayBack(facts: WayBackFacts): WayBack {
  const { given, now, region, there } = facts;
  const group = groupFor(given);
  const { asked } = given.reversal ?? {};
  const changes: string[] = [];
  const name = freeName(facts, "Microsoft.Compute/virtualMachines", "target-vm", lastSegment(given.vmId), 64);
  const set = setOf(facts, changes);
  const kinds = kindsOf(facts);
  const size = ownSize(facts);
  const request: ProtectionRequest = {
    resourceGroup: group,
    vmName: name,
    ...(set && { availabilitySet: set }),
    ...zoneOf(given, set),
    ...(asked?.proximityPlacementGroup && { proximityPlacementGroup: asked.proximityPlacementGroup }),
    ...(asked?.capacityReservationGroup && { capacityReservationGroup: asked.capacityReservationGroup }),
    ...(asked?.scaleSet && { scaleSet: asked.scaleSet }),
    ...(size && { size }),
    ...(kinds.length > 0 && { diskKinds: kinds }),
    ...(given.request.freeze && { freeze: given.request.freeze }),
    ...(given.request.disks && { disks: now.disks.map(({ id }) => id) }),
  };
  const nics = now.nics.map((nic) => placed(facts, nic));
  const { availabilitySet: _, ...bare } = now;
  const base = targetOfRequest({ request, vmId: targetOf(given).vm, policy: given.policy }, bare, region);
  const [primary] = nics;
  const target: TargetMachine = { ...base, ...(primary && { network: networkOf(primary.subnet) }), nics };
  const renamed = [
    [lastSegment(given.vmId), name] as const,
    ...now.nics.map((nic, at) => {
      const own = homeOf(given, nic)?.name ?? nic.name;
      return [own, nics[at]?.recoveryName ?? nic.name] as const;
    }),
  ].filter(([own, called]) => own !== called);
  return {
    request,
    target,
    changes: [
      ...changes,
      ...renamed.map(([own, called]) => `${own} is still there, so the copy is called ${called}`),
    ],
    problems: [
      ...(there(group) ? [] : [`the resource group ${group} is gone`]),
      ...new Set(nics.flatMap((nic) => lackingFor(nic, there, region))),
    ],
  };
}

/** Its own, unless another one was named. */
const groupFor = ({ reversal, vmId }: ItemRecord): ArmId => reversal?.asked?.resourceGroup ?? groupOf(vmId);

/** Never together with a set. */
function zoneOf(given: ItemRecord, set: ArmId | undefined): { readonly zone?: string } {
  const { asked } = given.reversal ?? {};
  const own = asked?.scaleSet ? undefined : sourceOf(given).zone;
  const zone = asked?.zone ?? (set ? undefined : own);
  return zone ? { zone } : {};
}

/** The NIC that it was before the failover. */
function homeOf(given: ItemRecord, { name }: SourceNic): SourceNic | undefined {
  const target = targetOf(given);
  const called = name.toLowerCase();
  return sourceOf(given).nics.find(
    (nic) => lastSegment(targetNic(target, nic.name)).toLowerCase() === called,
  );
}

function placed(facts: WayBackFacts, nic: SourceNic): TargetNic {
  const { given } = facts;
  const home = homeOf(given, nic);
  const { networkSecurityGroup: rules, applicationSecurityGroups: groups } = home ?? {};
  const name = freeName(
    facts,
    "Microsoft.Network/networkInterfaces",
    "target-nic",
    home?.name ?? nic.name,
    80,
  );
  return {
    name: nic.name,
    subnet: subnetFor(facts, nic, home),
    ...(rules && { networkSecurityGroup: rules }),
    ...(groups && { applicationSecurityGroups: groups }),
    ...(name !== nic.name && { recoveryName: name }),
  };
}

function subnetFor({ given, mapping }: WayBackFacts, nic: SourceNic, home: SourceNic | undefined): ArmId {
  const [first] = sourceOf(given).nics;
  const homeNetwork = home?.network ?? first?.network;
  const row =
    nic.network &&
    (mapping(nic.network) ??
      rowsOfReversal(given).find(({ source }) => nic.network && sameArmId(source, nic.network)));
  if (row) {
    const stayed =
      nic.network &&
      home &&
      sameArmId(placeOf(targetOf(given), home).subnet, inNetwork(nic.network, nic.subnet));
    // Several subnets may lead to one: the row of the way back knows one of them.
    if (stayed && homeNetwork && sameArmId(row.target, homeNetwork))
      return inNetwork(homeNetwork, home.subnet);
    return inNetwork(row.target, mappedSubnet(row, nic.subnet));
  }
  const named = homeNetwork ?? inGroup(groupOf(given.vmId), NETWORK, sourceOf(given).network.name);
  return inNetwork(named, (home ?? first ?? nic).subnet);
}

const NETWORK = "Microsoft.Network/virtualNetworks";

/** Its own name, unless that is somebody else's: of the old machine, which is kept. */
function freeName(
  { given, there }: WayBackFacts,
  type: string,
  role: string,
  name: string,
  most: number,
): string {
  const found = there(inGroup(groupFor(given), type, name));
  const free = !found || isOwned(found.tags, { machine: given.machine, role });
  return free ? name : `${name.slice(0, most - SUFFIX.length)}${SUFFIX}`;
}

const SUFFIX = "-back";

function setOf({ given, there }: WayBackFacts, changes: string[]): ArmId | undefined {
  const { asked } = given.reversal ?? {};
  if (asked?.availabilitySet) return asked.availabilitySet;
  const set = sourceOf(given).availabilitySet;
  // In place of a set, as at enablement.
  if (!set || asked?.zone || asked?.scaleSet || asked?.capacityReservationGroup) return undefined;
  // Azure wants both in one group.
  const id = set.id ?? inGroup(groupOf(given.vmId), "Microsoft.Compute/availabilitySets", set.name);
  if (there(id)) return id;
  changes.push(`${set.name} is gone, so the copy is in no availability set`);
  return undefined;
}

/** Its own, unless it was given another since the failover. */
function ownSize({ given, now }: WayBackFacts): string | undefined {
  const { vmSize: own } = sourceOf(given);
  const changed = sizeOf(given).toLowerCase() !== now.vmSize.toLowerCase();
  return changed || own.toLowerCase() === now.vmSize.toLowerCase() ? undefined : own;
}

/** As at first, where it is otherwise now and nobody has changed it since. */
function kindsOf({ given, now }: WayBackFacts): NonNullable<ProtectionRequest["diskKinds"]> {
  const chosen = targetOf(given).disks ?? [];
  return now.disks.flatMap((disk) => {
    const own = sourceOf(given).disks.find(({ index }) => index === disk.index);
    if (!own) return [];
    const built = chosen.find(({ index }) => index === disk.index)?.sku ?? own.sku;
    const sku = built === disk.sku && own.sku !== disk.sku ? own.sku : undefined;
    const { encryptionSet } = own;
    return sku || encryptionSet
      ? [{ disk: disk.id, ...(sku && { sku }), ...(encryptionSet && { encryptionSet }) }]
      : [];
  });
}

function lackingFor(
  { subnet, networkSecurityGroup: rules }: TargetNic,
  there: There,
  region: string,
): string[] {
  const network = networkOf(subnet);
  const found = there(network);
  const name = lastSegment(subnet).toLowerCase();
  const problems: string[] = [];
  if (!found) problems.push(`the network ${network} is gone`);
  else if (found.location !== undefined && found.location.toLowerCase() !== region.toLowerCase())
    problems.push(`the network ${network} is in ${found.location}, not in ${region}`);
  else if (!found.subnets?.some((one) => one.toLowerCase() === name))
    problems.push(`${network} has no subnet ${lastSegment(subnet)} for machines`);
  if (rules && !there(rules)) problems.push(`the network security group ${rules} is gone`);
  return problems;
}

const networkOf = (subnet: ArmId): ArmId =>
  armId(subnet.slice(0, subnet.toLowerCase().lastIndexOf("/subnets/")));

const inGroup = (group: ArmId, type: string, name: string): ArmId =>
  armId(`${group}/providers/${type}/${name}`);
