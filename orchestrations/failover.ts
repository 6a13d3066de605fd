import type { OrchestrationContext, Task } from "durable-functions";
import type { BarrierId } from "../engine/core/ids.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { millis } from "../engine/core/units.ts";
import type { FailoverStep } from "../engine/recovery/failover-plan.ts";
import type { JobInput } from "../engine/recovery/job.ts";
import { armOperation } from "./arm-operation.ts";
import { type AtPoint, type Machine, call } from "./contract.ts";
import { JobSteps, recordedJob, secondsSince } from "./job-status.ts";
import { pollWait, replayedNow, sleep } from "./timer.ts";

const WEIGHTS = {
  "drain the cache": 2,
  "choose the recovery point": 1,
  "bring the replica to the point": 4,
  "build the disks": 6,
  "rebuild from the journal": 8,
  "create the network interfaces": 1,
  "create the virtual machine": 3,
  "wait until it runs": 3,
};

/** A virtual machine that does not run by then is a failure to be looked at. */
const START_PATIENCE_SECONDS = 15 * 60;

/**
 * Unplanned failover: drain, plan, build, start. Input: `JobInput`. The machine was fenced by the very write that began
 * the job. Run again after a failure, it finds what it made and goes on from there.
 */
export function* failover(context: OrchestrationContext): Generator<Task, unknown, never> {
  const input = context.df.getInput<JobInput>();
  const { operation, machine } = input;
  const steps = new JobSteps(context, WEIGHTS);
  return yield* recordedJob(context, { operation, machine }, steps, failOver(context, input, steps));
}

function* failOver(
  context: OrchestrationContext,
  input: JobInput,
  steps: JobSteps,
): Generator<Task, void, never> {
  const machine: Machine = { machine: input.machine };
  yield* steps.run("drain the cache", call(context, "drain", machine));
  const plan = yield* steps.run("choose the recovery point", call(context, "planFailover", input));
  for (const { name, part } of stagesOf(plan.steps))
    yield* steps.run(name, stage(context, { ...machine, point: plan.point }, part, steps));
}

type StageName = keyof typeof WEIGHTS;

const STAGE_OF: Record<FailoverStep["do"], StageName> = {
  checkpoint: "bring the replica to the point",
  import: "build the disks",
  discard: "build the disks",
  upload: "build the disks",
  restore: "rebuild from the journal",
  nic: "create the network interfaces",
  vm: "create the virtual machine",
  running: "wait until it runs",
};

/** The plan's steps in order, those of one kind together: what a person reads as one step. */
function stagesOf(steps: readonly FailoverStep[]): { name: StageName; part: FailoverStep[] }[] {
  const stages: { name: StageName; part: FailoverStep[] }[] = [];
  for (const step of steps) {
    const name = STAGE_OF[step.do];
    const last = stages.at(-1);
    if (last?.name === name) last.part.push(step);
    else stages.push({ name, part: [step] });
  }
  return stages;
}

function* stage(
  context: OrchestrationContext,
  at: AtPoint,
  part: readonly FailoverStep[],
  steps: JobSteps,
): Generator<Task, void, never> {
  for (const [done, step] of part.entries()) {
    steps.show({ done, total: part.length });
    yield* perform(context, at, step);
  }
}

function* perform(
  context: OrchestrationContext,
  at: AtPoint,
  step: FailoverStep,
): Generator<Task, void, never> {
  switch (step.do) {
    case "checkpoint":
      return void (yield* call(context, "checkpointTo", at));
    case "import":
      return yield* armOperation(context, "importDisk", { ...at, disk: step.disk });
    case "discard":
      return void (yield* call(context, "deletePromoted", { ...at, disk: step.disk }));
    case "upload":
      return yield* armOperation(context, "createUploadDisk", { ...at, disk: step.disk });
    case "restore":
      return void (yield* call(context, "restoreDisks", at));
    case "nic":
      return yield* armOperation(context, "createNic", { machine: at.machine, nic: step.nic });
    case "vm":
      return yield* armOperation(context, "createVm", at);
    case "running":
      return yield* running(context, at.machine, at.point);
  }
}

function* running(
  context: OrchestrationContext,
  machine: Machine["machine"],
  point: BarrierId,
): Generator<Task, void, never> {
  const start = replayedNow(context);
  for (let round = 0; ; round++) {
    const vm = yield* call(context, "observeVm", { machine });
    if (vm.running) return;
    if (secondsSince(context, start) > START_PATIENCE_SECONDS)
      throw new LeewardError("TimedOut", `the virtual machine built from point ${point} does not run`);
    yield* sleep(context, pollWait(round, millis(10_000)));
  }
}
