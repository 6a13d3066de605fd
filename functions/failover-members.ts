import { LeewardError, hasCode, messageOf } from "../engine/core/errors.ts";
import type { BarrierId, GroupId, MachineId, OperationId } from "../engine/core/ids.ts";
import type { GroupPoint } from "../engine/journal/group-manifest.ts";
import { groupFailoverName } from "../engine/journal/names.ts";
import { type ItemRecord, itemKeyOf } from "../engine/recovery/item.ts";
import { operationFor } from "../engine/recovery/job.ts";
import {
  type FailoverMember,
  keepFailoverMembers,
  readFailoverMembers,
} from "../engine/recovery/member-list.ts";
import { isUnreadable } from "../engine/replication/points.ts";
import { rereading } from "../engine/replication/reread.ts";
import { groupPlaces, groupPointAt } from "./group-points.ts";
import { membersOf } from "./membership.ts";
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
 * Who is failed over, and each one's own job. When the list is lost or damaged, the point to which they are failed over says the same,
 * but for members whose protection was ended since.
 * @throws MembersLost: neither is left
 */
export async function failoverMembers(services: Keeping, wanted: Wanted): Promise<FailoverMember[]> {
  const { group, operation, point } = wanted;
  const name = groupFailoverName(group, operation);
  try {
    return await rereading(() => readFailoverMembers(services.target, name));
  } catch (error) {
    const { members } = await pointOf(services, wanted).catch((second: unknown) => {
      const causes = `${name} (${lost(error)}) and point ${point} of the group (${lost(second)})`;
      throw new LeewardError(
        "MembersLost",
        `who is failed over by ${operation} is not known any more: lost are ${causes}`,
      );
    });
    return membersFor(
      operation,
      await itemsOf(
        services,
        members.map(({ machine }) => machine),
      ),
    );
  }
}

async function pointOf(services: Keeping, { group, point }: Wanted): Promise<GroupPoint> {
  const place = (await groupPlaces(services, group)).find(({ id }) => id === point);
  if (!place) throw new LeewardError("NotFound", "it has no manifest");
  return groupPointAt(services, place);
}

/** What became of it. @throws what is not about a document that is lost or damaged */
function lost(error: unknown): string {
  if (isUnreadable(error) || hasCode(error, "NotFound")) return messageOf(error);
  throw error;
}

/** The failovers that have begun of those that are in the group now: what is left to be known of an operation without its list. */
export async function begunMembers(
  services: Keeping,
  { group, operation }: Pick<Wanted, "group" | "operation">,
): Promise<FailoverMember[]> {
  const machines = (await membersOf(services, group)).map(({ machine }) => machine);
  const members = membersFor(operation, await itemsOf(services, machines));
  const found = await eachMember(members, (member) => services.records.jobs.get(member.operation));
  return members.filter((_, n) => found[n] !== undefined);
}

/** Without those that are not protected any more. */
async function itemsOf(services: Keeping, machines: readonly MachineId[]): Promise<ItemRecord[]> {
  const found = await eachMember(machines, (machine) =>
    itemOfMember(services, machine).catch((error: unknown) => {
      if (!hasCode(error, "NotFound")) throw error;
    }),
  );
  return found.filter((item) => item !== undefined);
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
