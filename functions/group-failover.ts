import type { DurableClient } from "durable-functions";
import { LeewardError, hasCode } from "../engine/core/errors.ts";
import type { BarrierId, MachineId } from "../engine/core/ids.ts";
import type { GroupPoint } from "../engine/journal/group-manifest.ts";
import type { Asked } from "../engine/recovery/begin.ts";
import type { GroupRecord } from "../engine/recovery/group.ts";
import { type ItemRecord, itemKeyOf, lastSegment } from "../engine/recovery/item.ts";
import { type JobRecord, operationFor } from "../engine/recovery/job.ts";
import { STATES } from "../engine/recovery/state.ts";
import { readGroupPoints } from "../engine/replication/group-points.ts";
import { failOver } from "./begin.ts";
import { standingsOf } from "./group-standing.ts";
import { settledJob } from "./group-job.ts";
import { eachMember } from "./members.ts";
import type { Services } from "./services.ts";

export interface GroupChoice {
  readonly point?: BarrierId | undefined;
  readonly recoveryPointType?: "Latest" | "LatestApplicationConsistent" | undefined;
  readonly acceptBadPoint: boolean;
}

/**
 * Fails all members over to one common point: the group's record first, which decides; then the job, and each member's
 * own failover, which the timer function makes up for should this process die between.
 * @throws NoRecoveryPoint, PointBad, Conflict, StateNotAllowed: nothing changed
 */
export async function failOverGroup(
  services: Services,
  client: DurableClient,
  group: GroupRecord,
  asked: Pick<Asked, "now" | "token">,
  choice: GroupChoice,
): Promise<JobRecord> {
  const former = group.failover?.operation ?? "none";
  const operation = operationFor(group.id, "groupFailover", asked.token ?? `after ${former}`);
  if (operation !== former) {
    const point = await pointOf(services, group, choice);
    const members = point.members.map(({ machine }) => machine);
    await checkMembers(services, members);
    await checkIdle(services, group);
    const { acceptBadPoint } = choice;
    const failover = {
      operation,
      point: point.id,
      startTime: asked.now,
      members,
      acceptBadPoint,
      begun: false,
    };
    await services.records.groups.update(group.group, (old) => {
      if ((old.failover?.operation ?? "none") !== former && old.failover?.operation !== operation)
        throw new LeewardError("Conflict", `another failover of ${lastSegment(group.id)} has begun`);
      return { ...old, failover };
    });
  }
  const begun = (await services.records.groups.get(group.group))?.value ?? group;
  // What could not begin now is begun by the timer function: the failover stands all the same.
  return (await carryOnGroup(services, client, begun)).job;
}

/** Has the group's job, and each member's, begin; says what kept members from it. May run any number of times. */
export async function carryOnGroup(
  services: Services,
  client: DurableClient,
  group: GroupRecord,
): Promise<{ readonly job: JobRecord; readonly failures: readonly unknown[] }> {
  const { failover } = group;
  if (!failover) throw new RangeError(`${group.id} was not failed over`);
  const { operation, point, startTime: now, acceptBadPoint } = failover;
  const items = await eachMember(failover.members, (machine) => itemOfMember(services, machine));
  const token = `member of ${operation}`;
  const job: JobRecord = {
    format: 1,
    operation,
    kind: "groupFailover",
    item: group.id,
    members: items.map(({ id }) => ({ item: id, operation: operationFor(id, "failover", token) })),
    point,
    state: "InProgress",
    startTime: now,
    steps: [],
  };
  await services.records.jobs.create(operation, job).catch(exists);
  if (failover.begun) return { job, failures: [] };
  // All are fenced before any is waited for.
  const failures: unknown[] = [];
  await eachMember(items, ({ id }) =>
    failOver(services, client, id, { now, token, point }, { acceptBadPoint }).catch((error: unknown) =>
      failures.push(error),
    ),
  );
  if (failures.length > 0) return { job, failures };
  await services.records.groups.update(group.group, (old) =>
    old.failover?.operation === operation ? { ...old, failover: { ...old.failover, begun: true } } : old,
  );
  return { job, failures };
}

function exists(error: unknown): void {
  if (!hasCode(error, "ObjectExists")) throw error;
}

/** The point that is named, or the newest that every member still has, and has good. */
async function pointOf(services: Services, group: GroupRecord, choice: GroupChoice): Promise<GroupPoint> {
  const points = await readGroupPoints(services.target, group.group);
  const standing = await standingsOf(services, points);
  const name = lastSegment(group.id);
  if (choice.point) {
    const named = points.find(({ id }) => id === choice.point);
    if (!named)
      throw new LeewardError("NoRecoveryPoint", `group ${name} has no recovery point ${choice.point}`);
    const state = standing(named);
    if (state === "incomplete")
      throw new LeewardError(
        "NoRecoveryPoint",
        `point ${named.id} of group ${name} is not kept by every member any more`,
      );
    if (state === "bad" && !choice.acceptBadPoint)
      throw new LeewardError("PointBad", `point ${named.id} of group ${name} is bad for one of its members`);
    return named;
  }
  const application = choice.recoveryPointType === "LatestApplicationConsistent";
  const found = points.findLast(
    (point) => standing(point) === "good" && (!application || point.consistency === "application"),
  );
  if (found) return found;
  const kind = application ? "application-consistent " : "";
  throw new LeewardError("NoRecoveryPoint", `group ${name} has no ${kind}recovery point yet`);
}

async function checkMembers(services: Services, members: readonly MachineId[]): Promise<void> {
  await eachMember(members, async (machine) => {
    const { id, state, job } = await itemOfMember(services, machine);
    const { busy, allowed } = STATES[state];
    if (busy)
      throw new LeewardError(
        "Conflict",
        `job ${job.operation} (${job.kind}) is at work on ${lastSegment(id)}`,
      );
    if (!allowed.includes("UnplannedFailover"))
      throw new LeewardError(
        "StateNotAllowed",
        `${lastSegment(id)} is ${state}: UnplannedFailover is not possible`,
      );
  });
}

async function checkIdle({ records }: Services, { failover, id }: GroupRecord): Promise<void> {
  const found = failover && (await records.jobs.get(failover.operation));
  if (found && (await settledJob(records, found.value)).state === "InProgress")
    throw new LeewardError("Conflict", `job ${failover.operation} is at work on ${lastSegment(id)}`);
}

/** @throws NotFound */
async function itemOfMember({ records }: Services, machine: MachineId): Promise<ItemRecord> {
  const found = await records.items.get(itemKeyOf(machine));
  if (found?.value.machine !== machine)
    throw new LeewardError("NotFound", `there is no protected item of machine ${machine}`);
  return found.value;
}
