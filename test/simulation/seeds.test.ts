import { expect, test } from "vitest";
import { simulate } from "./simulation.ts";

/** For every run of the tests; `npm run simulate -- --seeds 0` goes on where this ends, until it is stopped. */
const SEEDS = 300;
const CHUNK = 50;

const chunks = Array.from({ length: SEEDS / CHUNK }, (_, i) => ({
  from: i * CHUNK,
  to: (i + 1) * CHUNK - 1,
}));

test.each(chunks)("seeds $from to $to break no invariant", async ({ from, to }) => {
  const roads = new Set<string>();
  let points = 0;
  for (let seed = from; seed <= to; seed++) {
    const run = await simulate(seed);
    expect(run.failure, `npm run simulate -- --seed ${seed}`).toBeUndefined();
    points += run.points;
    for (const road of run.roads) roads.add(road);
  }
  expect(points).toBeGreaterThan(CHUNK);
  expect([...roads].toSorted()).toEqual(["import", "upload"]);
});
