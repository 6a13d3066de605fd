import { type JobKind, type JobRecord, jobRecord } from "../../engine/recovery/job.ts";
import type { World } from "./world.ts";

/** Stands for whatever is found. */
export const ANY = "whatever it is";

/** Whose steps depend on what an earlier try made, or took away already. */
const AS_IT_STANDS: ReadonlySet<JobKind> = new Set([
  "failover",
  "cancelFailover",
  "testFailover",
  "testFailoverCleanup",
]);

/**
 * What the jobs of each kind came to, whoever had to ask how often: how many succeeded and with which steps, which resources they
 * deleted, and which they left. Jobs that failed differ by their nature; they say why, and where.
 */
export async function jobs({ records }: World): Promise<[string, unknown][]> {
  const all: JobRecord[] = [];
  for await (const { value } of records.list("job")) all.push(jobRecord.parse(value));
  return [...Map.groupBy(all, ({ kind }) => kind)].flatMap(([kind, of]) =>
    Object.entries(toldOf(kind, of)).map(([what, value]): [string, unknown] => [
      `jobs ${kind}: ${what}`,
      value,
    ]),
  );
}

function toldOf(kind: JobKind, jobs: readonly JobRecord[]): Readonly<Record<string, unknown>> {
  const succeeded = jobs.filter(({ state }) => state === "Succeeded");
  const steps = succeeded.map((job) => job.steps.map(({ name }) => name));
  return {
    "that succeeded": succeeded.length,
    "that are wrong": jobs.flatMap(wrongWith),
    steps: succeeded.length < jobs.length && AS_IT_STANDS.has(kind) ? ANY : steps,
    deleted: resourcesIn(jobs, "deleted"),
    // What did not answer the one that failed is not what the other one left.
    left: succeeded.length < jobs.length ? ANY : resourcesIn(jobs, "left"),
  };
}

interface Thing {
  readonly type: string;
  readonly name: string;
}

/** Counted when they are gone, so that who dies between leaves them out; or deleted by who comes first, the end of capture or the removal. */
const UNCERTAIN = new Set(["objects", "Microsoft.Compute/snapshots"]);

function resourcesIn(jobs: readonly JobRecord[], list: "deleted" | "left"): string[] {
  const things = jobs.flatMap(({ removed }): readonly Thing[] => removed?.[list] ?? []);
  const names = things.filter(({ type }) => !UNCERTAIN.has(type)).map(({ name }) => name.toLowerCase());
  return [...new Set(names)].toSorted();
}

/** Behind a step that failed, and that the job outlives. */
const OTHER_WAY = "give up the import";

function wrongWith({ state, steps, failure, startTime, endTime, operation }: JobRecord): string[] {
  const last = steps.at(-1);
  const before = steps.slice(0, state === "Failed" ? -1 : undefined);
  const ends = endTime !== undefined && endTime >= startTime && state !== "InProgress";
  const done = before.every(
    ({ state: was, endTime: until }, at) =>
      (was === "Succeeded" || steps[at + 1]?.name === OTHER_WAY) && until !== undefined,
  );
  const said = state !== "Failed" || (failure !== undefined && failure.step === (last?.name ?? "start"));
  return ends && done && said ? [] : [`${operation}: ${JSON.stringify({ state, steps, failure })}`];
}
