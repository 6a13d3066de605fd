import fc from "fast-check";
import { expect, test } from "vitest";
import { micros, millis } from "../../../../engine/core/units.ts";
import { type Rate, observe } from "../../../../engine/recovery/rate.ts";

const MINUTE = millis(60_000);
const at = (seconds: number) => micros(1e15 + seconds * 1e6);

test("a figure that grows steadily has that rate after a while, however often one looks", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 60, maxLength: 200 }), (steps) => {
      let seconds = 0;
      let found: Rate | undefined = observe(undefined, 0, at(0), MINUTE);
      for (const step of [...steps, 600]) {
        seconds += step;
        found = observe(found, seconds * 1000, at(seconds), MINUTE);
      }
      expect(found.perSecond).toBeCloseTo(1000, 0);
    }),
  );
});

test("what is one memory old weighs 1/e", () => {
  const busy: Rate = { total: 0, at: at(0), perSecond: 1000 };
  expect(observe(busy, 0, at(60), MINUTE).perSecond).toBeCloseTo(1000 / Math.E, 6);
});

test("a figure that fell began anew: the mean stays, and the next look counts from there", () => {
  const busy: Rate = { total: 5000, at: at(0), perSecond: 7 };
  const anew = observe(busy, 100, at(10), MINUTE);
  expect(anew).toEqual({ total: 100, at: at(10), perSecond: 7 });
  expect(observe(anew, 170, at(20), MINUTE).perSecond).toBeCloseTo(7, 6);
});

test("one seen out of order changes nothing", () => {
  const known: Rate = { total: 5000, at: at(10), perSecond: 7 };
  expect(observe(known, 4000, at(9), MINUTE)).toBe(known);
  expect(observe(known, 6000, at(10), MINUTE)).toBe(known);
});
