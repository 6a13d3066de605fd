import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Whole minutes of waiting or computing, so that none of them begins when all others have ended. */
const LONGEST = [
  "simulation/seeds",
  "box/verification",
  "software/postgres-two-disks",
  "box/demo",
  "software/postgres",
  "simulation/mutations-of-life",
  "simulation/mutations-of-healing",
  "simulation/mutations",
  "box/retention",
  "functions-host/kills",
];
/** Afterwards by project: what waits for processes takes turns with what computes. */
const WAITING = ["box", "local", "functions-host", "contract"];

/** Starts long files first, and files that wait beside files that compute. */
export class Overlapping extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rest = await super.sort(files);
    const take = (wanted: (file: TestSpecification) => boolean) => {
      const taken = rest.filter(wanted);
      for (const file of taken) rest.splice(rest.indexOf(file), 1);
      return taken;
    };
    const longest = LONGEST.flatMap((name) => take(({ moduleId }) => moduleId.endsWith(`/${name}.test.ts`)));
    const waiting = WAITING.flatMap((name) => take(({ project }) => project.name === name));
    const computing = ["software", "simulation"].flatMap((name) =>
      take(({ project }) => project.name === name),
    );
    return [...longest, ...inTurns(waiting, computing), ...rest];
  }
}

/** One of each, for as long as there are any. */
function inTurns<T>(some: readonly T[], others: readonly T[]): T[] {
  const count = Math.max(some.length, others.length);
  return Array.from({ length: count }, (_, n) => [...some.slice(n, n + 1), ...others.slice(n, n + 1)]).flat();
}
