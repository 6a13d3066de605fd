import type { OrchestrationContext, Task } from "durable-functions";
import type { ArmOperation } from "../engine/azure/operation.ts";
import type { LeewardError } from "../engine/core/errors.ts";
import { longest } from "./arm-operation.ts";
import { type ArmSent, call } from "./contract.ts";
import { decodeFailure } from "./failure.ts";
import { sleep } from "./timer.ts";

/**
 * As `armOperations`, but a failure keeps nobody from coming to an end.
 * @returns of each, in this order, why it failed; undefined where it did not
 */
export function* armOutcomes(
  context: OrchestrationContext,
  sends: readonly Generator<Task, ArmSent, never>[],
): Generator<Task, (LeewardError | undefined)[], never> {
  const failures = new Map<number, LeewardError>();
  let running: readonly Running[] = [];
  for (const [at, send] of sends.entries()) running = [...running, ...(yield* looked(at, send, failures))];
  while (running.length > 0) {
    yield* sleep(context, longest(running.map(({ operation }) => operation)));
    const still: Running[] = [];
    for (const { at, operation } of running)
      still.push(...(yield* looked(at, call(context, "pollArm", { operation }), failures)));
    running = still;
  }
  return sends.map((_, at) => failures.get(at));
}

interface Running {
  /** Of the call that began it. */
  readonly at: number;
  readonly operation: ArmOperation;
}

function* looked(
  at: number,
  look: Generator<Task, ArmSent, never>,
  failures: Map<number, LeewardError>,
): Generator<Task, readonly Running[], never> {
  try {
    const { operation } = yield* look;
    return operation ? [{ at, operation }] : [];
  } catch (error) {
    failures.set(at, decodeFailure(error));
    return [];
  }
}
