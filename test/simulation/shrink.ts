import { type Run, simulate } from "./simulation.ts";

/** The shortest prefix of a failed run that was found to fail too: the fewer steps, the less to read. */
export async function shrink(failed: Run, mutation?: string): Promise<Run> {
  let best = failed;
  if (typeof failed.failure?.at === "number") best = await again(failed, failed.failure.at + 1, mutation);
  for (let cut = Math.floor(best.steps / 2); cut > 0;) {
    const shorter = await again(best, best.steps - cut, mutation);
    if (shorter === best) cut = Math.floor(cut / 2);
    else {
      best = shorter;
      cut = Math.min(cut, Math.floor(best.steps / 2));
    }
  }
  return best;
}

/** The run with fewer steps if that fails, otherwise the run itself. */
async function again(run: Run, steps: number, mutation: string | undefined): Promise<Run> {
  const shorter = await simulate(run.seed, steps, mutation);
  return shorter.failure && steps < run.steps ? shorter : run;
}
