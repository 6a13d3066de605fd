import { z } from "zod";
import type { BarrierId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { type Generation, type Micros, type Sequence, millis } from "../core/units.ts";
import type { Consistency } from "../journal/record.ts";

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
}

type KeepReason = "newest good" | "newest verified" | "recent" | "first of its interval";
type DropReason = "older than the window" | "thinned";

interface Decision<Reason> {
  readonly point: RetainedPoint;
  readonly reason: Reason;
}

export interface Retention {
  /** Both in the order of the journal. */
  readonly keep: readonly Decision<KeepReason>[];
  readonly drop: readonly Decision<DropReason>[];
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const duration = (least: number, most: number) =>
  z.number().int().min(least).max(most).transform(checked(millis));
const age = duration(0, 3660 * DAY);

/** As Azure Site Recovery thins: all for two hours, then one an hour, each two hours and each four hours. */
const ASR_LADDER = [
  { until: 2 * HOUR, every: 0 },
  { until: DAY, every: HOUR },
  { until: 7 * DAY, every: 2 * HOUR },
  { until: 15 * DAY, every: 4 * HOUR },
];

/** How long points and writes are kept, and how densely; durations in milliseconds. */
export const retentionPolicy = z.strictObject({
  /** Older points go, but for the newest good and the newest verified one. */
  window: duration(1000, 3660 * DAY).default(millis(DAY)),
  /** A step applies to points younger than `until`; the last one also to older points. `every` 0 keeps all. */
  ladder: z
    .array(z.strictObject({ until: age, every: age }))
    .min(1)
    .max(16)
    .refine((steps) => steps.every(({ until }, i) => until > (steps[i - 1]?.until ?? 0)), {
      message: "each step must reach further than the one before",
    })
    .refine((steps) => steps.every(({ every }, i) => isMultiple(every, steps[i - 1]?.every ?? 0)), {
      message: "each interval must be a multiple of the one before",
    })
    .prefault(ASR_LADDER),
  /** Every write stays reachable for so long. Before that there are points only, and storage holds layers alone. */
  anyWriteWindow: duration(0, 366 * DAY).default(millis(DAY)),
  /** Points are thinned and layers built this often. */
  interval: duration(1000, DAY).default(millis(HOUR / 4)),
  /**
   * What nothing needs any more is deleted after so long. Whoever began to read it has that much time: a restore or a
   * verification that takes longer fails by name, and has to begin again.
   */
  deleteDelay: duration(1000, 30 * DAY).default(millis(DAY)),
});
export type RetentionPolicy = z.output<typeof retentionPolicy>;

/** Intervals then lie inside the coarser ones: the first of a coarse one was the first of a fine one, and is still there. */
const isMultiple = (every: number, of: number): boolean => (of === 0 ? true : every > 0 && every % of === 0);

/**
 * Which points stay. Of each interval the first good point of each consistency stays, the first of all when none is
 * good. Intervals are anchored at 1970 and pass from one step of the ladder to the next as a whole, when their end has
 * the age; so what is decided of a point hangs on its interval alone, and thinning every minute or once a year leaves
 * the same.
 *
 * The order is that of the journal; times only say which interval and how old. A point from the future counts as new
 * until its time has come. Never dropped: the newest point that is not bad, and the newest verified one.
 */
export function retain(
  points: readonly RetainedPoint[],
  policy: Pick<RetentionPolicy, "window" | "ladder">,
  now: Micros,
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
    if (point === newestGood) keep.push({ point, reason: "newest good" });
    else if (point === newestVerified) keep.push({ point, reason: "newest verified" });
    else if (point.time < oldest) drop.push({ point, reason: "older than the window" });
    else if (interval === undefined) keep.push({ point, reason: "recent" });
    else if (firsts.get(interval) === point) keep.push({ point, reason: "first of its interval" });
    else drop.push({ point, reason: "thinned" });
  }
  return { keep, drop };
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
    const first = firsts.get(interval);
    if (!first || (first.bad && !point.bad)) firsts.set(interval, point);
  }
  return firsts;
}

/** Undefined while every point of the age stays. The coarsest step whose interval has the age as a whole holds. */
function intervalOf(
  { time, consistency }: RetainedPoint,
  { ladder }: Pick<RetentionPolicy, "ladder">,
  now: Micros,
): string | undefined {
  for (let i = ladder.length - 1; i >= 0; i--) {
    const every = (ladder[i]?.every ?? 0) * MICROS;
    if (every === 0) continue;
    const number = Math.floor(time / every);
    const since = (ladder[i - 1]?.until ?? 0) * MICROS;
    if ((number + 1) * every + since <= now) return `${consistency} ${every} ${number}`;
  }
  return undefined;
}
