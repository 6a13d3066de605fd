import {
  type ListedResource,
  type OwnedResource,
  findOwned,
  listOurs,
  ownerOf,
} from "../../engine/azure/tagged-resource.ts";
import { LeewardError, hasCode, messageOf } from "../../engine/core/errors.ts";
import { type ArmId, groupOf, sameArmId } from "../../engine/core/ids.ts";
import { copyDisks } from "../../engine/recovery/disk-set.ts";
import { type ItemRecord, isLenient, isOver, targetOf } from "../../engine/recovery/item.ts";
import type { LeftThing } from "../../engine/recovery/removed.ts";
import { targetDisk } from "../../engine/recovery/target-names.ts";
import type { Services } from "../services.ts";

export const GROUP = "Microsoft.Resources/resourceGroups";

/** One resource of ours, as it is now. */
export interface Ours {
  readonly id: ArmId;
  readonly type: string;
  readonly found: OwnedResource;
  readonly owner: { readonly machine: string; readonly role: string };
}

/**
 * What carries this machine's tags, or those of all, where enablement and failover make what they make. It is read once more,
 * since only its own tags count.
 * @param skip what need not be looked at
 */
export async function ourResources(
  { arm }: Pick<Services, "arm">,
  item: ItemRecord,
  skip: (id: ArmId) => boolean = () => false,
): Promise<{
  readonly ours: readonly Ours[];
  readonly silent: readonly LeftThing[];
  readonly refused: readonly LeftThing[];
}> {
  const ours: Ours[] = [];
  const silent: LeftThing[] = [];
  const refused: LeftThing[] = [];
  for (const { id, type } of await listedFor(arm, item)) {
    if (skip(id)) continue;
    const found = await findOwned(arm, id).catch((error: unknown) => {
      const thing = { type, name: id, why: messageOf(error) };
      if (hasCode(error, "ArmUnavailable")) silent.push(thing);
      else if (hasCode(error, "ArmFailed")) refused.push(thing);
      else throw error;
      return undefined;
    });
    const owner = found && ownerOf(found);
    if (found && owner && isOurs(item, type, owner) && !isOtherSides(item, id, owner))
      ours.push({ id, type, found, owner });
  }
  return { ours, silent, refused };
}

/** What enablement makes for several machines, by its role. Anything else that carries such tags is none of ours. */
const SHARED: Readonly<Record<string, string>> = {
  target: GROUP,
  network: "Microsoft.Network/virtualNetworks",
  "security-group": "Microsoft.Network/networkSecurityGroups",
  "application-group": "Microsoft.Network/applicationSecurityGroups",
  availability: "Microsoft.Compute/availabilitySets",
  cache: "Microsoft.Storage/storageAccounts",
  replica: "Microsoft.Storage/storageAccounts",
};

const SHARED_TYPES: ReadonlySet<string> = new Set(Object.values(SHARED).map((type) => type.toLowerCase()));

const isOurs = ({ machine }: ItemRecord, type: string, owner: Ours["owner"]): boolean =>
  owner.machine === "shared"
    ? SHARED[owner.role]?.toLowerCase() === type.toLowerCase()
    : owner.machine === machine;

/**
 * Two apps have their accounts in the same two groups: caches are made where machines come from, replicas where they go to.
 * Whether the other app's machines use theirs nobody knows here.
 */
function isOtherSides({ vmId, request }: ItemRecord, id: ArmId, { machine, role }: Ours["owner"]): boolean {
  if (machine !== "shared" || sameArmId(groupOf(vmId), request.resourceGroup)) return false;
  if (role === "cache") return sameArmId(groupOf(id), request.resourceGroup);
  return role === "replica" && sameArmId(groupOf(id), groupOf(vmId));
}

async function listedFor(
  arm: Services["arm"],
  { machine, vmId, request, target }: ItemRecord,
): Promise<ListedResource[]> {
  const all = [groupOf(vmId), request.resourceGroup, ...(target ? [groupOf(target.cache.id)] : [])];
  const groups = all.filter((group, n) => all.findIndex((other) => sameArmId(other, group)) === n);
  const found: ListedResource[] = [];
  // Where machines come from only the cache is made; what else is there nobody gave Leeward to read.
  const isSharedAt = (group: ArmId, { type }: ListedResource): boolean =>
    type.toLowerCase() === SHARED["cache"]?.toLowerCase() ||
    (sameArmId(group, request.resourceGroup) && SHARED_TYPES.has(type.toLowerCase()));
  for (const group of groups)
    for (const whose of [machine, "shared" as const])
      try {
        for await (const one of listOurs(arm, group, whose))
          if (whose === machine || isSharedAt(group, one)) found.push(one);
      } catch (error) {
        if (!isGone(error)) throw error;
      }
  return [...found, { id: request.resourceGroup, type: GROUP }];
}

const isGone = (error: unknown): boolean =>
  error instanceof LeewardError &&
  error.code === "ArmFailed" &&
  error.message.includes("ResourceGroupNotFound");

/**
 * What a failover built may be all that there is of the machine by now, and nobody but its user knows: neither it nor what it
 * runs with is deleted, whether or not the failover came to its end.
 */
export function whyItsUsers(item: ItemRecord, { id, type, found }: Ours): string | undefined {
  if (type.toLowerCase() === "microsoft.compute/virtualmachines") return `${YOURS}: a failover built it`;
  if (found.managedBy || found.properties.virtualMachine)
    return `${YOURS}: a machine that a failover built uses it`;
  const { failover } = item;
  if (!isOver(item) || !failover) return undefined;
  const built = copyDisks(item, {}).map(({ name }) => targetDisk(targetOf(item), name, failover.point));
  if (built.some((disk) => sameArmId(disk, id))) return `${YOURS}: the failover built the machine with it`;
  return undefined;
}

const YOURS = "it is yours from now on";

/** A machine was failed over since its own region did not answer; the one that it went to does. */
export const isLeft = (item: ItemRecord, id: ArmId): boolean =>
  item.removal?.purge === true || (isLenient(item) && !sameArmId(groupOf(id), item.request.resourceGroup));
