import { createHash } from "node:crypto";
import { z } from "zod";
import { LeewardError } from "../core/errors.ts";
import {
  type ArmId,
  type BarrierId,
  type GroupId,
  type MachineId,
  armId,
  barrierId,
  groupId,
  machineId,
  operationId,
  uuidOf,
} from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { type Micros, type Millis, micros, millis } from "../core/units.ts";
import type { Consistency } from "../journal/record.ts";
import type { BarrierRequest } from "./agent-record.ts";
import { retentionPolicy } from "./retention-policy.ts";

const time = z.number().transform(checked(micros));
const machine = z.string().transform(checked(machineId));
const barrier = z.string().transform(checked(barrierId));
const consistency = z.enum(["crash", "application"]);
const span = (least: number, most: number, fallback: number) =>
  z.number().int().min(least).max(most).default(fallback).transform(checked(millis));
const DAY = 24 * 3600 * 1000;

/** How a group's points are made; durations in milliseconds. */
export const groupSettings = z.strictObject({
  /** A common point this often. */
  interval: span(1000, DAY, 5 * 60_000),
  /** Of these an application-consistent one this often; 0 for never. */
  applicationInterval: span(0, 7 * DAY, 0),
  /**
   * For so long after a common barrier no member acknowledges what it wrote behind it: room for clocks that differ and
   * members that are late.
   */
  hold: span(20, 5000, 100),
  /** Of the common points; what one of them needs of its members stays with it. */
  retention: retentionPolicy.prefault({}),
});
export type GroupSettings = z.output<typeof groupSettings>;

const groupRound = z.object({
  id: barrier,
  consistency,
  /** By our clock. */
  at: time,
  hold: z.number().transform(checked(millis)),
  askedAt: time,
  /** Fixed when it was asked for. */
  members: z.array(machine),
});
export type GroupRound = z.infer<typeof groupRound>;

/**
 * Machines with common recovery points. Kind `group`, keyed by its id; changed only by ETag compare-and-swap. A record
 * holds 2,000 members; that of its failover's job, which names each by its path, some 1,400.
 */
export const groupRecord = z.object({
  format: z.literal(1),
  group: z.string().transform(checked(groupId)),
  /** `{vault}/leewardGroups/{name}`. */
  id: z.string().transform(checked(armId)),
  settings: groupSettings,
  /** Ascending. */
  members: z.array(z.object({ machine, joinedAt: time })),
  /** The barrier that is on its way. */
  round: groupRound.optional(),
  askedAt: time.optional(),
  applicationAt: time.optional(),
  /** The newest point. */
  newest: z.object({ id: barrier, time, consistency }).optional(),
  /** Why the newest barrier became no point, if so. */
  missed: z.object({ id: barrier, time, why: z.string() }).optional(),
  /** The newest failover of all members together. */
  failover: z
    .object({
      operation: z.string().transform(checked(operationId)),
      point: barrier,
      startTime: time,
      members: z.array(machine),
      acceptBadPoint: z.boolean(),
      /** Each member's own failover has begun. */
      begun: z.boolean(),
    })
    .optional(),
});
export type GroupRecord = z.infer<typeof groupRecord>;

export const groupIdFor = (id: ArmId): GroupId =>
  groupId(uuidOf(createHash("sha256").update(`group\n${id.toLowerCase()}`).digest()));

export const newGroup = (id: ArmId, settings: GroupSettings): GroupRecord => ({
  format: 1,
  group: groupIdFor(id),
  id,
  settings,
  members: [],
});

/** The group with one more member, who takes part from the next barrier on; itself when it has it. */
export function withMember(old: GroupRecord, joins: MachineId, now: Micros): GroupRecord {
  if (old.members.some((one) => one.machine === joins)) return old;
  const members = [...old.members, { machine: joins, joinedAt: now }];
  return { ...old, members: members.toSorted((a, b) => (a.machine < b.machine ? -1 : 1)) };
}

/** The group without the member; a barrier that is on its way is finished with it. Points keep their members. */
export function withoutMember(old: GroupRecord, leaves: MachineId): GroupRecord {
  const members = old.members.filter((one) => one.machine !== leaves);
  return members.length === old.members.length ? old : { ...old, members };
}

/** Which point is to be made now, if any. */
export function roundDue(
  { round, members, settings, askedAt = micros(0), applicationAt = micros(0) }: GroupRecord,
  now: Micros,
): Consistency | undefined {
  if (round || members.length === 0) return undefined;
  const { interval, applicationInterval } = settings;
  if (applicationInterval > 0 && now - applicationAt >= applicationInterval * 1000) return "application";
  return now - askedAt >= interval * 1000 ? "crash" : undefined;
}

/**
 * The group with a barrier on its way. One that is on its way already stays as it was asked for. Of those who are wanted,
 * who has left meanwhile is not asked; when nobody is left the group stays as it is. @throws Conflict
 */
export function beginRound(
  old: GroupRecord,
  wish: Pick<GroupRound, "id" | "consistency"> & { readonly members: readonly MachineId[] },
  now: Micros,
  ahead: Millis,
): GroupRecord {
  if (old.round?.id === wish.id) return old;
  if (old.round) throw new LeewardError("Conflict", `group ${old.id} waits for barrier ${old.round.id}`);
  const members = wish.members.filter((one) => old.members.some(({ machine: of }) => of === one));
  if (members.length === 0) return old;
  const round = { ...wish, at: micros(now + ahead * 1000), hold: old.settings.hold, askedAt: now };
  return {
    ...old,
    round: { ...round, members: members.toSorted() },
    askedAt: now,
    ...(wish.consistency === "application" && { applicationAt: now }),
  };
}

/** The group once the barrier is a point of it, or has become none. */
export function endRound(
  old: GroupRecord,
  id: BarrierId,
  end: { readonly consistency: Consistency } | { readonly why: string },
  now: Micros,
): GroupRecord {
  const { round, missed: _, ...rest } = old;
  if (round?.id !== id) return old;
  if ("why" in end) return { ...rest, missed: { id, time: now, why: end.why } };
  return { ...rest, newest: { id, time: round.at, consistency: end.consistency } };
}

/** A member that has not answered so long after the instant is not waited for. */
const PATIENCE = 60_000_000;

/** What is known of a member's barrier. */
export interface MemberBarrier {
  readonly machine: MachineId;
  /** As it stands in the member's record; undefined when it was never asked for it, or is no longer. */
  readonly request: BarrierRequest | undefined;
}

type RoundVerdict =
  | { readonly state: "waiting" }
  | { readonly state: "ready" }
  | { readonly state: "failed"; readonly why: string };

/** Whether the group has a point: only when every member has set the barrier in time, and has it as a point of its own. */
export function roundVerdict(
  { at, hold }: GroupRound,
  members: readonly MemberBarrier[],
  now: Micros,
): RoundVerdict {
  const late = now > at + hold * 1000 + PATIENCE;
  for (const { machine: of, request } of members) {
    const why = faultOf(request, late);
    if (why !== undefined) return { state: "failed", why: `${of}: ${why}` };
  }
  const ready = members.every(({ request }) => request?.held === true && request.made === true);
  return ready ? { state: "ready" } : { state: "waiting" };
}

function faultOf(request: BarrierRequest | undefined, late: boolean): string | undefined {
  if (!request) return "its barrier was withdrawn";
  if (!request.set && request.why !== undefined) return request.why;
  if (request.held === false) return request.why ?? "its barrier cannot be trusted";
  if (late && request.held === undefined) return "nothing was heard of its barrier";
  return undefined;
}
