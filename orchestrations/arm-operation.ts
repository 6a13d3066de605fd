import type { OrchestrationContext, Task } from "durable-functions";
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
): Generator<Task, void, never> {
  let left: ArmSent = yield* call(context, name, input);
  while (left.operation) {
    const { operation } = left;
    yield* sleep(context, operation.retryAfter);
    left = yield* call(context, "pollArm", { operation });
  }
}
