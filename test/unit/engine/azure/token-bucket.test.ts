import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Bucket,
  atMost,
  closedFor,
  fullBucket,
  refilled,
  taken,
  waitFor,
} from "../../../../engine/azure/token-bucket.ts";
import { micros, millis } from "../../../../engine/core/units.ts";

const at = (seconds: number) => micros(Math.round(seconds * 1e6));
const size = fc.record({
  capacity: fc.integer({ min: 1, max: 300 }),
  perSecond: fc.double({ min: 0.05, max: 50, noNaN: true }),
});
/** Callers, each so many seconds after the one before. */
const gaps = fc.array(fc.double({ min: 0, max: 5, noNaN: true }), { minLength: 1, maxLength: 300 });

test("callers that wait as they are told never call more often than the bucket allows, in any span of time", () => {
  fc.assert(
    fc.property(size, gaps, (of, between) => {
      const calls: number[] = [];
      let now = 0;
      let bucket = fullBucket(of, at(0));
      for (const gap of between) {
        now += gap;
        calls.push(now + waitFor(bucket, of, at(now)) / 1000);
        bucket = taken(bucket, of, at(now));
      }
      calls.sort((a, b) => a - b);
      const spans = calls.flatMap((from, first) =>
        calls.slice(first).map((to, more) => ({ count: more + 1, seconds: to - from + 0.002 })),
      );
      expect(spans.filter(({ count, seconds }) => count > of.capacity + of.perSecond * seconds + 1)).toEqual(
        [],
      );
    }),
    { numRuns: 60 },
  );
});

test("who waits loses no more than he has to: one alone is never kept waiting", () => {
  fc.assert(
    fc.property(size, fc.integer({ min: 0, max: 1000 }), (of, now) => {
      expect(waitFor(fullBucket(of, at(now)), of, at(now))).toBe(0);
    }),
  );
});

test("what is left to others is there for them at once", () => {
  const of = { capacity: 100, perSecond: 1 };
  let bucket = fullBucket(of, at(0));
  let made = 0;
  while (waitFor(bucket, of, at(0), 40) === 0) {
    bucket = taken(bucket, of, at(0));
    made++;
  }
  expect(made).toBe(60);
  for (let urgent = 0; urgent < 40; urgent++) {
    expect(waitFor(bucket, of, at(0))).toBe(0);
    bucket = taken(bucket, of, at(0));
  }
  expect(waitFor(bucket, of, at(0))).toBe(1000);
});

test("time adds tokens up to the capacity, and a clock that steps back none", () => {
  const of = { capacity: 10, perSecond: 2 };
  const empty: Bucket = { tokens: 0, at: at(100), closedUntil: micros(0) };
  expect(refilled(empty, of, at(102)).tokens).toBe(4);
  expect(refilled(empty, of, at(1000)).tokens).toBe(10);
  expect(refilled(empty, of, at(50))).toEqual(empty);
});

test("what the other side says lowers the bucket and never fills it", () => {
  fc.assert(
    fc.property(size, fc.integer({ min: 0, max: 12_000 }), (of, left) => {
      const told = atMost(fullBucket(of, at(0)), of, at(0), left);
      expect(told.tokens).toBe(Math.min(of.capacity, left));
    }),
  );
});

test("a closed bucket is closed for everybody until it opens, and the later of two times counts", () => {
  const of = { capacity: 10, perSecond: 2 };
  const once = closedFor(fullBucket(of, at(0)), at(0), millis(17_000));
  const twice = closedFor(once, at(1), millis(1000));
  expect(waitFor(twice, of, at(1))).toBe(16_000);
  expect(waitFor(twice, of, at(17))).toBe(0);
});
