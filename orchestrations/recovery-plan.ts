import type { OrchestrationContext, Task } from "durable-functions";
import { LeewardError } from "../engine/core/errors.ts";
import { millis } from "../engine/core/units.ts";
import { call } from "./contract.ts";
import { decodeFailure, encodeFailure } from "./failure.ts";
import { JobSteps } from "./job-status.ts";
import type { PlanJob, PlanStep } from "./recovery-plan-contract.ts";
import { pollWait, sleep } from "./timer.ts";

/** The event that a manual step waits for: one that comes twice resumes no later step. */
export const resumeEvent = (step: string): string => `resume ${step}`;

/**
 * Runs a recovery plan: group after group, the items of one at the same time, actions before and behind. It ends at the first that
 * fails: what comes behind may count on it. Input: `PlanJob`. Run again, it finds the jobs that it began.
 */
export function* recoveryPlan(context: OrchestrationContext): Generator<Task, unknown, never> {
  const job = context.df.getInput<PlanJob>();
  const { steps: plan } = yield* call(context, "planRun", job);
  const steps = new JobSteps(context, Object.fromEntries(plan.map(({ name }) => [name, 1])));
  try {
    for (const step of plan) yield* steps.run(step.name, carriedOut(context, job, step));
  } catch (error) {
    const { code, message } = decodeFailure(error);
    const failure = { code, message, step: steps.current };
    yield* call(context, "endRun", { ...job, steps: steps.reports, failure });
    throw new Error(encodeFailure(error), { cause: error });
  }
  yield* call(context, "endRun", { ...job, steps: steps.reports });
  return steps.reports;
}

function* carriedOut(
  context: OrchestrationContext,
  job: PlanJob,
  step: PlanStep,
): Generator<Task, void, never> {
  switch (step.do) {
    case "items":
      return yield* items(context, job, step.group);
    case "call": {
      const { group, when, at } = step;
      yield* call(context, "callAction", { ...job, group, when, at });
      return;
    }
    case "wait":
      // However long somebody takes: the job says that it waits, and may be resumed for days.
      yield context.df.waitForExternalEvent(resumeEvent(step.name));
  }
}

function* items(context: OrchestrationContext, job: PlanJob, group: number): Generator<Task, void, never> {
  for (let round = 0; ; round++) {
    const seen = yield* call(context, "runGroup", { ...job, group });
    if (seen.atWork === 0 && seen.failed === 0) return;
    // All of a group come to their end: what has begun goes on.
    if (seen.atWork === 0) throw new LeewardError("MembersFailed", seen.why);
    yield* sleep(context, pollWait(round, millis(10_000)));
  }
}
