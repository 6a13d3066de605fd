import type { OrchestrationContext, Task } from "durable-functions";
import type { JobInput } from "../engine/recovery/job.ts";
import { BUILD_WEIGHTS, buildTarget } from "./build-target.ts";
import { type AtPoint, call } from "./contract.ts";
import { type JobSteps, job } from "./job-status.ts";

const WEIGHTS = { "choose the recovery point": 1, "make the isolated network": 1, ...BUILD_WEIGHTS };

/**
 * Test failover: plan, build beside everything else, start. Input: `JobInput`. Replication goes on: nothing is drained, fenced
 * or brought to the point. Run again after a failure, it finds what it made and goes on from there.
 */
export function* testFailover(context: OrchestrationContext): Generator<Task, unknown, never> {
  return yield* job(context, WEIGHTS, build);
}

function* build(
  context: OrchestrationContext,
  { operation, machine }: JobInput,
  steps: JobSteps,
): Generator<Task, void, never> {
  const planned = call(context, "planTest", { machine, operation });
  const plan = yield* steps.run("choose the recovery point", planned);
  const at: AtPoint = { machine, test: true, point: plan.point };
  yield* buildTarget({ context, steps, at }, plan.steps);
}
