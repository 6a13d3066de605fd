import type { OrchestrationContext, Task } from "durable-functions";
import type { ArmOperation } from "../engine/azure/operation.ts";
import { type Millis, millis } from "../engine/core/units.ts";
import { type Activities, type ActivityName, type ArmSent, type InputOf, call } from "./contract.ts";
import { sleep } from "./timer.ts";

/** The activities that send a write to ARM and may leave an operation behind. */
type Sender = {
  [Name in ActivityName]: ArmSent extends Activities[Name]["output"] ? Name : never;
}[ActivityName];

/**
 * Sends a write to ARM and waits for its end: one activity sends, durable timers as long as ARM's Retry-After sleep,
 * one activity polls.
 * @throws ArmFailed with ARM's own code and message when the operation failed.
 */
export function* armOperation<Name extends Sender>(
  context: OrchestrationContext,
  name: Name,
  input: InputOf<Name>,
  ladder?: readonly Millis[],
): Generator<Task, void, never> {
  yield* armOperations(context, [call(context, name, input, ladder)]);
}

/** As `armOperation`, for writes that do not need each other: all are sent, then all are waited for. */
export function* armOperations(
  context: OrchestrationContext,
  sends: readonly Generator<Task, ArmSent, never>[],
): Generator<Task, void, never> {
  const begun: ArmSent[] = [];
  for (const send of sends) begun.push(yield* send);
  yield* finished(context, ...begun);
}

/** Waits for what was sent. */
export function* finished(
  context: OrchestrationContext,
  ...begun: readonly ArmSent[]
): Generator<Task, void, never> {
  let running = begun.flatMap(operationIn);
  while (running.length > 0) {
    yield* sleep(context, longest(running));
    const still: ArmOperation[] = [];
    for (const operation of running)
      still.push(...operationIn(yield* call(context, "pollArm", { operation })));
    running = still;
  }
}

const operationIn = ({ operation }: ArmSent): ArmOperation[] => (operation ? [operation] : []);

/** Nobody is asked sooner than he wants to be. */
export const longest = (operations: readonly ArmOperation[]): Millis =>
  millis(Math.max(...operations.map(({ retryAfter }) => retryAfter)));
