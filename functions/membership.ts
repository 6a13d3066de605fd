import { LeewardError } from "../engine/core/errors.ts";
import { type ArmId, type GroupId, type MachineId, armId } from "../engine/core/ids.ts";
import {
  type GroupRecord,
  groupIdFor,
  groupSettings,
  newGroup,
  withMember,
  withoutMember,
} from "../engine/recovery/group.ts";
import { type ItemRecord, itemKeyOf, lastSegment, vaultOf } from "../engine/recovery/item.ts";
import type { Services } from "./services.ts";

/** The group of this name in the item's vault. */
export const groupNamed = (item: ArmId, name: string): ArmId =>
  armId(`${vaultOf(item)}/leewardGroups/${name}`);

/**
 * Makes the machine a member of the group, which is made when there is none. The item's record first: it says which
 * group is the machine's, so that it is never in two. May run any number of times.
 * @throws Conflict while it belongs to another group
 */
export async function joinGroup(
  { records, clock }: Services,
  item: ItemRecord,
  id: ArmId,
): Promise<GroupRecord> {
  const group = groupIdFor(id);
  await records.items.update(itemKeyOf(item.machine), (old) => {
    if (old.group === group) return old;
    if (old.group === undefined) return { ...old, group };
    throw new LeewardError(
      "Conflict",
      `${lastSegment(item.id)} belongs to another group: it must leave that first`,
    );
  });
  const now = clock.now();
  return records.groups.upsert(group, (old = newGroup(id, groupSettings.parse({}))) =>
    withMember(old, item.machine, now),
  );
}

/** The group's record first: a machine that has left takes part in nothing new. Earlier points keep it. */
export async function leaveGroup({ records }: Services, item: ItemRecord): Promise<void> {
  const { group, machine } = item;
  if (group === undefined) return;
  if (await records.groups.get(group))
    await records.groups.update(group, (old) => withoutMember(old, machine));
  await records.items.update(itemKeyOf(machine), (old) => {
    const { group: left, ...rest } = old;
    return left === group ? rest : old;
  });
}

/** Completes a joining that died between its two records. */
export async function reconcileMember({ records, clock }: Services, item: ItemRecord): Promise<void> {
  const { group, machine } = item;
  if (group === undefined || !(await records.groups.get(group))) return;
  if (await isMember(records, group, machine)) return;
  await records.groups.update(group, (old) => withMember(old, machine, clock.now()));
}

async function isMember(records: Services["records"], group: GroupId, machine: MachineId): Promise<boolean> {
  const found = await records.groups.get(group);
  return found?.value.members.some((one) => one.machine === machine) ?? false;
}
