import { expect, test } from "vitest";
import { shrink } from "./shrink.ts";
import { simulate } from "./simulation.ts";

test.each([1, 2, 3])("seed %i happens the same way twice", async (seed) => {
  const first = await simulate(seed);
  const second = await simulate(seed);
  expect(second).toEqual(first);
  expect((await simulate(seed + 100)).hash).not.toBe(first.hash);
});

test("a failure is the same when it is replayed, and shrinks to a shorter one", async () => {
  let seed = 1;
  let failed = await simulate(seed, undefined, "early-applied");
  while (!failed.failure) failed = await simulate(++seed, undefined, "early-applied");
  expect(await simulate(seed, undefined, "early-applied")).toEqual(failed);
  const small = await shrink(failed, "early-applied");
  expect(small.failure).toBeDefined();
  expect(small.steps).toBeLessThan(failed.steps);
  expect(await simulate(seed, small.steps, "early-applied")).toEqual(small);
});
