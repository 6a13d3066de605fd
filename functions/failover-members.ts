import { LeewardError, hasCode } from "../engine/core/errors.ts";
import type { BarrierId, GroupId, MachineId, OperationId } from "../engine/core/ids.ts";
import { groupFailoverName } from "../engine/journal/names.ts";
import { type ItemRecord, itemKeyOf } from "../engine/recovery/item.ts";
import { operationFor } from "../engine/recovery/job.ts";
import {
  type FailoverMember,
  keepFailoverMembers,
  readFailoverMembers,
} from "../engine/recovery/member-list.ts";
import { groupPlaces, groupPointAt } from "./group-points.ts";
import { eachMember } from "./members.ts";
import type { Services } from "./services.ts";

type Keeping = Pick<Services, "target" | "records" | "clock">;

interface Wanted {
  readonly group: GroupId;
  readonly operation: OperationId;
  readonly point: BarrierId | undefined;
}

export const tokenOf = (operation: OperationId): string => `member of ${operation}`;

/** Fixes who is failed over, for good, and each one's own job. */
export const keepMembers = (
  { target }: Keeping,
  { group, operation }: Pick<Wanted, "group" | "operation">,
  items: readonly ItemRecord[],
): Promise<void> =>
  keepFailoverMembers(target, groupFailoverName(group, operation), membersFor(operation, items));

/**
 * Who is failed over, and each one's own job. When the list is lost or damaged, the point to which they are failed over says the same.
 * @throws NotFound, ManifestDamaged: neither is left
 */
export async function failoverMembers(services: Keeping, wanted: Wanted): Promise<FailoverMember[]> {
  const { target } = services;
  const { group, operation, point } = wanted;
  try {
    return await readFailoverMembers(target, groupFailoverName(group, operation));
  } catch (error) {
    if (!hasCode(error, "NotFound") && !hasCode(error, "ManifestDamaged")) throw error;
    const place = (await groupPlaces(services, group)).find(({ id }) => id === point);
    if (!place) throw error;
    const { members } = await groupPointAt(services, place);
    return membersFor(operation, await eachMember(members, ({ machine }) => itemOfMember(services, machine)));
  }
}

/** @throws NotFound */
export async function itemOfMember(
  { records }: Pick<Services, "records">,
  machine: MachineId,
): Promise<ItemRecord> {
  const found = await records.items.get(itemKeyOf(machine));
  if (found?.value.machine !== machine)
    throw new LeewardError("NotFound", `there is no protected item of machine ${machine}`);
  return found.value;
}

function membersFor(operation: OperationId, items: readonly ItemRecord[]): FailoverMember[] {
  const token = tokenOf(operation);
  return items.map(({ id }) => ({ item: id, operation: operationFor(id, "failover", token) }));
}
