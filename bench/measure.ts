import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Milliseconds of one run. */
export interface Cost {
  /** Of all threads of this process. */
  readonly cpu: number;
  readonly wall: number;
}

export interface Median extends Cost {
  /** Of wall time, lower and upper: how far other work on the machine spread the runs. */
  readonly quartiles: readonly number[];
}

export interface Row {
  readonly name: string;
  readonly run: () => Promise<void>;
}

/**
 * Runs the rows in turn, round after round, so that what else the machine does hits all alike; medians per row.
 * Each row runs unmeasured once, or before each time: where page faults of fresh memory would show in the figures.
 */
export async function interleaved(
  rows: readonly Row[],
  rounds: number,
  warm: "once" | "each" = "once",
): Promise<Map<string, Median>> {
  const costs = new Map<string, Cost[]>(rows.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++)
    for (const { name, run } of rows) {
      // No row pays for the garbage that another left behind.
      collectGarbage();
      if (round === 0 || warm === "each") await run();
      costs.get(name)?.push(await cost(run));
    }
  return new Map([...costs].map(([name, all]) => [name, medianCost(all)]));
}

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

async function cost(run: () => Promise<void>): Promise<Cost> {
  const before = process.cpuUsage();
  const start = performance.now();
  await run();
  const { user, system } = process.cpuUsage(before);
  return { cpu: (user + system) / 1000, wall: performance.now() - start };
}

const medianCost = (costs: readonly Cost[]): Median => {
  const walls = costs.map(({ wall }) => wall).toSorted((a, b) => a - b);
  return {
    cpu: median(costs.map(({ cpu }) => cpu)),
    wall: median(walls),
    quartiles: [0.25, 0.75].map((part) => walls[Math.round(part * (walls.length - 1))] ?? 0),
  };
};

/** @throws RangeError for no numbers. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (middle === undefined) throw new RangeError("a median of nothing");
  return middle;
}

/** First row is the heading; numbers stand right. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  for (const row of rows)
    console.log(
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(width(i)) : cell.padStart(width(i))))
        .join("  ")
        .trimEnd(),
    );
}
