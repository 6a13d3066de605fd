import type { OrchestrationContext, Task } from "durable-functions";
import { armOperations } from "./arm-operation.ts";
import type { ArmSent } from "./contract.ts";
import type { JobSteps } from "./job-status.ts";

/** A step's name, and the kinds of things that go in it. */
export type RemovalStage<Kind> = readonly [name: string, kinds: readonly Kind[]];

/**
 * Deletes stage by stage, since what is used goes behind what uses it; within one stage everything is asked for together. A
 * stage of which nothing is there is no step.
 */
export function* removeInStages<Part extends { readonly kind: string }>(
  context: OrchestrationContext,
  steps: JobSteps,
  stages: readonly RemovalStage<Part["kind"]>[],
  parts: readonly Part[],
  remove: (part: Part) => Generator<Task, ArmSent, never>,
): Generator<Task, void, never> {
  for (const [name, kinds] of stages) {
    const sends = parts.filter(({ kind }) => kinds.some((each) => each === kind)).map(remove);
    if (sends.length > 0) yield* steps.run(name, armOperations(context, sends));
  }
}
