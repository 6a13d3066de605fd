import type { OrchestrationContext, Task } from "durable-functions";
import { type Machine, call } from "./contract.ts";

/**
 * Looks once whether the old side's journal can be read, and how far, after a failover; the timer function starts the
 * next look until everything is known. Input: `Machine`; instance id: `losses-{machine}`.
 */
export function* losses(context: OrchestrationContext): Generator<Task, void, never> {
  yield* call(context, "readLosses", context.df.getInput<Machine>(), []);
}
