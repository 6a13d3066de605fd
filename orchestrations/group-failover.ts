import type { OrchestrationContext, Task } from "durable-functions";
import { type GroupJob, call } from "./contract.ts";

/**
 * Has the failover of each member begun, so many at a time. Those that could not begin are left to the next run, which the
 * timer starts. Input: `GroupJob`; instance id: `group-failover-{operation}`.
 */
export function* groupFailover(context: OrchestrationContext): Generator<Task, void, never> {
  const job = context.df.getInput<GroupJob>();
  let failed = 0;
  for (let from: number | undefined = 0; from !== undefined;) {
    const done: { next?: number; failed: number } = yield* call(context, "beginGroupFailover", {
      ...job,
      from,
    });
    failed += done.failed;
    from = done.next;
  }
  if (failed === 0) yield* call(context, "noteGroupBegun", job);
}
