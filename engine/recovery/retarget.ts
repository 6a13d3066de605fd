import { isDeepStrictEqual } from "node:util";
import { LeewardError } from "../core/errors.ts";
import { type ArmId, armId, sameArmId } from "../core/ids.ts";
import { PLACES, excludedAmong } from "../core/placement.ts";
import {
  type ItemRecord,
  type TargetMachine,
  type TargetNic,
  lastSegment,
  sourceOf,
  targetOf,
} from "./item.ts";
import { inNetwork, placeOf } from "./target-names.ts";

/** What is to be other than enablement planned it; what is absent stays. */
export interface TargetChange {
  readonly vmName?: string | undefined;
  readonly size?: string | undefined;
  readonly availabilitySet?: ArmId | undefined;
  readonly proximityPlacementGroup?: ArmId | undefined;
  readonly capacityReservationGroup?: ArmId | undefined;
  readonly scaleSet?: ArmId | undefined;
  readonly bootDiagnostics?: Required<Pick<TargetMachine, "bootDiagnosticsAccount" | "bootDiagnosticsUri">>;
  /** Of the network, the names of its subnets as well. */
  readonly network?: { readonly id: ArmId; readonly subnets: readonly string[] } | undefined;
  /** By the source's interface. */
  readonly nics: readonly {
    readonly name: string;
    readonly subnet?: string | undefined;
    readonly address?: string | undefined;
    readonly networkSecurityGroup?: ArmId | undefined;
    readonly recoveryName?: string | undefined;
    readonly acceleratedNetworking?: boolean | undefined;
  }[];
  /** By the source's disk. */
  readonly disks: readonly { readonly id: ArmId; readonly sku: string }[];
}

/** States in which a target is planned and nothing is being built from it. */
const SETTLED: ReadonlySet<ItemRecord["state"]> = new Set(["InitialReplication", "Protected"]);

/**
 * The item with its target changed: the next failover builds so. What was asked for at enablement stays as it was, so that the
 * same enablement, sent again, is still the same.
 * @throws StateNotAllowed; InvalidRequest naming what does not fit
 */
export function retargeted(item: ItemRecord, change: TargetChange): ItemRecord {
  if (!SETTLED.has(item.state))
    throw new LeewardError(
      "StateNotAllowed",
      `${lastSegment(item.id)} is ${item.state}: where it comes up cannot be changed`,
    );
  const old = targetOf(item);
  const { vmName, size, network } = change;
  const target: TargetMachine = {
    ...old,
    ...(vmName !== undefined && { vm: armId(`${parentOf(old.vm)}/${vmName}`) }),
    ...(size !== undefined && { size }),
    ...placesOf(old, change),
    ...change.bootDiagnostics,
    ...(network && { network: network.id }),
    nics: nicsOf(item, old, change),
    ...disksOf(item, old, change),
  };
  return isDeepStrictEqual(target, old) ? item : { ...item, target };
}

function placesOf(old: TargetMachine, change: TargetChange) {
  const { availabilitySet, proximityPlacementGroup, capacityReservationGroup, scaleSet } = change;
  const places = {
    ...(availabilitySet && { availabilitySet }),
    ...(proximityPlacementGroup && { proximityPlacementGroup }),
    ...(capacityReservationGroup && { capacityReservationGroup }),
    ...(scaleSet && { scaleSet }),
  };
  const now = { ...old, ...places };
  const [excluded] = excludedAmong((place) => now[place] !== undefined);
  if (excluded && Object.keys(places).length > 0) {
    const [one, other, why] = excluded;
    throw refused(`${PLACES[one in places ? one : other]}: ${why}`);
  }
  return places;
}

function nicsOf(item: ItemRecord, old: TargetMachine, { network, nics }: TargetChange): TargetNic[] {
  const source = sourceOf(item);
  for (const { name } of nics)
    if (!source.nics.some((nic) => isNamed(nic.name, name)))
      throw refused(`vmNics: the machine has no network interface ${name}`);
  const placed = source.nics.map((nic) => {
    const before = placeOf(old, nic);
    const wish = nics.find(({ name }) => isNamed(nic.name, name));
    const own = networkOf(before.subnet);
    const place = network?.id ?? own;
    const name = wish?.subnet ?? (network ? nic.subnet : lastSegment(before.subnet));
    return {
      ...before,
      subnet: inNetwork(place, network ? subnetIn(network.subnets, name, wish?.subnet) : name),
      ...(wish?.address !== undefined && { address: wish.address }),
      ...(wish?.networkSecurityGroup && { networkSecurityGroup: wish.networkSecurityGroup }),
      ...(wish?.recoveryName !== undefined && { recoveryName: wish.recoveryName }),
      ...(wish?.acceleratedNetworking !== undefined && {
        acceleratedNetworking: wish.acceleratedNetworking,
      }),
    };
  });
  return distinctNames(placed);
}

/** Two interfaces cannot have one name in one group. */
function distinctNames(nics: TargetNic[]): TargetNic[] {
  const names = nics.map(({ name, recoveryName }) => (recoveryName ?? name).toLowerCase());
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw refused(`vmNics: two interfaces would be called ${twice}`);
  return nics;
}

/** The one of this name; where none was named, otherwise the first. */
function subnetIn(subnets: readonly string[], name: string, named: string | undefined): string {
  const found = subnets.find((subnet) => isNamed(subnet, name)) ?? (named ? undefined : subnets[0]);
  if (found === undefined)
    throw refused(`selectedRecoveryAzureNetworkId: the network has no subnet ${named ?? name}`);
  return found;
}

function disksOf(item: ItemRecord, old: TargetMachine, { disks }: TargetChange) {
  if (disks.length === 0) return {};
  const known = sourceOf(item).disks;
  const changed = disks.map(({ id, sku }) => {
    const disk = known.find((one) => sameArmId(one.id, id));
    if (!disk) throw refused(`managedDiskUpdateDetails: ${lastSegment(id)} is none of its disks`);
    return { ...old.disks?.find(({ index }) => index === disk.index), index: disk.index, sku };
  });
  const rest = (old.disks ?? []).filter(({ index }) => !changed.some((one) => one.index === index));
  return { disks: [...rest, ...changed] };
}

const refused = (why: string) => new LeewardError("InvalidRequest", `properties.${why}`);
const isNamed = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
const parentOf = (id: ArmId): string => id.slice(0, id.lastIndexOf("/"));
const networkOf = (subnet: ArmId): ArmId => armId(subnet.replace(/\/subnets\/[^/]+$/i, ""));
