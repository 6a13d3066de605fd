import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { Run } from "./simulation.ts";

export interface SeedTask {
  readonly seed: number;
  readonly steps: number;
  readonly mutation: string | undefined;
}

/** Lives seeds in processes of their own, as many at once as there are `workers`; the runs in the order in which they end. */
export async function* runsOf(tasks: Iterator<SeedTask>, workers: number): AsyncGenerator<Run> {
  const pool = Array.from({ length: workers }, start);
  const going = new Map<ChildProcess, Promise<{ child: ChildProcess; run: Run }>>();
  const feed = (child: ChildProcess): void => {
    const { value, done } = tasks.next();
    if (done) going.delete(child);
    else going.set(child, ask(child, value));
  };
  try {
    pool.forEach(feed);
    while (going.size > 0) {
      const { child, run } = await Promise.race(going.values());
      yield run;
      feed(child);
    }
  } finally {
    for (const child of pool) child.kill("SIGKILL");
  }
}

const start = (): ChildProcess =>
  fork(new URL("./seed-worker.ts", import.meta.url), {
    // Young objects are many and die soon: with room for them they are collected a tenth cheaper.
    execArgv: ["--disable-warning=ExperimentalWarning", "--max-semi-space-size=32"],
  });

async function ask(child: ChildProcess, task: SeedTask): Promise<{ child: ChildProcess; run: Run }> {
  const ended = new AbortController();
  const end = () => ended.abort(new Error(`the process that lived seed ${task.seed} ended`));
  child.once("exit", end);
  try {
    child.send(task);
    const [run]: Run[] = await once(child, "message", { signal: ended.signal });
    if (!run) throw new Error(`seed ${task.seed} gave no run`);
    return { child, run };
  } finally {
    child.off("exit", end);
  }
}
