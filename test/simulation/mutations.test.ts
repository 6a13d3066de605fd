import { expect, test } from "vitest";
import { MUTATIONS } from "./mutations.ts";
import { simulate } from "./simulation.ts";

const MOST_SEEDS = 200;

test.each(Object.entries(MUTATIONS))("%s is caught", { timeout: 600_000 }, async (name, { caught }) => {
  const others = new Set<string>();
  for (let seed = 1; seed <= MOST_SEEDS; seed++) {
    const { failure } = await simulate(seed, undefined, name);
    if (failure && caught.test(failure.message)) return expect(failure.message).toMatch(caught);
    if (failure) others.add(failure.message);
  }
  expect.fail(`${MOST_SEEDS} seeds did not notice ${name}, but ${[...others].join("; ")}`);
});

test("there are at least twelve", () => {
  expect(Object.keys(MUTATIONS).length).toBeGreaterThanOrEqual(12);
});
