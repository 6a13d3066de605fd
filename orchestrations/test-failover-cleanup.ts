import type { OrchestrationContext, Task } from "durable-functions";
import type { JobInput } from "../engine/recovery/job.ts";
import type { TestPart } from "../engine/recovery/test-parts.ts";
import { call } from "./contract.ts";
import { type JobSteps, job } from "./job-status.ts";
import { type RemovalStage, removeInStages } from "./staged-removal.ts";

const STAGES: readonly RemovalStage<TestPart["kind"]>[] = [
  ["delete the virtual machine", ["vm"]],
  ["delete disks and network interfaces", ["nic", "disk", "blob"]],
  ["delete the isolated network", ["network"]],
  ["delete its security group", ["guard"]],
];

const WEIGHTS = { "look what is there": 1, "delete the virtual machine": 3 };

/**
 * Deletes everything that a test failover made, also one that failed half-way. Input: `JobInput`. Run again after a failure, it
 * goes on with what is still there.
 */
export function* testFailoverCleanup(context: OrchestrationContext): Generator<Task, unknown, never> {
  return yield* job(context, WEIGHTS, cleanUp);
}

function* cleanUp(
  context: OrchestrationContext,
  { operation, machine }: JobInput,
  steps: JobSteps,
): Generator<Task, void, never> {
  const looked = call(context, "planTestCleanup", { machine, operation });
  const { parts } = yield* steps.run("look what is there", looked);
  const remove = (part: TestPart) => call(context, "removeTestPart", { machine, part });
  yield* removeInStages(context, steps, STAGES, parts, remove);
}
