import { expect, test } from "vitest";
import { LADDER, retryAfterIn, waitAfter } from "../../../../engine/core/retry.ts";
import { millis } from "../../../../engine/core/units.ts";

test("the ladder is 1, 2, 4, 8, 10 and then 30 minutes for good", () => {
  const minutes = Array.from({ length: 8 }, (_, failures) => waitAfter(LADDER, failures, "vm-1") / 60_000);
  for (const [n, rung] of [1, 2, 4, 8, 10, 30, 30, 30].entries()) {
    expect(minutes[n]).toBeGreaterThanOrEqual(rung);
    expect(minutes[n]).toBeLessThanOrEqual(rung * 1.2);
  }
});

test("machines that failed together come back one after the other, each as before", () => {
  const waits = Array.from({ length: 100 }, (_, n) => waitAfter(LADDER, 0, `vm-${n}`));
  expect(new Set(waits).size).toBeGreaterThan(90);
  expect(waitAfter(LADDER, 0, "vm-7")).toBe(waits[7]);
});

test("what the other side asked for is never undercut", () => {
  expect(waitAfter(LADDER, 0, "vm-1", millis(300_000))).toBeGreaterThanOrEqual(300_000);
  expect(waitAfter(LADDER, 5, "vm-1", millis(1000))).toBeGreaterThanOrEqual(30 * 60_000);
});

test("Retry-After is a number of seconds or a date; what makes no sense asks for nothing", () => {
  const now = Date.parse("2026-11-22T04:00:00Z");
  expect(retryAfterIn("7", now)).toBe(7000);
  expect(retryAfterIn("0.05", now)).toBe(50);
  expect(retryAfterIn("Sun, 22 Nov 2026 04:00:30 GMT", now)).toBe(30_000);
  expect(retryAfterIn("Sun, 22 Nov 2026 03:00:00 GMT", now)).toBe(0);
  expect(retryAfterIn("99999999999999999999", now)).toBe(24 * 3_600_000);
  for (const header of [null, undefined, "", "soon", "-5"]) expect(retryAfterIn(header, now)).toBeUndefined();
});
