import type { OrchestrationContext, Task } from "durable-functions";
import { LADDER } from "../engine/core/retry.ts";
import { type Machine, call } from "./contract.ts";

/**
 * Does what is to be done for a machine's comparison: offers the base's digests when a generation begins, clears them away
 * when its first point is there. What may pass is tried again on the ladder; the timer function starts the next round. Input: `Machine`;
 * instance id: `resync-{machine}`.
 */
export function* resync(context: OrchestrationContext): Generator<Task, void, never> {
  const { machine } = context.df.getInput<Machine>();
  yield* call(context, "tendResync", { machine }, LADDER);
}
