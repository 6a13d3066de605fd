import type { BarrierId } from "../core/ids.ts";
import { type Generation, type Micros, type Millis, type Sequence, micros, millis } from "../core/units.ts";
import type { Consistency } from "../journal/record.ts";
import type { RetentionPolicy } from "./retention-policy.ts";

/** What retention must know of a recovery point. */
export interface RetainedPoint {
  readonly id: BarrierId;
  readonly generation: Generation;
  readonly sequence: Sequence;
  /** Of the barrier, by the source's clock, which may step. */
  readonly time: Micros;
  readonly consistency: Consistency;
  /** What would be rebuilt was compared with the source's digests, and was equal. */
  readonly verified?: boolean;
  /** It was compared and differed. */
  readonly bad?: boolean;
  /** A point of its group, or one that is being made, is made of it. */
  readonly common?: boolean;
  /** The replica is being brought to it, which takes longer than some points stay. */
  readonly awaited?: boolean;
  /** A verification in turns has begun with it. */
  readonly compared?: boolean;
  /** There is a test failover that was built from it. */
  readonly tested?: boolean;
}

type KeepReason =
  | "newest good"
  | "newest verified"
  | "part of a group's point"
  | "the replica is on its way to it"
  | "it is being verified"
  | "a test was built from it"
  | "recent"
  | "first of its interval"
  | "every write since is rebuilt from it";
type DropReason = "older than the window" | "thinned";

export interface Decision<Reason = KeepReason> {
  readonly point: RetainedPoint;
  readonly reason: Reason;
  /** The interval that one point is kept of; 0 while all of its age are. */
  readonly every: Millis;
}

export interface Retention {
  /** Every write behind the newest kept point of this time stays reachable. */
  readonly writesSince: Micros;
  /** Both in the order of the journal. */
  readonly keep: readonly Decision<KeepReason>[];
  readonly drop: readonly Decision<DropReason>[];
}

/**
 * Which points stay. Of each interval the first good point of each consistency stays, the first of all when none is
 * good. Intervals are anchored at 1970 and pass from one step of the ladder to the next as a whole, when their end has
 * the age; so what is decided of a point hangs on its interval alone, and thinning every minute or once a year leaves
 * the same.
 *
 * The order is that of the journal; times only say which interval and how old. A point from the future counts as new
 * until its time has come. Never dropped: the newest point that is not bad, the newest verified one, what a point of
 * the machine's group is made of, what the replica is being brought to, and what a test was built from. When no point
 * is as old as the any-write window any more, the last one that was stays: the first writes of the window follow it.
 *
 * @param wanted of a write that somebody is about to rebuild: the any-write window reaches back to it for so long
 */
export function retain(
  points: readonly RetainedPoint[],
  policy: RetentionPolicy,
  now: Micros,
  wanted?: Micros,
): Retention {
  const ordered = points.toSorted(inOrder);
  const newestGood = ordered.findLast(({ bad }) => !bad);
  const newestVerified = ordered.findLast(({ bad, verified }) => verified && !bad);
  const firsts = firstOfEach(ordered, policy, now);
  const oldest = now - policy.window * MICROS;
  const keep: Decision<KeepReason>[] = [];
  const drop: Decision<DropReason>[] = [];
  for (const point of ordered) {
    const interval = intervalOf(point, policy, now);
    const every = interval?.every ?? millis(0);
    if (point === newestGood) keep.push({ point, every, reason: "newest good" });
    else if (point === newestVerified) keep.push({ point, every, reason: "newest verified" });
    else if (point.common) keep.push({ point, every, reason: "part of a group's point" });
    else if (point.tested) keep.push({ point, every, reason: "a test was built from it" });
    else if (point.compared) keep.push({ point, every, reason: "it is being verified" });
    else if (point.awaited) keep.push({ point, every, reason: "the replica is on its way to it" });
    else if (point.time < oldest) drop.push({ point, every, reason: "older than the window" });
    else if (interval === undefined) keep.push({ point, every, reason: "recent" });
    else if (firsts.get(interval.name) === point)
      keep.push({ point, every, reason: "first of its interval" });
    else drop.push({ point, every, reason: "thinned" });
  }
  return withFloor({ keep, drop, writesSince: writesSince(policy, now, wanted) });
}

/**
 * The time from which ages are counted back: the clock, but never later than the newest point. While a machine makes no
 * points, none of its old ones goes; and a clock that is years ahead does not take all of them for old.
 */
export function agingTime(points: readonly RetainedPoint[], now: Micros): Micros {
  const newest = points.toSorted(inOrder).at(-1);
  return newest ? micros(Math.min(now, newest.time)) : now;
}

const writesSince = (
  { window, anyWriteWindow }: RetentionPolicy,
  now: Micros,
  wanted: Micros = now,
): Micros => micros(Math.min(wanted, Math.max(0, now - Math.min(window, anyWriteWindow) * MICROS)));

function withFloor(decided: Retention): Retention {
  const { keep, drop, writesSince: since } = decided;
  const isFloor = ({ point }: Decision<unknown>) => point.time <= since && !point.bad;
  const floor = keep.some(isFloor) ? undefined : drop.findLast(isFloor);
  if (!floor) return decided;
  const { point, every } = floor;
  return {
    keep: [{ point, every, reason: "every write since is rebuilt from it" as const }, ...keep].toSorted(
      (a, b) => inOrder(a.point, b.point),
    ),
    drop: drop.filter((each) => each !== floor),
    writesSince: since,
  };
}

const MICROS = 1000;

const inOrder = (a: RetainedPoint, b: RetainedPoint): number =>
  a.generation - b.generation || a.sequence - b.sequence || (a.id < b.id ? -1 : 1);

/** Points behind the window count too: else one that was thinned long ago would have to come back when the first goes. */
function firstOfEach(
  ordered: readonly RetainedPoint[],
  policy: Pick<RetentionPolicy, "ladder">,
  now: Micros,
): ReadonlyMap<string, RetainedPoint> {
  const firsts = new Map<string, RetainedPoint>();
  for (const point of ordered) {
    const interval = intervalOf(point, policy, now);
    if (interval === undefined) continue;
    const first = firsts.get(interval.name);
    if (!first || (first.bad && !point.bad)) firsts.set(interval.name, point);
  }
  return firsts;
}

/** Undefined while every point of the age stays. The coarsest step whose interval has the age as a whole holds. */
function intervalOf(
  { time, consistency }: RetainedPoint,
  { ladder }: Pick<RetentionPolicy, "ladder">,
  now: Micros,
): { readonly name: string; readonly every: Millis } | undefined {
  for (let i = ladder.length - 1; i >= 0; i--) {
    const every = (ladder[i]?.every ?? 0) * MICROS;
    if (every === 0) continue;
    const number = Math.floor(time / every);
    const since = (ladder[i - 1]?.until ?? 0) * MICROS;
    if ((number + 1) * every + since <= now)
      return { name: `${consistency} ${every} ${number}`, every: millis(every / MICROS) };
  }
  return undefined;
}
