import { app } from "@azure/functions";
import "../../../../functions/main.ts";

/** What stands in for an activity: its answer to the n-th call, or an error that it throws. */
export type Answers = Readonly<Record<string, (nth: number) => unknown>>;

/** Set by a test. Calls are noted in order. */
export const world: { answers: Answers; calls: string[] } = { answers: {}, calls: [] };

/** Leeward's whole app, with nothing around it: activities answer from the test's script, and its own timers do nothing. */
app.hook.preInvocation((context) => {
  const { functionName, options } = context.invocationContext;
  if (options.trigger.type === "activityTrigger") context.functionHandler = () => answer(functionName);
  else if (options.trigger.type === "timerTrigger") context.functionHandler = () => undefined;
});

function answer(name: string): unknown {
  const nth = world.calls.filter((call) => call === name).length;
  world.calls.push(name);
  const answered = world.answers[name]?.(nth);
  if (answered instanceof Error) throw answered;
  return answered;
}
