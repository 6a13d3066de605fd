import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { MUTATIONS } from "./mutations.ts";
import { type SeedTask, runsOf } from "./pool.ts";
import { type Run, stepsOf } from "./simulation.ts";
import { shrink } from "./shrink.ts";
import { KINDS, KINDS_OF_ROT, Tally } from "./tally.ts";

/** Seeds after which an endless series says what happened so far. */
const OFTEN = 1000;

const USAGE = `npm run simulate -- [--seed N] [--seeds COUNT] [--steps M] [--mutate NAME] [--workers W]

Without --seed the first one is random; without --seeds one is run, with --seeds 0 they never end. Each processor lives
one at a time, or as many as --workers says.
Mutations:
${Object.entries(MUTATIONS)
  .map(([name, { what }]) => `  ${name.padEnd(18)}${what}`)
  .join("\n")}`;

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string", default: "1" },
    steps: { type: "string" },
    mutate: { type: "string" },
    workers: { type: "string" },
    help: { type: "boolean" },
  },
});

const number = (name: "seed" | "seeds" | "steps" | "workers", fallback: number): number => {
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
  const tally = new Tally();
  let done = 0;
  const workers = Math.min(count, number("workers", availableParallelism()));
  for await (const run of runsOf(tasks(first, count), workers)) {
    if (run.failure) return report(run);
    done++;
    tally.add(run.counts);
    if (count === 1) console.log(summary(run));
    else if (done % 100 === 0) {
      const rate = done / ((performance.now() - begun) / 1000);
      console.log(`${done} seeds, ${rate.toFixed(1)} seeds/s`);
      if (done % OFTEN === 0) console.log(listed(tally));
    }
  }
  console.log(listed(tally));
  return 0;
}

/** How often each thing happened; and what never did, although it may. */
function listed({ counts }: Tally): string {
  const never = [...KINDS, ...KINDS_OF_ROT]
    .filter((kind) => !counts[kind])
    .map((kind) => `  ${"never".padStart(9)}  ${kind}`);
  const lines = Object.entries(counts).map(([what, times]) => `  ${String(times).padStart(9)}  ${what}`);
  return ["what happened:", ...lines, ...never].join("\n");
}

function* tasks(first: number, count: number): Generator<SeedTask, undefined> {
  for (let seed = first; seed < first + count; seed++)
    yield { seed, steps: number("steps", stepsOf(seed, values.mutate)), mutation: values.mutate };
}

const summary = ({
  seed,
  steps,
  hash,
  machines,
  points,
  writes,
  restored,
  checkpoints,
  roads,
}: Run): string =>
  `seed ${seed}, ${steps} steps, ${machines} machines: ${points} points, ${writes} writes between them, ${restored} restores and ${checkpoints} checkpoints compared,` +
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
