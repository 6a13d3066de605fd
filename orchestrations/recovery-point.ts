import type { OrchestrationContext, Task } from "durable-functions";
import { LeewardError } from "../engine/core/errors.ts";
import type { BarrierId } from "../engine/core/ids.ts";
import { millis } from "../engine/core/units.ts";
import type { Consistency } from "../engine/journal/record.ts";
import { type Machine, call } from "./contract.ts";
import { encodeFailure } from "./failure.ts";
import { secondsSince } from "./job-status.ts";
import { pollWait, replayedNow, sleep } from "./timer.ts";

export interface RecoveryPointInput extends Machine {
  /** Chosen by the starter: the point has this id. */
  readonly barrier: BarrierId;
  readonly consistency: Consistency;
}

/** A barrier that has not become a point by then is given up, so that the next one can be asked for. */
const PATIENCE_SECONDS = 10 * 60;

/**
 * Asks the agent for a barrier and waits until it has become a recovery point, or was refused. Input: `RecoveryPointInput`; instance id:
 * `point-{machine}`, so that a machine has one on its way at a time.
 */
export function* recoveryPoint(context: OrchestrationContext): Generator<Task, unknown, never> {
  const { machine, barrier, consistency } = context.df.getInput<RecoveryPointInput>();
  const asked = { machine, barrier };
  const start = replayedNow(context);
  yield* call(context, "requestBarrier", { ...asked, consistency });
  for (let round = 0; secondsSince(context, start) < PATIENCE_SECONDS; round++) {
    yield* sleep(context, pollWait(round, millis(10_000)));
    const { exists, refused } = yield* call(context, "observePoint", asked);
    if (exists) return { point: barrier };
    if (refused !== undefined) {
      yield* call(context, "withdrawBarrier", asked);
      return { refused };
    }
  }
  yield* call(context, "withdrawBarrier", asked);
  throw new Error(
    encodeFailure(new LeewardError("TimedOut", `barrier ${barrier} of ${machine} became no recovery point`)),
  );
}
