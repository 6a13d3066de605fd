import type { MachineId } from "../core/ids.ts";
import { type Bytes, type Generation, type Micros, type Ordinal, bytes, sequence } from "../core/units.ts";
import type { RecoveryPoint } from "../journal/manifest.ts";
import type { MarkedSegment } from "../journal/marked-segment.ts";
import { type JournalPosition, startOf } from "../journal/position.ts";
import type { ItemRecord } from "./item.ts";
import type { RecoveryPolicy } from "./policy.ts";
import { newestOf } from "./guest-writes.ts";
import type { Reported } from "./losses.ts";
import { type EndedGeneration, type ProgressRecord, farther } from "./progress.ts";
import type { Beginning } from "./resync.ts";
import { STATES } from "./state.ts";

/**
 * Begins a generation: what was under way in the one before is given up where it is; its points, and what the replica
 * holds of them, stay. Sequences go on after the last write that has arrived.
 */
export function beginGeneration(
  machine: MachineId,
  of: Generation,
  old: ProgressRecord | undefined,
  beginning?: Beginning,
  reported?: Reported,
): ProgressRecord {
  const from = sequence(Math.max(old?.arrived.sequence ?? 0, beginning?.after ?? 0));
  const start = startOf(of, from, beginning?.chain);
  const shipped = old?.shipped ?? { segments: 0, objects: 0, bytes: bytes(0) };
  const { problem: _, wanted: __, resync: ___, ...kept } = old ?? {};
  return {
    ...kept,
    format: 1,
    machine,
    from,
    arrived: start,
    cut: start,
    marked: [],
    pending: [],
    shipped,
    ...(old && { ended: [...(old.ended ?? []), endOf(old, reported)].slice(-MOST_ENDED) }),
    ...(beginning && { resync: beginning.resync }),
  };
}

/** Of each the record has some 150 bytes. A failover to a point of an older one announces less than was lost. */
const MOST_ENDED = 64;

function endOf({ arrived, from }: ProgressRecord, reported: Reported | undefined): EndedGeneration {
  const { generation, sequence: at, bytes: size, copied } = newestOf(arrived, reported);
  const said = reported?.captured.generation === generation ? reported.unrecorded : undefined;
  return {
    generation,
    from,
    end: { sequence: at, bytes: size, ...(copied && { copied }) },
    ...(said && { unrecorded: { writes: said.writes, bytes: said.bytes } }),
  };
}

/** Whether shipping goes on: `wait` while a generation is being begun. */
export function shippingOf(item: ItemRecord, progress: ProgressRecord | undefined): "go" | "wait" | "end" {
  if (!STATES[item.state].replicating) return "end";
  return progress?.arrived.generation === item.generation ? "go" : "wait";
}

export interface ShippedSoFar {
  readonly position: JournalPosition;
  readonly segments: number;
  readonly objects: number;
  readonly bytes: number;
  readonly marked: readonly MarkedSegment[];
}

/**
 * A record takes 60 KB, and each of these some 250 bytes. When nothing was cut for so long, the oldest proofs become no
 * points; their writes can still be reached.
 */
const MOST_MARKED = 100;

/** A proof has come: time to cut. */
export const isProved = ({ marked }: ProgressRecord): boolean => marked.some(({ proofs }) => proofs);

/** Counts what one run shipped. A run of another generation, or behind one that went on meanwhile, moves nothing. */
export function withShipped(progress: ProgressRecord, shipped: ShippedSoFar): ProgressRecord {
  const { arrived } = progress;
  if (shipped.position.generation !== arrived.generation || shipped.position.next <= arrived.next)
    return progress;
  const { shipped: before, wanted: _, ...rest } = progress;
  return {
    ...rest,
    arrived: farther(arrived, shipped.position),
    marked: [
      ...progress.marked,
      ...shipped.marked.filter(({ position }) => position.next > arrived.next),
    ].slice(-MOST_MARKED),
    shipped: {
      segments: before.segments + shipped.segments,
      objects: before.objects + shipped.objects,
      bytes: bytes(before.bytes + shipped.bytes),
    },
  };
}

/** Notes what the cache lacks from the next segment on. Only a run that stands where the record stands may say so. */
export function withWanted(
  progress: ProgressRecord,
  { generation, next }: Pick<JournalPosition, "generation" | "next">,
  ordinals: readonly Ordinal[],
  now: Micros,
): ProgressRecord {
  const { arrived, wanted } = progress;
  if (arrived.generation !== generation || arrived.next !== next) return progress;
  return { ...progress, wanted: { ordinals: [...ordinals], since: wanted?.since ?? now } };
}

/** Notes that every proof before `to` became a point. @param bytesAt of data up to the barrier of the newest of them */
export function withCut(
  progress: ProgressRecord,
  to: JournalPosition,
  points: readonly RecoveryPoint[],
  pending: ProgressRecord["pending"],
  bytesAt?: Bytes,
): ProgressRecord {
  if (to.generation !== progress.cut.generation || to.next < progress.cut.next) return progress;
  const newest = points.at(-1);
  const point = newest && {
    id: newest.id,
    generation: newest.generation,
    sequence: newest.sequence,
    time: newest.time,
    bytes: bytesAt ?? newest.position.bytes,
    ...(newest.position.copied && { copied: newest.position.copied }),
  };
  const marked = progress.marked.filter(({ position }) => position.next > to.next);
  const made = [...(progress.made ?? []), ...newPlaces(progress, points)].slice(-MOST_MADE);
  return {
    ...progress,
    cut: to,
    marked,
    pending: [...pending],
    ...(point && { point }),
    ...(made.length > 0 && { made }),
  };
}

/** Of 120 bytes each, in a record that takes 60 KB. Retention lists them long before there are so many. */
const MOST_MADE = 100;

type Made = NonNullable<ProgressRecord["made"]>;

/** Those that an earlier run noted are not among them. */
const newPlaces = ({ cut }: ProgressRecord, points: readonly RecoveryPoint[]): Made =>
  points
    .filter(({ position }) => position.next > cut.next)
    .map(({ id, generation, sequence: at }) => ({ id, generation, sequence: at }));

/** Notes that these points are listed elsewhere. */
export function withoutMade(
  progress: ProgressRecord,
  listed: readonly Pick<RecoveryPoint, "generation" | "id">[],
): ProgressRecord {
  const { made: before, ...rest } = progress;
  const made =
    before?.filter(
      (one) => !listed.some((each) => each.id === one.id && each.generation === one.generation),
    ) ?? [];
  if (made.length === (before?.length ?? 0)) return progress;
  return made.length > 0 ? { ...rest, made } : rest;
}

/** Notes that the replica may get writes up to the point. A late run to an older one lowers nothing. */
export function withReserved(
  progress: ProgressRecord,
  { generation, sequence: upTo }: Pick<RecoveryPoint, "generation" | "sequence">,
): ProgressRecord {
  const { reserved } = progress;
  const newer =
    !reserved ||
    generation > reserved.generation ||
    (generation === reserved.generation && upTo > reserved.sequence);
  return newer ? { ...progress, reserved: { generation, sequence: upTo } } : progress;
}

/** Notes that the next checkpoint rebuilds the replica. */
export const withRebuild = (progress: ProgressRecord, now: Micros): ProgressRecord => ({
  ...progress,
  rebuildSince: progress.rebuildSince ?? now,
});

/** Notes a checkpoint. One that comes late, after a newer one, moves nothing. */
export function withApplied(
  progress: ProgressRecord,
  applied: JournalPosition,
  appliedAt: Micros,
): ProgressRecord {
  const before = progress.applied;
  return before && farther(applied, before) === before
    ? { ...progress, appliedAt }
    : { ...progress, applied, appliedAt };
}

/** Counts what a checkpoint merged. One that found its work done counts nothing. */
export function withMerged(
  progress: ProgressRecord,
  made: NonNullable<ProgressRecord["merged"]>,
): ProgressRecord {
  if (made.written === 0) return progress;
  const before = progress.merged ?? { bytes: 0, written: 0 };
  const merged = { bytes: bytes(before.bytes + made.bytes), written: bytes(before.written + made.written) };
  return { ...progress, merged };
}

/**
 * A checkpoint is due when there is a newer point than the replica holds, and the policy's interval has passed; at once
 * when the replica was found wrong.
 */
export function checkpointDue(now: Micros, policy: RecoveryPolicy, progress: ProgressRecord): boolean {
  const { point, reserved, appliedAt } = progress;
  if (policy.replica === "none" || !point || progress.problem?.stopped) return false;
  if (progress.rebuildSince !== undefined) return true;
  const held = reserved?.generation === point.generation && reserved.sequence >= point.sequence && appliedAt;
  return !held && now - (appliedAt ?? 0) >= policy.checkpointInterval * 1000;
}

/** An application-consistent point is due when none was asked for within the policy's interval. */
export const applicationDue = (
  now: Micros,
  { applicationInterval }: RecoveryPolicy,
  asked: Micros | undefined,
): boolean => applicationInterval > 0 && now - (asked ?? 0) >= applicationInterval * 1000;

/** A recovery point is due when the newest one is older than the policy wants. */
export const pointDue = (now: Micros, policy: RecoveryPolicy, progress: ProgressRecord): boolean =>
  now - (progress.point?.time ?? 0) >= policy.pointInterval * 1000;
