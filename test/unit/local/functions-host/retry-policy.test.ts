import fc from "fast-check";
import { expect, test } from "vitest";
import type { RegisteredFunction } from "../../../../local/functions-host/core-api.ts";
import { retryPolicyOf } from "../../../../local/functions-host/retry-policy.ts";

/** A function with a trigger and what the library makes of its `retry` option. */
function functionOf(type: string, retryOptions: unknown): RegisteredFunction {
  const metadata = { name: "works", bindings: { trigger: { type, direction: "in" } }, retryOptions };
  return { id: "works", name: "works", metadata, callback: () => undefined };
}

const fixed = { retryStrategy: "fixedDelay", maxRetryCount: 3, delayInterval: { seconds: 5 } };
const backoff = (least: number, most: number) => ({
  retryStrategy: "exponentialBackoff",
  maxRetryCount: -1,
  minimumInterval: { seconds: least },
  maximumInterval: { seconds: most },
});

const pauses = (retryOptions: unknown, random: number) => {
  const policy = retryPolicyOf(functionOf("timerTrigger", retryOptions), () => random);
  return [1, 2, 3, 4, 5, 6].map((nth) => policy?.pause(nth));
};

test("a function without a policy has none", () => {
  expect(retryPolicyOf(functionOf("timerTrigger", undefined))).toBeUndefined();
});

test("a fixed delay is the same before every try", () => {
  expect(pauses(fixed, 0.5)).toEqual([5000, 5000, 5000, 5000, 5000, 5000]);
});

test("a backoff begins with its least, grows by twice as much each time and ends at its most", () => {
  expect(pauses(backoff(4, 30), 0.5)).toEqual([4000, 8000, 12_000, 20_000, 30_000, 30_000]);
});

test("a backoff is up to a fifth of its growth shorter or longer", () => {
  expect(pauses(backoff(10, 1000), 0).slice(0, 4)).toEqual([10_000, 18_000, 26_000, 42_000]);
  expect(pauses(backoff(10, 1000), 1).slice(0, 4)).toEqual([10_000, 22_000, 34_000, 58_000]);
});

test("no pause of a backoff is outside its bounds", () => {
  const bounds = fc
    .tuple(fc.nat(1000), fc.nat(1000))
    .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
  fc.assert(
    fc.property(bounds, fc.double({ min: 0, max: 1, noNaN: true }), ([least, most], random) => {
      for (const pause of pauses(backoff(least, most), random)) {
        expect(pause).toBeGreaterThanOrEqual(least * 1000);
        expect(pause).toBeLessThanOrEqual(most * 1000);
      }
    }),
  );
});

test.each([
  ["httpTrigger", "which Azure ignores for its trigger, httpTrigger"],
  ["queueTrigger", "host.json's extensions.queues.maxDequeueCount says how often a message is tried"],
  ["activityTrigger", "callActivityWithRetry does it"],
  ["orchestrationTrigger", "callSubOrchestratorWithRetry does it"],
  ["entityTrigger", "which Azure ignores for its trigger, entityTrigger"],
])("a policy of a function with %s is refused by name", (type, words) => {
  expect(() => retryPolicyOf(functionOf(type, fixed))).toThrow(`function works uses a retry policy`);
  expect(() => retryPolicyOf(functionOf(type, fixed))).toThrow(words);
});

test.each([
  ["an unknown strategy", { ...fixed, retryStrategy: "random" }, "retryStrategy"],
  ["a delay that is missing", { ...fixed, delayInterval: undefined }, "delayInterval"],
  ["a count below -1", { ...fixed, maxRetryCount: -2 }, "maxRetryCount"],
  ["a most below the least", backoff(5, 4), "is shorter than minimumInterval"],
])("%s is refused", (_, retryOptions, words) => {
  expect(() => retryPolicyOf(functionOf("timerTrigger", retryOptions))).toThrow("the retry policy of works");
  expect(() => retryPolicyOf(functionOf("timerTrigger", retryOptions))).toThrow(words);
});
