import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { barrierId } from "../../../../engine/core/ids.ts";
import { generation, micros, sequence } from "../../../../engine/core/units.ts";
import { type RetainedPoint, retain } from "../../../../engine/recovery/retention.ts";
import { retentionPolicy } from "../../../../engine/recovery/retention-policy.ts";

const MINUTE = 60_000_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** A midnight. */
const START = 20_000 * DAY;
const ASR = retentionPolicy.parse({ window: (15 * DAY) / 1000 });
const id = (n: number) => barrierId(`00000000-0000-4000-8000-${String(n).padStart(12, "0")}`);

const at = (n: number, time: number, more: Partial<RetainedPoint> = {}): RetainedPoint => ({
  id: id(n),
  generation: generation(1),
  sequence: sequence(n),
  time: micros(time),
  consistency: "crash",
  ...more,
});
const kept = (points: readonly RetainedPoint[], now: number, policy = ASR) =>
  retain(points, policy, micros(now)).keep.map(({ point }) => point);

/** A history with a clock that runs, stands or steps; flags are known from the beginning. */
const history = fc
  .array(
    fc.record({
      step: fc.oneof(
        { weight: 8, arbitrary: fc.integer({ min: 0, max: 3 * HOUR }) },
        { weight: 1, arbitrary: fc.integer({ min: -3 * DAY, max: 3 * DAY }) },
      ),
      application: fc.boolean(),
      verified: fc.boolean(),
      bad: fc.nat(5).map((n) => n === 0),
    }),
    { minLength: 1, maxLength: 120 },
  )
  .map((steps) => {
    let time = START;
    return steps.map(({ step, application, verified, bad }, i) => {
      time += step;
      const consistency = application ? "application" : "crash";
      return at(i, time, { consistency, verified, bad, generation: generation(1 + Math.floor(i / 50)) });
    });
  });
const moment = fc.integer({ min: START, max: START + 40 * DAY });

describe("the policy", () => {
  test("is that of Azure Site Recovery within a day, when nothing else is said", () => {
    const { window, ladder } = retentionPolicy.parse({});
    expect(window).toBe(DAY / 1000);
    expect(ladder.map(({ every }) => every / 60_000)).toEqual([0, 60, 120, 240]);
  });

  test("refuses steps that do not grow and intervals that do not lie in each other", () => {
    const step = (until: number, every: number) => ({ until, every });
    expect(retentionPolicy.safeParse({ ladder: [step(2, 0), step(2, 1)] }).success).toBe(false);
    expect(retentionPolicy.safeParse({ ladder: [step(1, 2), step(2, 3)] }).success).toBe(false);
    expect(retentionPolicy.safeParse({ ladder: [step(1, 2), step(2, 0)] }).success).toBe(false);
    expect(retentionPolicy.safeParse({ ladder: [] }).success).toBe(false);
  });
});

describe("what is kept", () => {
  test("all of the last two hours, and the first of each hour before", () => {
    const now = START + 10 * HOUR;
    const points = Array.from({ length: 120 }, (_, i) => at(i, START + i * 5 * MINUTE));
    const minutes = kept(points, now).map(({ time }) => (time - START) / MINUTE);
    const hourly = [0, 60, 120, 180, 240, 300, 360, 420];
    expect(minutes).toEqual([...hourly, ...Array.from({ length: 24 }, (_, i) => 480 + i * 5)]);
  });

  test("what a test was built from, however old and however dense", () => {
    const now = START + 40 * DAY;
    const tested = at(1, START + MINUTE, { tested: true });
    const points = [at(0, START), tested, at(2, START + 40 * DAY)];
    const { keep, drop } = retain(points, ASR, micros(now));
    expect(keep.find(({ point }) => point === tested)?.reason).toBe("a test was built from it");
    expect(drop.map(({ point }) => point.id)).not.toContain(tested.id);
  });

  test("every write since the one that somebody is about to rebuild, for so long", () => {
    const policy = retentionPolicy.parse({ anyWriteWindow: 0 });
    const now = micros(START + 20 * HOUR);
    const points = Array.from({ length: 20 }, (_, i) => at(i, START + i * HOUR));
    const wanted = micros(START + 5 * HOUR + MINUTE);
    expect(retain(points, policy, now).writesSince).toBe(now);
    const { writesSince, keep } = retain(points, policy, now, wanted);
    expect(writesSince).toBe(wanted);
    expect(keep.some(({ point }) => point.time <= wanted && !point.bad)).toBe(true);
    // A write that is within the window already changes nothing.
    const wide = retentionPolicy.parse({});
    expect(retain(points, wide, now, micros(now - MINUTE))).toEqual(retain(points, wide, now));
  });

  test("each point says why it stays or goes", () => {
    const now = START + 20 * DAY;
    const points = [
      at(0, START),
      at(1, START + DAY, { verified: true }),
      at(2, START + 19 * DAY),
      at(3, START + 19 * DAY + MINUTE),
      at(4, now - HOUR),
      at(5, now - MINUTE),
      at(6, now, { bad: true }),
    ];
    const { keep, drop } = retain(points, ASR, micros(now));
    expect(keep.map(({ point, reason }) => [point.sequence, reason])).toEqual([
      [1, "newest verified"],
      [2, "first of its interval"],
      [4, "recent"],
      [5, "newest good"],
      [6, "recent"],
    ]);
    expect(drop.map(({ point, reason }) => [point.sequence, reason])).toEqual([
      [0, "older than the window"],
      [3, "thinned"],
    ]);
  });

  test("points of both consistencies are thinned alike, each for itself", () => {
    const points = Array.from({ length: 12 }, (_, i) =>
      at(i, START + i * 5 * MINUTE, { consistency: i % 3 === 1 ? "application" : "crash" }),
    );
    expect(kept([...points, at(99, START + DAY)], START + DAY).map(({ sequence: n }) => n)).toEqual([
      0, 1, 99,
    ]);
  });

  test("a good point stands for its interval before a bad one", () => {
    const points = [at(0, START, { bad: true }), at(1, START + MINUTE), at(2, START + 9 * HOUR)];
    expect(kept(points, START + 9 * HOUR).map(({ sequence: n }) => n)).toEqual([1, 2]);
  });

  test("the newest by the journal's order is never dropped, whatever its clock said", () => {
    fc.assert(
      fc.property(history, moment, (points, now) => {
        const found = new Set(kept(points, now));
        const good = points.filter(({ bad }) => !bad);
        const newest = [good.at(-1), good.findLast(({ verified }) => verified)];
        expect(newest.every((point) => point === undefined || found.has(point))).toBe(true);
      }),
    );
  });

  test("a point from the future stays until its time has come, and then ages", () => {
    const future = at(0, START + 100 * DAY);
    const points = [future, at(1, START)];
    expect(kept(points, START)).toContain(future);
    expect(kept(points, START + 100 * DAY)).toContain(future);
    expect(kept(points, START + 116 * DAY)).not.toContain(future);
  });
});

describe("run after run", () => {
  test("the order in which points are given does not matter, and every point is decided once", () => {
    fc.assert(
      fc.property(history, moment, fc.infiniteStream(fc.nat()), (points, now, salt) => {
        const shuffled = points.map((p) => [salt.next().value, p] as const).toSorted(([a], [b]) => a - b);
        const found = retain(points, ASR, micros(now));
        expect(
          retain(
            shuffled.map(([, p]) => p),
            ASR,
            micros(now),
          ),
        ).toEqual(found);
        expect([...found.keep, ...found.drop]).toHaveLength(points.length);
      }),
    );
  });

  test("thinning what was thinned drops nothing more", () => {
    fc.assert(
      fc.property(history, moment, (points, now) => {
        const once = kept(points, now);
        expect(kept(once, now)).toEqual(once);
      }),
    );
  });

  test("thinning at many moments leaves what thinning once at the last leaves", () => {
    fc.assert(
      fc.property(history, fc.array(moment, { minLength: 1, maxLength: 12 }), (points, moments) => {
        const times = moments.toSorted((a, b) => a - b);
        // Protected for a while as the newest, a point may outlive its interval's first: those are no part of the law.
        const plain = points.map((point) => ({ ...point, verified: false, bad: point.bad ?? false }));
        const sentinel = at(9999, 0, { generation: generation(9) });
        const all = [...plain, sentinel];
        const [last = 0] = times.slice(-1);
        const stepwise = times.reduce((left, now) => kept(left, now), all);
        expect(stepwise).toEqual(kept(all, last));
      }),
      { numRuns: 300 },
    );
  });
});

/** What the policy says in words, counted directly from everything that ever was. */
function law(all: readonly RetainedPoint[], now: number): RetainedPoint[] {
  const steps = [
    { since: 7 * DAY, every: 4 * HOUR },
    { since: DAY, every: 2 * HOUR },
    { since: 2 * HOUR, every: HOUR },
  ];
  const seen = new Set<string>();
  return all.filter((point, i) => {
    const step = steps.find(({ since, every }) => point.time - (point.time % every) + every + since <= now);
    const interval = `${point.consistency} ${step?.every} ${step && Math.floor(point.time / step.every)}`;
    const first = !step || !seen.has(interval);
    seen.add(interval);
    return i === all.length - 1 || (first && now - point.time <= 15 * DAY);
  });
}

describe("a year of points, one each five minutes, thinned each hour", () => {
  const year = (clock: (true_: number) => number) => {
    const all: RetainedPoint[] = [];
    let left: RetainedPoint[] = [];
    for (let i = 0; i < 365 * 288; i++) {
      const time = START + i * 5 * MINUTE;
      const point = at(i, clock(time), { consistency: i % 12 === 7 ? "application" : "crash" });
      all.push(point);
      left.push(point);
      if (i % 12 === 11) left = kept(left, time);
    }
    return { all, left, now: START + (365 * 288 - 1) * 5 * MINUTE };
  };

  test("with a true clock exactly what the policy says remains", () => {
    const { all, left, now } = year((time) => time);
    expect(left).toEqual(law(all, now));
    // 24 of two hours and up to 11 more, 22 hourly, 6 days two-hourly, 8 days four-hourly; half as many hours again are open.
    expect(left.length).toBeGreaterThan(24 + 2 * (22 + 72 + 48) - 4);
    expect(left.length).toBeLessThan(36 + 2 * (24 + 73 + 49) + 4);
  });

  test("with a clock that steps an hour, a day and a week, forth and back, exactly that too", () => {
    const { all, left, now } = year((time) => {
      const day = Math.floor((time - START) / DAY);
      if (day === 100) return time + 7 * DAY;
      if (day === 352) return time - DAY;
      if (day === 358) return time + HOUR;
      if (day === 360) return time - HOUR;
      return day === 361 ? time + DAY : time;
    });
    expect(left).toEqual(law(all, now));
  });
});
