import type { ArmId } from "../core/ids.ts";
import { sameArmId } from "../core/ids.ts";
import { isOwned } from "../core/owner.ts";
import { type CopyKind, type There, KINDS, copyNames } from "./copy-name.ts";
import {
  type ItemRecord,
  type SourceMachine,
  type TargetMachine,
  type TargetNic,
  lastSegment,
} from "./item.ts";
import type { SourceNic } from "./source-nic.ts";
import { lackingIn } from "./network-room.ts";
import { type NetworkMapping, mappedSubnet, mappingName } from "./network-mapping.ts";
import type { Copy, PlanRecord, PlannedNetwork, PlannedResource } from "./plan-record.ts";
import { homeOf, namesLacking } from "./chosen-names.ts";
import { howOf, resourcesOf } from "./planned-resources.ts";
import { inNetwork, targetOfRequest } from "./target-names.ts";

/** A network that a NIC of the source is in. */
export interface SourceNetwork {
  readonly id: ArmId;
  /** Those that machines can be in: Azure's own are left out. */
  readonly subnets: readonly {
    readonly name: string;
    readonly networkSecurityGroup?: ArmId;
    /** CIDR blocks. */
    readonly prefixes: readonly string[];
  }[];
  /** CIDR blocks. */
  readonly addressPrefixes: readonly string[];
}

export interface PlanFacts {
  readonly item: Pick<ItemRecord, "vmId" | "request" | "policy">;
  readonly source: SourceMachine;
  /** Of the target. */
  readonly region: string;
  /** Each network of a NIC once. */
  readonly networks: readonly SourceNetwork[];
  /** The application security groups that the rules of a security group name. */
  readonly named: (securityGroup: ArmId) => readonly ArmId[];
  /** The row of a network, of a source or of a copy. */
  readonly mapping: (network: ArmId) => NetworkMapping | undefined;
  readonly there: There;
  /** What an earlier try of the same enablement was to make. */
  readonly before?: readonly PlannedResource[] | undefined;
  /** Whom enablement gives roles on the accounts that it makes. */
  readonly rolesFor?: string | undefined;
}

export interface EnablementPlan extends Omit<PlanRecord, "format" | "machine"> {
  readonly target: TargetMachine;
  /** Rows for both directions, as far as there are none. */
  readonly mappings: readonly NetworkMapping[];
  /** Why it cannot be carried out; each names the field to change. */
  readonly problems: readonly string[];
}

/**
 * Everything that enablement makes, adopts or takes as it is named, and where each NIC of the copy goes. Decides only: the
 * same facts give the same plan, and what a plan made leads to the same one again.
 */
export function planEnablement(facts: PlanFacts): EnablementPlan {
  const { item, source, region, there } = facts;
  const base = targetOfRequest(item, source, region);
  const problems: string[] = [];
  const idOf = copyNames(base.resourceGroup, there, homeOf(facts), item.request.names);
  const places = new Map(
    facts.networks.map((network) => [network.id.toLowerCase(), placed(network, idOf, facts)]),
  );
  const ours = [...places.values()].filter(({ how }) => how !== "named");
  const groups = securityGroupsOf(facts, ours);
  const applications = unique([
    ...groups.flatMap((id) => facts.named(id)),
    ...source.nics.flatMap((nic) => nic.applicationSecurityGroups ?? []),
  ]);
  const copies = (kind: CopyKind, ids: readonly ArmId[]): Copy[] =>
    ids.map((from) => ({ from, id: idOf(kind, from) }));
  const securityGroups = copies(KINDS.securityGroup, groups);
  const applicationGroups = copies(KINDS.applicationGroup, applications);
  const nics = source.nics.map((nic): TargetNic => {
    const wish = wishFor(item, nic);
    const place = places.get((nic.network ?? base.network).toLowerCase());
    const rules = wish?.networkSecurityGroup ?? copyOf(securityGroups, nic.networkSecurityGroup);
    const applied = (nic.applicationSecurityGroups ?? []).flatMap(
      (id) => copyOf(applicationGroups, id) ?? [],
    );
    return {
      name: nic.name,
      subnet: place
        ? inNetwork(place.id, subnetFor(nic, place, facts, problems))
        : inNetwork(base.network, nic.subnet),
      ...(rules && { networkSecurityGroup: rules }),
      ...(applied.length > 0 && { applicationSecurityGroups: applied }),
      ...(wish?.address && { address: wish.address }),
      ...(wish?.recoveryName && { recoveryName: wish.recoveryName }),
    };
  });
  const networks = [...places.values()].map((place): PlannedNetwork => {
    const here = source.nics.flatMap((nic, at) => {
      const to = nics[at]?.subnet;
      return to && sameArmId(nic.network ?? place.from, place.from)
        ? [[nic.subnet, lastSegment(to)] as const]
        : [];
    });
    return { from: place.from, id: place.id, how: place.how, subnets: Object.fromEntries(here) };
  });
  const primary = networks[0]?.id;
  const set = source.availabilitySet?.id;
  const target = {
    ...base,
    ...(primary && { network: primary }),
    ...(base.availabilitySet &&
      set &&
      !item.request.availabilitySet && { availabilitySet: idOf(KINDS.availabilitySet, set) }),
    nics,
  };
  const parts = { networks, securityGroups, applicationGroups };
  const resources = resourcesOf(facts, target, {
    ...parts,
    networks: networks.map((network) => ({ ...network, ...additionsTo(network, facts) })),
  });
  return {
    ...parts,
    target,
    resources,
    mappings: networks.flatMap((network) => mappingFor(facts, network)),
    problems: [
      ...problems,
      ...wishesLacking(facts, resources),
      ...setLacking(facts, target),
      ...namesLacking(facts, target, resources),
    ],
  };
}

interface Place extends Omit<PlannedNetwork, "subnets"> {
  readonly source: SourceNetwork;
}

/** Named in the request, by the mapping, or the copy that is Leeward's. */
function placed(source: SourceNetwork, idOf: ReturnType<typeof copyNames>, facts: PlanFacts): Place {
  const { item, mapping } = facts;
  const row = mapping(source.id);
  const wanted = item.request.network ?? (row?.by === "caller" ? row.target : undefined);
  if (wanted) return { source, from: source.id, id: wanted, how: "named" };
  const id = row?.target ?? idOf(KINDS.network, source.id);
  return { source, from: source.id, id, how: howOf(facts, id) };
}

/** What is added to a copy that is there already, if anything is. */
function additionsTo(
  { id, from, how, subnets }: PlannedNetwork,
  { there, networks }: PlanFacts,
): Pick<PlannedResource, "adds"> {
  const space = how === "named" ? undefined : there(id)?.space;
  const source = networks.find((one) => sameArmId(one.id, from));
  if (!space || !source) return {};
  const lacking = lackingIn(space, source, Object.values(subnets));
  return lacking.subnets.length > 0
    ? { adds: { addressPrefixes: [...lacking.addressPrefixes], subnets: [...lacking.subnets] } }
    : {};
}

/** Of subnets that are made, and of the NICs. Those of a network that the caller named are his. */
function securityGroupsOf({ item, source }: PlanFacts, ours: readonly Place[]): ArmId[] {
  const ofSubnets = ours.flatMap(({ source: { subnets } }) =>
    subnets.flatMap(({ networkSecurityGroup: id }) => id ?? []),
  );
  const ofNics = source.nics.flatMap((nic) =>
    wishFor(item, nic)?.networkSecurityGroup ? [] : (nic.networkSecurityGroup ?? []),
  );
  return unique([...ofSubnets, ...ofNics]);
}

/**
 * The name of the subnet that a NIC goes to: as the caller says, as the mapping says, or the same as at the source; in a
 * network that the caller named and that has none of this name, the first by name, as Azure Site Recovery does it.
 */
function subnetFor(nic: SourceNic, place: Place, facts: PlanFacts, problems: string[]): string {
  const { request } = facts.item;
  const asked =
    wishFor(facts.item, nic)?.subnet ??
    (nic.primary && request.subnet !== undefined ? lastSegment(request.subnet) : undefined);
  const row = facts.mapping(place.from);
  const name = asked ?? (row && sameArmId(row.target, place.id) ? mappedSubnet(row, nic.subnet) : nic.subnet);
  const has = facts.there(place.id)?.subnets ?? [];
  const made = place.how === "named" ? [] : place.source.subnets.map((one) => one.name);
  const found = [...has, ...made].find((one) => one.toLowerCase() === name.toLowerCase());
  if (found) return found;
  const [first] = has.toSorted();
  if (asked === undefined && place.how === "named" && first !== undefined) return first;
  problems.push(
    `${lastSegment(place.id)} has no subnet ${name} for the network interface ${nic.name} (recoverySubnetName, or properties.leeward.target.nics)`,
  );
  return name;
}

/** Roles of what several machines use, under names that leave no choice. */
const SHARED = new Set(["availability", "cache", "replica"]);

function wishesLacking(
  { item, source, there, region }: PlanFacts,
  resources: readonly PlannedResource[],
): string[] {
  const strangers = (item.request.nics ?? []).filter(
    ({ name }) => !source.nics.some((nic) => nic.name.toLowerCase() === name.toLowerCase()),
  );
  return [
    ...strangers.map(
      ({ name }) => `the machine has no network interface ${name} (properties.leeward.target.nics)`,
    ),
    ...resources
      .filter(({ how }) => how === "named")
      .flatMap(({ id, role, why }) => {
        if (role === "placement") return [];
        const found = there(id);
        if (!found) return [`there is no ${id}, which is ${why}`];
        const wanted = role === "cache" ? source.region : region;
        // Where a group is says nothing about what is in it.
        if (role === "target") return [];
        if (found.location === undefined || found.location.toLowerCase() === wanted.toLowerCase()) return [];
        return [`${id} is in ${found.location}, not in ${wanted}; it is ${why}`];
      }),
    ...resources.flatMap(({ id, role, how }) => {
      const found = how !== "named" && SHARED.has(role) ? there(id) : undefined;
      return !found || isOwned(found.tags, { machine: "shared", role })
        ? []
        : [`${id} exists and is not Leeward's`];
    }),
  ];
}

/** A machine of a set is where the set is. */
function setLacking(
  { item, there }: PlanFacts,
  { availabilitySet: set }: Pick<TargetMachine, "availabilitySet">,
): string[] {
  const wanted = item.request.proximityPlacementGroup;
  const found = set && wanted ? there(set) : undefined;
  if (!found || !wanted || (found.proximityGroup && sameArmId(found.proximityGroup, wanted))) return [];
  const has = found.proximityGroup ? `in ${found.proximityGroup}` : "in no proximity placement group";
  return [`${set} is ${has} (recoveryProximityPlacementGroupId)`];
}

/** Both ways. Where there is a row already, it decides, and none is made. */
function mappingFor(
  { mapping, item }: PlanFacts,
  { from, id, how, subnets }: PlannedNetwork,
): NetworkMapping[] {
  if (mapping(from)) return [];
  const moved = Object.entries(subnets).filter(([a, b]) => a.toLowerCase() !== b.toLowerCase());
  const by = how === "named" && item.request.network ? "caller" : "enablement";
  return [
    {
      format: 1,
      name: mappingName(from),
      source: from,
      target: id,
      subnets: Object.fromEntries(moved),
      by,
    },
  ];
}

const wishFor = ({ request }: PlanFacts["item"], nic: SourceNic) =>
  request.nics?.find(({ name }) => name.toLowerCase() === nic.name.toLowerCase());

const copyOf = (copies: readonly Copy[], from: ArmId | undefined): ArmId | undefined =>
  from && copies.find((copy) => sameArmId(copy.from, from))?.id;

const unique = (ids: readonly ArmId[]): ArmId[] => [
  ...new Map(ids.map((id) => [id.toLowerCase(), id])).values(),
];
