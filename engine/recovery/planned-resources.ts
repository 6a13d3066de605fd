import { type ArmId, armId, sameArmId } from "../core/ids.ts";
import { isOwned } from "../core/owner.ts";
import type { There } from "./copy-name.ts";
import { type ItemRecord, type SourceMachine, type TargetMachine, lastSegment } from "./item.ts";
import type { Copy, PlanRecord, PlannedNetwork, PlannedResource } from "./plan-record.ts";
import { ACCOUNT_SKU } from "./protection-request.ts";
import { grantsFor } from "./role-grants.ts";
import { targetNic } from "./target-names.ts";

interface Facts {
  readonly item: Pick<ItemRecord, "vmId" | "request">;
  readonly source: SourceMachine;
  readonly there: There;
  readonly before?: readonly PlannedResource[] | undefined;
  readonly rolesFor?: string | undefined;
}

/** How what Leeward names comes to be there. */
export function howOf({ there, before = [] }: Pick<Facts, "there" | "before">, id: ArmId) {
  if (!there(id)) return "make";
  const ours = before.some((one) => sameArmId(one.id, id) && (one.how === "make" || one.how === "made"));
  return ours ? "made" : "adopt";
}

/** The plan as a list, in the order in which things are made; what a failover makes comes last. */
export function resourcesOf(
  facts: Facts,
  target: TargetMachine,
  {
    networks,
    securityGroups,
    applicationGroups,
  }: Pick<PlanRecord, "securityGroups" | "applicationGroups"> & {
    readonly networks: readonly (PlannedNetwork & { readonly adds?: PlannedResource["adds"] })[];
  },
): PlannedResource[] {
  const { item, source, there, rolesFor } = facts;
  const { request, vmId } = item;
  const made = (id: ArmId, role: string, why: string, from?: ArmId): PlannedResource => ({
    id,
    role,
    how: howOf(facts, id),
    ...(from && { from }),
    why,
  });
  const asked = (id: ArmId, role: string, field: string): PlannedResource => ({
    id,
    role,
    how: "named",
    why: `named by ${field}`,
  });
  const copies = (all: readonly Copy[], role: string, why: string) =>
    all.map(({ from, id }) => made(id, role, why, from));
  const { availabilitySet, cache, replica } = target;
  const set = source.availabilitySet;
  const group = there(target.resourceGroup);
  return [
    group && !isOwned(group.tags, { machine: "shared", role: "target" })
      ? asked(target.resourceGroup, "target", "recoveryResourceGroupId")
      : made(target.resourceGroup, "target", "the machine comes up in it"),
    ...copies(applicationGroups, "application-group", "rules and interfaces name it"),
    ...copies(securityGroups, "security-group", "its rules hold for the copy as well"),
    ...networks.map(({ from, id, how, adds }): PlannedResource => {
      if (how !== "named")
        return { id, role: "network", how, from, why: "a network interface is in it", ...(adds && { adds }) };
      const by = request.network ? "recoveryAzureNetworkId" : "the network mapping";
      return { ...asked(id, "network", by), from };
    }),
    ...(availabilitySet && request.availabilitySet
      ? [asked(availabilitySet, "availability", "recoveryAvailabilitySetId")]
      : []),
    ...(availabilitySet && !request.availabilitySet && set
      ? [made(availabilitySet, "availability", `the machine is in ${set.name}`, set.id)]
      : []),
    ...placements(request).map(([id, field]) => asked(id, "placement", field)),
    request.cacheAccount
      ? asked(
          cache.id,
          "cache",
          "primaryStagingAzureStorageAccountId or properties.leeward.target.cacheAccount",
        )
      : {
          ...made(cache.id, "cache", `writes wait in it, in ${source.region}, until they are shipped`),
          sku: request.cacheSku ?? ACCOUNT_SKU,
        },
    ...(replica && request.replicaAccount
      ? [asked(replica.id, "replica", "properties.leeward.target.replicaAccount")]
      : []),
    ...(replica && !request.replicaAccount
      ? [
          {
            ...made(replica.id, "replica", "it keeps the disks warm (policy replica: warm)"),
            sku: request.replicaSku ?? ACCOUNT_SKU,
          },
        ]
      : []),
    ...(rolesFor === undefined ? [] : grantsFor(target, request, rolesFor)).map(({ id, scope }) =>
      made(id, "role-assignment", `a role of the app on ${lastSegment(scope)} (LEEWARD_ROLES_FOR)`),
    ),
    ...source.nics.map(({ name }) => made(targetNic(target, name), "target-nic", "at a failover")),
    ...source.disks.map(({ name, id }): PlannedResource => ({
      id: armId(`${target.resourceGroup}/providers/Microsoft.Compute/disks/${name.slice(0, 60)}-`),
      role: "target-disk",
      how: "make",
      from: id,
      why: "at a failover; eight digits of the point are added to its name",
    })),
    { ...made(target.vm, "target-vm", "at a failover"), from: vmId },
  ];
}

/** What the copy is placed in, or leans on; eligibility looks at it. */
const placements = (request: ItemRecord["request"]): (readonly [ArmId, string])[] =>
  (
    [
      [request.proximityPlacementGroup, "recoveryProximityPlacementGroupId"],
      [request.capacityReservationGroup, "recoveryCapacityReservationGroupId"],
      [request.scaleSet, "recoveryVirtualMachineScaleSetId"],
      [request.bootDiagnosticsAccount, "recoveryBootDiagStorageAccountId"],
      ...(request.diskKinds ?? []).map(
        ({ encryptionSet }) => [encryptionSet, "recoveryDiskEncryptionSetId"] as const,
      ),
    ] as const
  ).flatMap(([id, field]) => (id ? [[id, field] as const] : []));
