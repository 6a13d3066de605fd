import { hasCode } from "../engine/core/errors.ts";
import type { BarrierId, GroupId } from "../engine/core/ids.ts";
import { millis } from "../engine/core/units.ts";
import type { Consistency } from "../engine/journal/record.ts";
import { roundPrefix } from "../engine/journal/names.ts";
import { noBarriers, withWish, without } from "../engine/recovery/barriers.ts";
import { type GroupRecord, type GroupRound, beginRound } from "../engine/recovery/group.ts";
import { type ItemRecord, itemKeyOf } from "../engine/recovery/item.ts";
import { keepAsked, readAsked } from "../engine/recovery/member-list.ts";
import { membersOf } from "./membership.ts";
import { eachMember } from "./members.ts";
import type { Services } from "./services.ts";

interface Wish {
  readonly id: BarrierId;
  readonly consistency: Consistency;
}

type Asking = Pick<Services, "records" | "target" | "clock">;

/**
 * Fixes who is asked, and for which instant, for good: the list first, then the group's record. One that is on its way stays as it
 * is. Undefined when no member is protected.
 * @throws Conflict while another one is on its way
 */
export async function fixRound(
  services: Asking,
  known: GroupRecord,
  wish: Wish,
): Promise<GroupRound | undefined> {
  const { records, target, clock } = services;
  for (let group = known; ;) {
    if (group.round?.id === wish.id) return group.round;
    const { left } = group;
    const items = await protectedMembers(services, group.group);
    if (items.length === 0) return undefined;
    const members = items.map(({ machine }) => machine);
    const list = await keepAsked(target, group.group, wish.id, members);
    const ahead = aheadOf(items, wish.consistency);
    const now = clock.now();
    group = await records.groups.update(group.group, (old) =>
      beginRound(old, { ...wish, members: members.length, list }, left, now, ahead),
    );
  }
}

/**
 * One that never was protected yet cannot be waited for; one that is, but is in trouble, must be. One listing, and one GET for each
 * member, whose own record says to which group it belongs.
 */
async function protectedMembers({ records }: Asking, group: GroupId): Promise<ItemRecord[]> {
  const members = await membersOf({ records }, group);
  const found = await eachMember(members, ({ machine }) => records.items.get(itemKeyOf(machine)));
  return found.flatMap((item) =>
    item?.value.state === "Protected" && item.value.group === group ? [item.value] : [],
  );
}

/** Milliseconds that asking one of many members takes on a slow day. */
const ASKING = 10;

/** Every member hears of it at least twice before the instant, and has some time to freeze. */
function aheadOf(items: readonly ItemRecord[], consistency: Consistency) {
  const slowest = items.reduce((most, { policy }) => Math.max(most, policy.heartbeatEvery), 0);
  return millis(2 * slowest + (consistency === "application" ? 10_000 : 2000) + ASKING * items.length);
}

/** Has each member asked by its next heartbeat. One GET of its item, one GET and one PUT of its barriers. May run twice. */
export async function askAll({ records, target, clock }: Asking, round: GroupRound): Promise<void> {
  const { id, consistency, at, hold } = round;
  await eachMember(await readAsked(target, round.list), async (machine) => {
    const item = (await records.items.get(itemKeyOf(machine)))?.value;
    const otherwise = item?.policy.applicationFailure ?? "crash";
    const wish = { id, consistency, otherwise, instant: { at, hold } };
    await records.barriers.upsert(machine, (old = noBarriers(machine)) => withWish(old, wish, clock.now()));
  });
}

/**
 * Has nobody asked for it any more. Without its list, as when the account went back in time, these are the members of now: who has
 * left since keeps a wish whose instant passes. One listing at most, and one GET and one PUT of each one's barriers. May run twice.
 */
export async function withdrawAll(services: Asking, group: GroupId, round: GroupRound): Promise<void> {
  const { records, target } = services;
  const asked = await readAsked(target, round.list).catch(lost);
  const machines = asked ?? (await membersOf(services, group)).map(({ machine }) => machine);
  await eachMember(machines, (machine) =>
    records.barriers.upsert(machine, (old = noBarriers(machine)) => without(old, [round.id])),
  );
}

/** A barrier that cannot be told who it was asked of ends all the same: none would ever follow it. */
function lost(error: unknown): undefined {
  if (!hasCode(error, "NotFound") && !hasCode(error, "ManifestDamaged")) throw error;
}

/** Lists of this barrier, of whichever run. */
export async function dropLists(
  { target }: Pick<Services, "target">,
  group: GroupId,
  barrier: BarrierId,
): Promise<void> {
  const names: string[] = [];
  for await (const { name } of target.list(roundPrefix(group, barrier))) names.push(name);
  if (names.length > 0) await target.delete(names);
}
