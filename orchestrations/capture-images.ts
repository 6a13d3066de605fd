import type { OrchestrationContext, Task } from "durable-functions";
import { CATALOGUE } from "../engine/core/errors.ts";
import { LADDER } from "../engine/core/retry.ts";
import { type Millis, millis } from "../engine/core/units.ts";
import { type Machine, call } from "./contract.ts";
import { decodeFailure } from "./failure.ts";
import { WAKE } from "./replicate.ts";
import { eventWithin } from "./timer.ts";

export interface CaptureInput extends Machine {
  /** In a row; picks the rung of the ladder. */
  readonly failures?: number;
}

/** The next turn is the retry, and the health of the item says so meanwhile. */
const ONCE: readonly Millis[] = [];
const LAST_RUNG = LADDER.at(-1) ?? millis(0);

/**
 * Captures a machine by images of its disks for as long as it is protected, turn by turn, each as a new execution, so that no
 * history grows. What stopped is begun again by the timer that tends to all machines: a person may have mended it meanwhile.
 * Input: `CaptureInput`; instance id: `capture-{machine}`.
 */
export function* captureImages(context: OrchestrationContext): Generator<Task, void, never> {
  const { machine, failures = 0 } = context.df.getInput<CaptureInput>();
  const next = yield* turn(context, machine, failures);
  if (!next) return;
  yield* eventWithin(context, WAKE, millis(Math.max(next.wait, 1)));
  context.df.continueAsNew({ machine, failures: next.failures } satisfies CaptureInput);
}

function* turn(
  context: OrchestrationContext,
  machine: Machine["machine"],
  failures: number,
): Generator<Task, { readonly wait: Millis; readonly failures: number } | undefined, never> {
  try {
    const { state, wait } = yield* call(context, "capture", { machine }, ONCE);
    return state === "ended" ? undefined : { wait, failures: 0 };
  } catch (error) {
    const { code, message, retryAfter } = decodeFailure(error);
    const stopped = CATALOGUE[code].class !== "retry";
    yield* call(context, "noteCapture", { machine, problem: { code, message }, stopped });
    if (stopped) return undefined;
    const wait = millis(Math.max(LADDER[failures] ?? LAST_RUNG, retryAfter ?? 0));
    return { wait, failures: failures + 1 };
  }
}
