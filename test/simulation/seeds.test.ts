import { availableParallelism } from "node:os";
import { expect, test } from "vitest";
import { type SeedTask, runsOf } from "./pool.ts";
import { stepsOf } from "./simulation.ts";
import { KINDS, KINDS_OF_ROT, Tally } from "./tally.ts";

/** `.ci/run` asks for 2,000; `npm run simulate -- --seeds 0` goes on until it is stopped. */
const SEEDS = Number(process.env["LEEWARD_SEEDS"] ?? 100);
/** For each of the kinds to happen. */
const ENOUGH = 300;
const ENOUGH_TO_ROT = 1000;
/** Each takes a third of a second of a processor, which may have much else to do. */
const MOST_SECONDS = 300 + SEEDS * 6;

function* seeds(): Generator<SeedTask, undefined> {
  for (let seed = 0; seed < SEEDS; seed++) yield { seed, steps: stepsOf(seed), mutation: undefined };
}

test(`${SEEDS} seeds break no invariant`, { timeout: MOST_SECONDS * 1000 }, async () => {
  const roads = new Set<string>();
  const tally = new Tally();
  let points = 0;
  let writes = 0;
  for await (const run of runsOf(seeds(), availableParallelism())) {
    expect(run.failure, `npm run simulate -- --seed ${run.seed}`).toBeUndefined();
    tally.add(run.counts);
    points += run.points;
    writes += run.writes;
    for (const road of run.roads) roads.add(road);
  }
  expect(points).toBeGreaterThan(SEEDS);
  expect(writes).toBeGreaterThan(SEEDS / 4);
  const wanted = [...(SEEDS >= ENOUGH ? KINDS : []), ...(SEEDS >= ENOUGH_TO_ROT ? KINDS_OF_ROT : [])];
  expect(wanted.filter((kind) => !tally.counts[kind])).toEqual([]);
  expect([...roads].toSorted()).toEqual(["import", "upload"]);
});
