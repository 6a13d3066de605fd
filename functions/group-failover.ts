import type { DurableClient } from "durable-functions";
import { type ErrorCode, LeewardError, hasCode, messageOf } from "../engine/core/errors.ts";
import type { BarrierId } from "../engine/core/ids.ts";
import type { GroupPoint } from "../engine/journal/group-manifest.ts";
import type { Asked } from "../engine/recovery/begin.ts";
import type { GroupRecord } from "../engine/recovery/group.ts";
import { type ItemRecord, lastSegment } from "../engine/recovery/item.ts";
import { type JobRecord, operationFor } from "../engine/recovery/job.ts";
import type { FailoverMember } from "../engine/recovery/member-list.ts";
import { STATES } from "../engine/recovery/state.ts";
import type { GroupJob } from "../orchestrations/contract.ts";
import { ensureGroupFailover } from "./durable.ts";
import { failOver } from "./begin.ts";
import { groupPlaces, groupPointAt, missed } from "./group-points.ts";
import { standingsOf } from "./group-standing.ts";
import { settledJob } from "./group-job.ts";
import { failoverMembers, itemOfMember, keepMembers, tokenOf } from "./failover-members.ts";
import { eachMember } from "./members.ts";
import { lookUp } from "./find-item.ts";
import type { Services } from "./services.ts";

interface Chosen {
  readonly point: GroupPoint;
  /** Newer ones that cannot be read. */
  readonly passedOver: NonNullable<JobRecord["passedOver"]>;
}

interface Begun {
  readonly job: JobRecord;
  /** Of those that were begun now, how many members could not. */
  readonly failed: number;
}

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
): Promise<Begun> {
  const former = group.failover?.operation ?? "none";
  const operation = operationFor(group.id, "groupFailover", asked.token ?? `after ${former}`);
  let begun = group;
  if (operation !== former) {
    const { point, passedOver } = await pointOf(services, group, choice);
    const items = await checkMembers(services, point);
    await checkIdle(services, group);
    await keepMembers(services, { group: group.group, operation }, items);
    const { acceptBadPoint } = choice;
    const failover = {
      operation,
      point: point.id,
      startTime: asked.now,
      members: items.length,
      acceptBadPoint,
      ...(passedOver.length > 0 && { passedOver }),
      begun: false,
    };
    begun = await services.records.groups.update(group.group, (old) => {
      if ((old.failover?.operation ?? "none") !== former && old.failover?.operation !== operation)
        throw new LeewardError("Conflict", `another failover of ${lastSegment(group.id)} has begun`);
      return { ...old, failover };
    });
  }
  // What could not begin now is begun by the timer function: the failover stands all the same.
  return carryOnGroup(services, client, begun);
}

/** Has the group's job begin, and the failovers of its members: of the first ones at once, of the others by an orchestration. May run any number of times. */
export async function carryOnGroup(
  services: Services,
  client: DurableClient,
  { group, id, failover }: GroupRecord,
): Promise<Begun> {
  if (!failover) throw new RangeError(`${id} was not failed over`);
  const { operation, point, startTime, members, passedOver } = failover;
  const job: JobRecord = {
    format: 1,
    operation,
    kind: "groupFailover",
    item: id,
    members,
    point,
    state: "InProgress",
    startTime,
    steps: [],
    ...(passedOver && { passedOver }),
  };
  await services.records.jobs.ensure(operation, job);
  if (failover.begun) return { job, failed: 0 };
  const { next, failed } = await beginMembers(services, client, { group, operation, from: 0 });
  if (next !== undefined) await ensureGroupFailover(client, { group, operation });
  else if (failed === 0) await noteBegun(services, { group, operation });
  return { job, failed };
}

/** So many members' failovers are begun by one activity, and within a call of the API. */
const AT_ONCE = 256;

/** Has the failovers of members from the given one on begin; says how many could not. All are fenced before any is waited for. */
export async function beginMembers(
  services: Services,
  client: DurableClient,
  { group, operation, from }: GroupJob & { readonly from: number },
): Promise<{ readonly next?: number; readonly failed: number }> {
  const failover = (await services.records.groups.get(group))?.value.failover;
  if (failover?.operation !== operation) return { failed: 0 };
  const { point, startTime: now, acceptBadPoint } = failover;
  const members = await failoverMembers(services, { group, operation, point }).catch((error: unknown) => {
    // Its job ends with that, and the next failover may begin.
    if (!hasCode(error, "MembersLost")) throw error;
    return [];
  });
  const asked = { now, token: tokenOf(operation), point };
  let failed = 0;
  await eachMember(members.slice(from, from + AT_ONCE), async (member) => {
    const begun = failOver(services, client, member.item, asked, { acceptBadPoint });
    const settled = await begun.then(
      () => true,
      (error: unknown) => gaveUp(services, member, asked, error),
    );
    if (!settled) failed++;
  });
  const next = from + AT_ONCE;
  return { failed, ...(next < members.length && { next }) };
}

/** For so long a member's failover is tried again whatever it says: a storage may lie, a disk may be let go. Microseconds. */
const PATIENCE = 10 * 60e6;

/** What does not pass by itself: its protection was ended, its point is gone or bad. */
const FOR_GOOD: ReadonlySet<ErrorCode> = new Set([
  "NotFound",
  "NoRecoveryPoint",
  "PointBad",
  "StateNotAllowed",
  "ManifestDamaged",
  "ManifestVersionUnknown",
]);

/**
 * A failover that cannot begin is a failed job of that member: the group's own would never end otherwise, nor could it be failed over
 * again. Nothing of the member was changed. False while there is hope.
 */
async function gaveUp(
  { records, clock }: Services,
  { item, operation }: FailoverMember,
  { now: startTime, point }: Pick<Asked, "now" | "point">,
  error: unknown,
): Promise<boolean> {
  const now = clock.now();
  if (!(error instanceof LeewardError) || !FOR_GOOD.has(error.code)) return false;
  if (now - startTime < PATIENCE) return false;
  // It has begun, and the timer sees to its job.
  if ((await lookUp({ records }, item))?.value.job.operation === operation) return true;
  const { code, message } = error;
  const failure = { code, message, step: "begin" };
  const end = { state: "Failed" as const, endTime: now, failure };
  const job: JobRecord = {
    format: 1,
    operation,
    kind: "failover",
    item,
    point,
    startTime,
    steps: [],
    ...end,
  };
  await records.jobs.upsert(operation, (old = job) =>
    old.state === "InProgress" ? { ...old, ...end } : old,
  );
  return true;
}

/** Each member's failover has begun: the timer need not look at it any more. */
export async function noteBegun(
  { records }: Pick<Services, "records">,
  { group, operation }: GroupJob,
): Promise<void> {
  await records.groups.update(group, (old) =>
    old.failover?.operation === operation ? { ...old, failover: { ...old.failover, begun: true } } : old,
  );
}

/** The point that is named, or the newest that every member still has, and has good. Reads no manifest but of those that are looked at. */
async function pointOf(services: Services, group: GroupRecord, choice: GroupChoice): Promise<Chosen> {
  const places = await groupPlaces(services, group.group);
  const name = lastSegment(group.id);
  if (choice.point) {
    const named = places.find(({ id }) => id === choice.point);
    if (!named)
      throw new LeewardError("NoRecoveryPoint", `group ${name} has no recovery point ${choice.point}`);
    const point = await groupPointAt(services, named);
    const state = (await standingsOf(services, [point]))(point);
    if (state === "incomplete")
      throw new LeewardError(
        "NoRecoveryPoint",
        `point ${named.id} of group ${name} is not kept by every member any more`,
      );
    if (state === "bad" && !choice.acceptBadPoint)
      throw new LeewardError("PointBad", `point ${named.id} of group ${name} is bad for one of its members`);
    return { point, passedOver: [] };
  }
  const application = choice.recoveryPointType === "LatestApplicationConsistent";
  const passedOver: Chosen["passedOver"] = [];
  for (const place of places.toReversed()) {
    if (application && place.consistency !== "application") continue;
    const point = await groupPointAt(services, place).catch((error: unknown) => missed(place, error));
    if (!point) continue;
    if ("error" in point)
      passedOver.push({ point: place.id, code: point.error.code, message: messageOf(point.error) });
    else if ((await standingsOf(services, [point]))(point) === "good") return { point, passedOver };
  }
  const kind = application ? "application-consistent " : "";
  throw new LeewardError("NoRecoveryPoint", `group ${name} has no ${kind}recovery point yet`);
}

/** The members' items. @throws Conflict, StateNotAllowed, NotFound */
function checkMembers(services: Services, { members }: GroupPoint): Promise<ItemRecord[]> {
  return eachMember(members, async ({ machine }) => {
    const item = await itemOfMember(services, machine);
    const { id, state, job } = item;
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
    return item;
  });
}

/** A job that has ended is written down as such. @throws Conflict */
export async function checkIdle(services: Services, { failover, id }: GroupRecord): Promise<void> {
  const found = failover && (await services.records.jobs.get(failover.operation));
  if (found && (await settledJob(services, found.value)).state === "InProgress")
    throw new LeewardError("Conflict", `job ${failover.operation} is at work on ${lastSegment(id)}`);
}
