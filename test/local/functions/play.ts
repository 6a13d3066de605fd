import type { OrchestrationContext, Task } from "durable-functions";
import type { ActivityName } from "../../../orchestrations/contract.ts";
import { encodeFailure } from "../../../orchestrations/failure.ts";

/** An activity, as the host calls it: with JSON, to JSON. */
type Act = (name: ActivityName, input: unknown) => Promise<unknown>;

interface Yielded {
  readonly kind: "activity" | "timer";
  readonly name?: ActivityName;
  readonly input?: unknown;
}

/**
 * Plays an orchestrator to its end with real activities. Its clock moves by what it sleeps, and nobody waits for that but for a
 * moment, in which the other side gets something done.
 * @returns the names of its activities in order, and the error that it ended with
 */
export async function play(
  orchestrator: (context: OrchestrationContext) => Generator<Task, unknown, unknown>,
  input: unknown,
  act: Act,
): Promise<{ readonly trace: readonly string[]; readonly error?: unknown }> {
  const clock = { now: Date.parse("2030-01-01T00:00:00Z") };
  const trace: string[] = [];
  const steps = orchestrator(contextOf(clock, input));
  try {
    for (let turn = steps.next(); !turn.done;) {
      const task = asYielded(turn.value);
      if (task.kind === "timer" || task.name === undefined) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        turn = steps.next();
        continue;
      }
      trace.push(task.name);
      const answer = await attempt(act, task.name, task.input);
      turn = answer instanceof Error ? steps.throw(answer) : steps.next(answer);
    }
    return { trace };
  } catch (error) {
    return { trace, error };
  }
}

async function attempt(act: Act, name: ActivityName, input: unknown): Promise<unknown> {
  try {
    const output = await act(name, JSON.parse(JSON.stringify(input)));
    return JSON.parse(JSON.stringify(output ?? null));
  } catch (error) {
    return new Error(`Activity function '${name}' failed: ${encodeFailure(error)}`);
  }
}

function asYielded(task: Task): Yielded {
  if ("kind" in task && (task.kind === "activity" || task.kind === "timer"))
    return { ...task, kind: task.kind };
  throw new Error("the orchestrator yielded something else than an activity or a timer");
}

/** The library's context has far more than an orchestrator of ours may use. */
function contextOf(clock: { now: number }, input: unknown): OrchestrationContext {
  const df = {
    instanceId: "instance",
    get currentUtcDateTime() {
      return new Date(clock.now);
    },
    getInput: () => input,
    callActivity: (name: ActivityName, given: unknown) => ({ kind: "activity", name, input: given }),
    createTimer: (at: Date) => {
      clock.now = Math.max(clock.now, at.getTime());
      return { kind: "timer" };
    },
    setCustomStatus: () => undefined,
  };
  return Object.assign(Object.create(null), { df });
}
