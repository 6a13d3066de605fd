import type { OrchestrationContext, Task } from "durable-functions";
import type { BuiltPart } from "../engine/recovery/cancel.ts";
import type { JobInput } from "../engine/recovery/job.ts";
import { type Leaving, call } from "./contract.ts";
import { type JobSteps, job } from "./job-status.ts";
import { type RemovalStage, removeInStages } from "./staged-removal.ts";

const STAGES: readonly RemovalStage<BuiltPart["kind"]>[] = [
  ["delete disks of other points", ["disk"]],
  ["delete copies for the import", ["blob"]],
];

const WEIGHTS = { "look what is of no more use": 1, "delete the replica": 2, "say what stays": 1 };

/**
 * Commits a failover: what only another point or a cancelling would need is deleted. Input: `JobInput`. Run again after a
 * failure, it goes on with what is still there.
 */
export function* commitFailover(context: OrchestrationContext): Generator<Task, unknown, never> {
  return yield* job(context, WEIGHTS, commit);
}

function* commit(
  context: OrchestrationContext,
  { operation, machine }: JobInput,
  steps: JobSteps,
): Generator<Task, void, never> {
  const leaving: Leaving = { machine, operation };
  const looked = call(context, "planCommit", leaving);
  const { parts } = yield* steps.run("look what is of no more use", looked);
  yield* removeInStages(context, steps, STAGES, parts, (part) =>
    call(context, "removeBuilt", { machine, part }),
  );
  yield* steps.run("delete the replica", withoutReplica(context, leaving));
  yield* steps.run("say what stays", call(context, "noteLeft", { ...leaving, left: points(leaving) }));
}

function* withoutReplica(context: OrchestrationContext, leaving: Leaving): Generator<Task, void, never> {
  while ((yield* call(context, "removeObjects", { ...leaving, from: "replica" })).more);
}

const points = ({ machine }: Leaving) => ({
  type: "objects",
  name: `machines/${machine}`,
  why: "recovery points and their journal: they can be restored from, and go with the protection",
});
