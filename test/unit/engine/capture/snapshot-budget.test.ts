import fc from "fast-check";
import { expect, test } from "vitest";
import {
  LEAST_INTERVAL,
  SNAPSHOT_LIMITS,
  waitForBudget,
  waitForImage,
} from "../../../../engine/capture/snapshot-budget.ts";
import { type Micros, micros, millis } from "../../../../engine/core/units.ts";

const NOW = micros(1_790_000_000_000_000);
const ago = (seconds: number): Micros => micros(NOW - seconds * 1e6);

test("however often an image is asked for, no five minutes see more than Azure's limit, less what others need", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 120_000 }), { maxLength: 60 }), (pauses) => {
      let now: number = NOW;
      let taken: Micros[] = [];
      for (const pause of pauses) {
        now += pause * 1000;
        if (waitForBudget(taken, micros(now)) > 0) continue;
        taken = [...taken, micros(now)];
      }
      for (const end of taken) {
        const within = taken.filter((at) => at <= end && at > end - SNAPSHOT_LIMITS.window * 1000);
        expect(within.length).toBeLessThanOrEqual(SNAPSHOT_LIMITS.inWindow - 2);
      }
      for (const [n, at] of taken.slice(1).entries())
        expect(at - (taken[n] ?? 0)).toBeGreaterThanOrEqual(LEAST_INTERVAL * 1000);
    }),
  );
});

test("who waits as long as it says may take one, and no earlier", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 299 }), { maxLength: 7 }), (ages) => {
      const taken = ages.map(ago);
      const wait = waitForBudget(taken, NOW);
      expect(waitForBudget(taken, micros(NOW + wait * 1000))).toBe(0);
      const earlier = wait === 0 ? 1 : waitForBudget(taken, micros(NOW + (wait - 1) * 1000));
      expect(earlier).toBeGreaterThan(0);
    }),
  );
});

test("an image is due at the policy's interval, at once when it is the first, and a minute after the last when it is asked for", () => {
  const interval = millis(300_000);
  expect(waitForImage([], NOW, { interval, asked: false })).toBe(0);
  expect(waitForImage([ago(100)], NOW, { interval, asked: false })).toBe(200_000);
  expect(waitForImage([ago(300)], NOW, { interval, asked: false })).toBe(0);
  expect(waitForImage([ago(100)], NOW, { interval, asked: true })).toBe(0);
  expect(waitForImage([ago(20)], NOW, { interval, asked: true })).toBe(40_000);
});
