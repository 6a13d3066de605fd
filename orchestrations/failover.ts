import type { OrchestrationContext, Task } from "durable-functions";
import type { JobInput } from "../engine/recovery/job.ts";
import { BUILD_WEIGHTS, buildTarget } from "./build-target.ts";
import { type Machine, call } from "./contract.ts";
import { type JobSteps, job } from "./job-status.ts";

const WEIGHTS = { "drain the cache": 2, "choose the recovery point": 1, ...BUILD_WEIGHTS };

/**
 * Unplanned failover: drain, plan, build, start. Input: `JobInput`. The machine was fenced by the very write that began
 * the job. Run again after a failure, it finds what it made and goes on from there.
 */
export function* failover(context: OrchestrationContext): Generator<Task, unknown, never> {
  return yield* job(context, WEIGHTS, failOver);
}

function* failOver(
  context: OrchestrationContext,
  input: JobInput,
  steps: JobSteps,
): Generator<Task, void, never> {
  const machine: Machine = { machine: input.machine };
  yield* steps.run("drain the cache", call(context, "drain", machine));
  const plan = yield* steps.run("choose the recovery point", call(context, "planFailover", input));
  yield* buildTarget({ context, steps, at: { ...machine, point: plan.point } }, plan.steps);
}
