import fc from "fast-check";
import { expect, test } from "vitest";
import { barrierId } from "../../../../engine/core/ids.ts";
import { generation, micros, sequence } from "../../../../engine/core/units.ts";
import { type RetainedPoint, agingTime, retain } from "../../../../engine/recovery/retention.ts";
import { type RetentionPolicy, retentionPolicy } from "../../../../engine/recovery/retention-policy.ts";

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;
const START = 20_000 * DAY;

/** A clock that is set: by how much, from when on (in days), and for how many hours; for good when there is no end. */
interface Step {
  readonly day: number;
  readonly by: number;
  readonly hours: number | undefined;
}

const step = (by: fc.Arbitrary<number>, hours: fc.Arbitrary<number | undefined>): fc.Arbitrary<Step> =>
  fc.record({ day: fc.integer({ min: 1, max: 364 }), by, hours });
const clock: fc.Arbitrary<Step[]> = fc
  .tuple(
    // Summer time, by a machine whose clock keeps local time.
    fc.constant<Step>({ day: 88, by: HOUR, hours: 217 * 24 }),
    fc.array(step(fc.integer({ min: -5 * MINUTE, max: 5 * MINUTE }), fc.constant(undefined)), {
      maxLength: 12,
    }),
    fc.array(step(fc.integer({ min: -3 * DAY, max: 3 * DAY }), fc.integer({ min: 1, max: 100 })), {
      maxLength: 3,
    }),
    // The year of a flat battery, or one mistyped.
    fc.array(step(fc.constantFrom(-19 * YEAR, -YEAR, YEAR, 10 * YEAR), fc.integer({ min: 1, max: 80 })), {
      maxLength: 2,
    }),
  )
  .map(([summer, ...others]) => [summer, ...others.flat()]);

const shown = (steps: readonly Step[], time: number): number =>
  steps
    .filter(({ day, hours }) => {
      const from = START + day * DAY;
      return time >= from && (hours === undefined || time < from + hours * HOUR);
    })
    .reduce((sum, { by }) => sum + by, time);

const hours = (n: number) => (n * HOUR) / 1000;
const policies: fc.Arbitrary<RetentionPolicy> = fc
  .record({
    window: fc.integer({ min: 6, max: 40 * 24 }).map(hours),
    dense: fc.integer({ min: 0, max: 12 }),
    every: fc.integer({ min: 1, max: 6 }),
    coarser: fc.integer({ min: 1, max: 10 }),
    anyWriteWindow: fc.integer({ min: 0, max: 48 }).map(hours),
  })
  .map(({ window, dense, every, coarser, anyWriteWindow }) =>
    retentionPolicy.parse({
      window,
      anyWriteWindow,
      ladder: [
        { until: hours(dense + 1), every: 0 },
        { until: hours(dense + 48), every: hours(every) },
        { until: hours(1000), every: hours(every * coarser) },
      ],
    }),
  );

const pointAt = (n: number, time: number, dice: number): RetainedPoint => ({
  id: barrierId(`00000000-0000-4000-8000-${String(n).padStart(12, "0")}`),
  generation: generation(1 + Math.floor(n / 900)),
  sequence: sequence(n),
  time: micros(time),
  consistency: n % 5 === 2 ? "application" : "crash",
  verified: dice % 3 === 0,
  bad: dice % 13 === 0,
});

/** What the policy says in words, of the points that are there, in order; `now` as ages are counted from. */
function law(points: readonly RetainedPoint[], policy: RetentionPolicy, now: number): RetainedPoint[] {
  const intervalOf = (point: RetainedPoint): [number, number] | undefined => {
    let found: [number, number] | undefined;
    policy.ladder.forEach(({ every }, i) => {
      if (every === 0) return;
      const length = every * 1000;
      const start = point.time - (((point.time % length) + length) % length);
      const youngest = i === 0 ? 0 : (policy.ladder[i - 1]?.until ?? 0) * 1000;
      // The whole interval has come into this step.
      if (start + length <= now - youngest) found = [start, start + length];
    });
    return found;
  };
  const standsFor = (point: RetainedPoint): boolean => {
    const interval = intervalOf(point);
    if (!interval) return true;
    const [start, end] = interval;
    const same = points.filter(
      (other) =>
        other.consistency === point.consistency &&
        other.time >= start &&
        other.time < end &&
        intervalOf(other)?.[0] === start,
    );
    return (same.find(({ bad }) => !bad) ?? same[0]) === point;
  };
  const newestGood = points.findLast(({ bad }) => !bad);
  const newestVerified = points.findLast(({ bad, verified }) => !bad && verified);
  const kept = new Set(
    points.filter(
      (point) =>
        point === newestGood ||
        point === newestVerified ||
        (now - point.time <= policy.window * 1000 && standsFor(point)),
    ),
  );
  const since = now - Math.min(policy.window, policy.anyWriteWindow) * 1000;
  const isFloor = (point: RetainedPoint) => !point.bad && point.time <= since;
  if (![...kept].some(isFloor)) {
    const floor = points.findLast(isFloor);
    if (floor) kept.add(floor);
  }
  return points.filter((point) => kept.has(point));
}

const numbersOf = (points: readonly RetainedPoint[]): string => points.map(({ sequence: n }) => n).join();

test("a year of points, on clocks that step, leap to summer time and show a wrong year, keeps what the policy says", () => {
  fc.assert(
    fc.property(policies, clock, clock, fc.infiniteStream(fc.nat()), (policy, source, app, dice) => {
      let left: RetainedPoint[] = [];
      for (let n = 0; n < 365 * 6; n++) {
        const time = START + n * 4 * HOUR;
        left = [...left, pointAt(n, Math.max(0, shown(source, time)), dice.next().value)];
        const now = agingTime(left, micros(Math.max(0, shown(app, time))));
        const { keep, drop } = retain(left, policy, now);
        const wanted = law(left, policy, now);
        const found = keep.map(({ point }) => point);
        expect(numbersOf(found)).toBe(numbersOf(wanted));
        expect(keep.length + drop.length).toBe(left.length);
        left = found;
      }
    }),
    { numRuns: 8 },
  );
});

test("a clock of the app that is ahead, by a minute or ten years, changes nothing", () => {
  fc.assert(
    fc.property(policies, fc.array(fc.integer({ min: 0, max: 10 * YEAR })), (policy, leaps) => {
      let right: RetainedPoint[] = [];
      let wrong: RetainedPoint[] = [];
      for (let n = 0; n < 400; n++) {
        const time = START + n * HOUR;
        const point = pointAt(n, time, n);
        const once = (points: RetainedPoint[], now: number) =>
          retain(points, policy, agingTime(points, micros(now))).keep.map((each) => each.point);
        right = once([...right, point], time);
        wrong = once([...wrong, point], time + (leaps[n % (leaps.length + 1)] ?? 0));
        expect(wrong).toEqual(right);
      }
    }),
    { numRuns: 20 },
  );
});
