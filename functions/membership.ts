import { LeewardError } from "../engine/core/errors.ts";
import { type ArmId, type GroupId, type MachineId, armId } from "../engine/core/ids.ts";
import {
  type GroupRecord,
  type MemberRecord,
  groupIdFor,
  groupSettings,
  newGroup,
} from "../engine/recovery/group.ts";
import { groupPrefix } from "../engine/journal/names.ts";
import type { Micros } from "../engine/core/units.ts";
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
  const known = await records.groups.upsert(group, (old = newGroup(id, groupSettings.parse({}))) => old);
  await putMember(records, group, item.machine, clock.now());
  return known;
}

async function putMember(
  records: Services["records"],
  group: GroupId,
  machine: MachineId,
  joinedAt: Micros,
): Promise<void> {
  await records.members(group).upsert(machine, (old = { format: 1, machine, joinedAt }) => old);
}

/**
 * Its row goes first, then the group's record tells everybody who is about to ask members: a machine that has left takes part in
 * nothing new. Earlier points keep it. A joining beside it may have put the row back meanwhile, so it goes once more behind the
 * item's record, which decides.
 */
export async function leaveGroup({ records }: Pick<Services, "records">, item: ItemRecord): Promise<void> {
  const { group, machine } = item;
  if (group === undefined) return;
  await records.members(group).delete(machine);
  if (await records.groups.get(group))
    await records.groups.update(group, (old) => ({ ...old, left: old.left + 1 }));
  await records.items.update(itemKeyOf(machine), (old) => {
    const { group: left, ...rest } = old;
    return left === group ? rest : old;
  });
  await records.members(group).delete(machine);
}

/**
 * The group's points go first, then its record: members' own points are no longer kept for them. Nothing of the machines changes.
 * @throws Conflict while it has members, or something is under way in its name
 */
export async function deleteGroup(
  { records, target }: Pick<Services, "records" | "target">,
  { id, group, round, failover }: GroupRecord,
): Promise<void> {
  const name = lastSegment(id);
  for (const { machine } of await membersOf({ records }, group)) {
    if ((await records.items.get(itemKeyOf(machine)))?.value.group === group)
      throw new LeewardError("Conflict", `${name} has members, such as ${machine}: they must leave it first`);
    // Left behind by a leaving that died.
    await records.members(group).delete(machine);
  }
  if (round) throw new LeewardError("Conflict", `${name} waits for its barrier ${round.id}`);
  if (failover?.begun === false)
    throw new LeewardError("Conflict", `job ${failover.operation} is at work on ${name}`);
  const names: string[] = [];
  for await (const object of target.list(groupPrefix(group))) names.push(object.name);
  if (names.length > 0) await target.delete(names);
  await records.groups.delete(group);
}

/** Completes a joining that died between its two records. */
export async function reconcileMember({ records, clock }: Services, item: ItemRecord): Promise<void> {
  const { group, machine } = item;
  if (group === undefined || (await records.members(group).get(machine))) return;
  if (await records.groups.get(group)) await putMember(records, group, machine, clock.now());
}

/** Ascending by machine. One call for each thousand. */
export async function membersOf(
  { records }: Pick<Services, "records">,
  group: GroupId,
): Promise<MemberRecord[]> {
  const members: MemberRecord[] = [];
  for await (const member of records.members(group).list()) members.push(member);
  return members;
}
