import type { OrchestrationContext, Task } from "durable-functions";
import type { JobInput } from "../engine/recovery/job.ts";
import { BUILD_WEIGHTS, buildTarget } from "./build-target.ts";
import { call } from "./contract.ts";
import { SHUT_DOWN_WEIGHTS, withoutSource } from "./shut-down.ts";
import { type JobSteps, job } from "./job-status.ts";

const CHANGE_WEIGHTS = { "choose the recovery point": 1, ...BUILD_WEIGHTS };
const WEIGHTS = { "drain the cache": 2, "choose the recovery point": 1, ...BUILD_WEIGHTS };

/**
 * Unplanned failover: drain, plan, build, start. Input: `JobInput`. The machine was fenced by the very write that began
 * the job. Run again after a failure, it finds what it made and goes on from there.
 */
export function* failover(context: OrchestrationContext): Generator<Task, unknown, never> {
  const { shutDown } = context.df.getInput<JobInput>();
  return yield* job(context, shutDown ? { ...SHUT_DOWN_WEIGHTS, ...WEIGHTS } : WEIGHTS, failOver);
}

/**
 * Another point in place of the one that was failed over to, before that was committed. Nothing is drained: what came since
 * is of the loss, and is counted there. Input: `JobInput`.
 */
export function* changePoint(context: OrchestrationContext): Generator<Task, unknown, never> {
  return yield* job(context, CHANGE_WEIGHTS, change);
}

function* failOver(
  context: OrchestrationContext,
  input: JobInput,
  steps: JobSteps,
): Generator<Task, void, never> {
  const { machine, shutDown } = input;
  const notes = shutDown ? yield* withoutSource(context, { ...input, shutDown }, steps) : [];
  yield* steps.run("drain the cache", call(context, "drain", { machine }));
  yield* planned(context, input, steps, notes);
}

const change = (context: OrchestrationContext, input: JobInput, steps: JobSteps) =>
  planned(context, input, steps, []);

function* planned(
  context: OrchestrationContext,
  input: JobInput,
  steps: JobSteps,
  notes: readonly string[],
): Generator<Task, void, never> {
  const { machine } = input;
  const plan = yield* steps.run("choose the recovery point", call(context, "planFailover", input));
  for (const words of notes) yield* call(context, "noteFailover", { machine, words });
  yield* buildTarget({ context, steps, at: { machine, point: plan.point } }, plan.steps);
}
