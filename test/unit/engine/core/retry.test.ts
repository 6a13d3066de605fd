import { expect, test } from "vitest";
import { LADDER, waitAfter } from "../../../../engine/core/retry.ts";
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
