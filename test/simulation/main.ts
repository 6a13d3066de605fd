import { parseArgs } from "node:util";
import { MUTATIONS } from "./mutations.ts";
import { type Run, STEPS, simulate } from "./simulation.ts";
import { shrink } from "./shrink.ts";

const USAGE = `npm run simulate -- [--seed N] [--seeds COUNT] [--steps M] [--mutate NAME]

Without --seed the first one is random; without --seeds one is run, with --seeds 0 they never end.
Mutations:
${Object.entries(MUTATIONS)
  .map(([name, { what }]) => `  ${name.padEnd(18)}${what}`)
  .join("\n")}`;

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string", default: "1" },
    steps: { type: "string", default: String(STEPS) },
    mutate: { type: "string" },
    help: { type: "boolean" },
  },
});

const number = (name: "seed" | "seeds" | "steps", fallback: number): number => {
  const found = Number(values[name] ?? fallback);
  if (!Number.isSafeInteger(found) || found < 0)
    throw new RangeError(`--${name} ${values[name]} is no number`);
  return found;
};

async function main(): Promise<number> {
  if (values.help || (values.mutate !== undefined && !MUTATIONS[values.mutate])) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  const first = number("seed", Math.floor(Math.random() * 2 ** 31));
  const count = number("seeds", 1) || Infinity;
  const begun = performance.now();
  for (let seed = first; seed < first + count; seed++) {
    const run = await simulate(seed, number("steps", STEPS), values.mutate);
    if (run.failure) return report(run);
    if (count === 1) console.log(summary(run));
    else if ((seed - first + 1) % 100 === 0) {
      const rate = (seed - first + 1) / ((performance.now() - begun) / 1000);
      console.log(`${seed - first + 1} seeds, ${rate.toFixed(1)} seeds/s`);
    }
  }
  return 0;
}

const summary = ({ seed, steps, hash, machines, points, restored, checkpoints, roads }: Run): string =>
  `seed ${seed}, ${steps} steps, ${machines} machines: ${points} points, ${restored} restores and ${checkpoints} checkpoints compared,` +
  ` ${roads.length > 0 ? `failed over by ${roads.join(", ")}` : "no failover"}; trace ${hash.slice(0, 16)}`;

async function report(run: Run): Promise<number> {
  const small = await shrink(run, values.mutate);
  console.log(small.trace.map((line) => `  ${line}`).join("\n"));
  console.log(`${small.failure?.message}\nat ${small.failure?.at}, trace ${small.hash.slice(0, 16)}`);
  const mutate = values.mutate === undefined ? "" : ` --mutate ${values.mutate}`;
  console.log(`npm run simulate -- --seed ${small.seed} --steps ${small.steps}${mutate}`);
  return 1;
}

process.exitCode = await main();
