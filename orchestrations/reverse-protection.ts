import type { OrchestrationContext, Task } from "durable-functions";
import type { JobInput } from "../engine/recovery/job.ts";
import { armOperation } from "./arm-operation.ts";
import { type Machine, call } from "./contract.ts";
import { firstCopy } from "./first-copy.ts";
import { type JobSteps, job } from "./job-status.ts";
import { createStorage } from "./storage.ts";
import { sleep } from "./timer.ts";

const WEIGHTS = {
  "look at the machine": 1,
  "create the cache account": 1,
  "create the replica account": 1,
  "assign roles": 1,
  "prepare the journal": 1,
  "prepare the replica": 2,
  "shut the former machine down": 2,
  "read the former disks": 20,
  "install the agent": 3,
  "wait for the agent": 2,
  "begin capture": 1,
  "start replication": 1,
  "initial copy": 10,
  "first recovery point": 4,
};

/**
 * Protects a machine that was failed over towards the region that it came from: its former disks there become the base, and only
 * what differs is copied. Each step finds by itself what there is still to do: run again after a failure, it goes on. Input: `JobInput`.
 */
export function* reverseProtection(context: OrchestrationContext): Generator<Task, unknown, never> {
  return yield* job(context, WEIGHTS, reverse);
}

function* reverse(
  context: OrchestrationContext,
  input: JobInput,
  steps: JobSteps,
): Generator<Task, void, never> {
  const machine: Machine = { machine: input.machine };
  const facts = yield* steps.run("look at the machine", call(context, "prepareReversal", machine));
  yield* createStorage(context, facts, machine, steps);
  yield* steps.run("shut the former machine down", armOperation(context, "stopFormer", machine));
  yield* steps.run("read the former disks", seeded(context, input, steps));
  yield* firstCopy(context, facts, machine, steps);
}

/** Nothing stays open behind it, however it ends. */
function* seeded(
  context: OrchestrationContext,
  input: JobInput,
  steps: JobSteps,
): Generator<Task, void, never> {
  const { machine } = input;
  try {
    yield* seedTurns(context, input, steps);
  } catch (error) {
    yield* call(context, "closeFormer", { machine });
    throw error;
  }
  yield* call(context, "closeFormer", { machine });
}

function* seedTurns(
  context: OrchestrationContext,
  { machine, operation }: JobInput,
  steps: JobSteps,
): Generator<Task, void, never> {
  for (;;) {
    const turn = yield* call(context, "seedFormer", { machine, operation });
    if (turn.state !== "more") return;
    steps.show({ done: turn.compared, total: turn.total });
    if (turn.wait !== undefined) yield* sleep(context, turn.wait);
  }
}
