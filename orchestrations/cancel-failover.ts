import type { OrchestrationContext, Task } from "durable-functions";
import type { BuiltPart } from "../engine/recovery/cancel.ts";
import type { JobInput } from "../engine/recovery/job.ts";
import { call } from "./contract.ts";
import { type JobSteps, job } from "./job-status.ts";
import { type RemovalStage, removeInStages } from "./staged-removal.ts";

const STAGES: readonly RemovalStage<BuiltPart["kind"]>[] = [
  ["delete the virtual machine", ["vm"]],
  ["delete disks and network interfaces", ["nic", "disk", "blob"]],
];

const WEIGHTS = { "look what is there": 1, "delete the virtual machine": 3 };

/**
 * Takes a failover back: deletes what it built, with all its tries, and has the source replicated again. Input: `JobInput`.
 * Run again after a failure, it goes on with what is still there.
 */
export function* cancelFailover(context: OrchestrationContext): Generator<Task, unknown, never> {
  return yield* job(context, WEIGHTS, cancel);
}

function* cancel(
  context: OrchestrationContext,
  { operation, machine }: JobInput,
  steps: JobSteps,
): Generator<Task, void, never> {
  const looked = call(context, "planCancel", { machine, operation });
  const { parts } = yield* steps.run("look what is there", looked);
  const remove = (part: BuiltPart) => call(context, "removeBuilt", { machine, part });
  yield* removeInStages(context, steps, STAGES, parts, remove);
}
