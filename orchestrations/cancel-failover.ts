import type { OrchestrationContext, Task } from "durable-functions";
import type { BuiltPart } from "../engine/recovery/cancel.ts";
import type { JobInput } from "../engine/recovery/job.ts";
import { armOperations } from "./arm-operation.ts";
import { call } from "./contract.ts";
import { JobSteps, recordedJob } from "./job-status.ts";

/** What is used goes behind what uses it; within one stage everything is asked for together. */
const STAGES = [
  ["delete the virtual machine", ["vm"]],
  ["delete disks and network interfaces", ["nic", "disk", "blob"]],
] as const satisfies readonly (readonly [string, readonly BuiltPart["kind"][]])[];

const WEIGHTS = { "look what is there": 1, "delete the virtual machine": 3 };

/**
 * Takes a failover back: deletes what it built, with all its tries, and has the source replicated again. Input: `JobInput`.
 * Run again after a failure, it goes on with what is still there.
 */
export function* cancelFailover(context: OrchestrationContext): Generator<Task, unknown, never> {
  const { operation, machine } = context.df.getInput<JobInput>();
  const steps = new JobSteps(context, WEIGHTS);
  return yield* recordedJob(
    context,
    { operation, machine },
    steps,
    cancel(context, { operation, machine }, steps),
  );
}

function* cancel(
  context: OrchestrationContext,
  { operation, machine }: JobInput,
  steps: JobSteps,
): Generator<Task, void, never> {
  const looked = call(context, "planCancel", { machine, operation });
  const { parts } = yield* steps.run("look what is there", looked);
  for (const [name, kinds] of STAGES) {
    const wanted = parts.filter(({ kind }) => kinds.some((each) => each === kind));
    const sends = wanted.map((part) => call(context, "removeBuilt", { machine, part }));
    if (sends.length > 0) yield* steps.run(name, armOperations(context, sends));
  }
}
