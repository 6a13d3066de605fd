import { expect, test } from "vitest";
import { MUTATIONS } from "./mutations.ts";
import { simulate } from "./simulation.ts";

const MOST_SEEDS = 200;

test.each(Object.entries(MUTATIONS))("%s is caught", async (name) => {
  let seed = 1;
  let run = await simulate(seed, undefined, name);
  while (!run.failure && seed < MOST_SEEDS) run = await simulate(++seed, undefined, name);
  expect(run.failure, `${MOST_SEEDS} seeds did not notice ${name}`).toBeDefined();
});

test("there are at least twelve", () => {
  expect(Object.keys(MUTATIONS).length).toBeGreaterThanOrEqual(12);
});
