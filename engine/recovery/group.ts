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
import { passedOver } from "./passed-over.ts";
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
  /** How many they are: fixed, as their list is, when it was asked for. */
  members: z.number().int().positive(),
  /** The object with their list. */
  list: z.string(),
});
export type GroupRound = z.infer<typeof groupRound>;

/** A member of a group. Kind `member-{group}`, keyed by the machine: members come and go without hindering each other. */
export const memberRecord = z.object({ format: z.literal(1), machine, joinedAt: time });
export type MemberRecord = z.infer<typeof memberRecord>;

/**
 * Machines with common recovery points. Kind `group`, keyed by its id; changed only by ETag compare-and-swap. Whatever grows with the
 * number of members is elsewhere: `memberRecord`, and lists in objects.
 */
export const groupRecord = z.object({
  format: z.literal(1),
  group: z.string().transform(checked(groupId)),
  /** `{vault}/leewardGroups/{name}`. */
  id: z.string().transform(checked(armId)),
  settings: groupSettings,
  /** Counts members that left: nobody who has is asked for a barrier. */
  left: z.number().int().default(0),
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
      members: z.number().int(),
      acceptBadPoint: z.boolean(),
      passedOver: passedOver.optional(),
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
  left: 0,
});

/** Which point is to be made now, if any. */
export function roundDue(
  { round, settings, askedAt = micros(0), applicationAt = micros(0) }: GroupRecord,
  now: Micros,
): Consistency | undefined {
  if (round) return undefined;
  const { interval, applicationInterval } = settings;
  if (applicationInterval > 0 && now - applicationAt >= applicationInterval * 1000) return "application";
  return now - askedAt >= interval * 1000 ? "crash" : undefined;
}

/**
 * The group with a barrier on its way. One that is on its way already stays as it was asked for. Nothing happens when a
 * member left since the list was made: it is to be made anew. @param left as when the list was begun @throws Conflict
 */
export function beginRound(
  old: GroupRecord,
  wish: Pick<GroupRound, "id" | "consistency" | "members" | "list">,
  left: number,
  now: Micros,
  ahead: Millis,
): GroupRecord {
  if (old.round?.id === wish.id) return old;
  if (old.round) throw new LeewardError("Conflict", `group ${old.id} waits for barrier ${old.round.id}`);
  if (old.left !== left) return old;
  const round = { ...wish, at: micros(now + ahead * 1000), hold: old.settings.hold, askedAt: now };
  return {
    ...old,
    round,
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
  /** The first `ready` of these are. */
  | { readonly state: "waiting"; readonly ready: number }
  | { readonly state: "ready" }
  | { readonly state: "failed"; readonly why: string };

/**
 * Whether these of the group's members let it have a point: only when every one has set the barrier in time, and has it as a
 * point of its own.
 */
export function roundVerdict(
  { at, hold }: Pick<GroupRound, "at" | "hold">,
  members: readonly MemberBarrier[],
  now: Micros,
): RoundVerdict {
  const late = now > at + hold * 1000 + PATIENCE;
  for (const { machine: of, request } of members) {
    const why = faultOf(request, late);
    if (why !== undefined) return { state: "failed", why: `${of}: ${why}` };
  }
  const waits = members.findIndex(({ request }) => request?.held !== true || request.made !== true);
  return waits < 0 ? { state: "ready" } : { state: "waiting", ready: waits };
}

function faultOf(request: BarrierRequest | undefined, late: boolean): string | undefined {
  if (!request) return "its barrier was withdrawn";
  if (!request.set && request.why !== undefined) return request.why;
  if (request.held === false) return request.why ?? "its barrier cannot be trusted";
  if (late && request.held === undefined) return "nothing was heard of its barrier";
  return undefined;
}
