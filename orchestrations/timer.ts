import type { OrchestrationContext, Task, TimerTask } from "durable-functions";
import { type Millis, millis } from "../engine/core/units.ts";

/** A durable timer that fires the duration after this turn of the orchestrator; cancel it when it is not waited for. */
function timerIn(context: OrchestrationContext, wait: Millis): TimerTask {
  // A copy, because the library goes on using its own; arithmetic on the replayed clock is the same at every replay.
  const at = structuredClone(context.df.currentUtcDateTime);
  at.setTime(at.getTime() + wait);
  return context.df.createTimer(at);
}

export function* sleep(context: OrchestrationContext, wait: Millis): Generator<Task, void, never> {
  yield timerIn(context, wait);
}

/** Milliseconds since 1970 as the history has it: the same at every replay. */
export const replayedNow = (context: OrchestrationContext): number => context.df.currentUtcDateTime.getTime();

/** Waits of a loop that polls: from 1 s, growing by half, up to the longest. */
export const pollWait = (round: number, longest: Millis): Millis =>
  millis(Math.min(Math.round(1000 * 1.5 ** Math.min(round, 40)), longest));

/** Waits for an external event, but no longer than the duration; true when it came. */
export function* eventWithin(
  context: OrchestrationContext,
  name: string,
  wait: Millis,
): Generator<Task, boolean, never> {
  const timer = timerIn(context, wait);
  const event = context.df.waitForExternalEvent(name);
  yield context.df.Task.any([event, timer]);
  if (!event.isCompleted) return false;
  timer.cancel();
  return true;
}
