import { EntityId, type OrchestrationContext, RetryOptions, type Task } from "durable-functions";
import { app } from "./witnessed.ts";
import { type Flow, result } from "./flow.ts";

/** Anything that can stand inside Task.all and Task.any. */
export type TaskNode =
  | { kind: "activity"; value: number }
  | { kind: "failure" }
  | { kind: "retry"; key: string; failures: number; attempts: number; first: number }
  | { kind: "sleep"; seconds: number }
  | { kind: "event"; name: string }
  /** Adds to the instance's own sum, whose new value is the outcome; then it may fail. */
  | { kind: "call"; value: number; fails: boolean }
  | { kind: "child"; program: Program; attempts: number }
  | { kind: "all"; tasks: TaskNode[] }
  /** `quick` needs no time, the timer hours. */
  | { kind: "any"; quick: TaskNode; seconds: number; cancel: boolean };

/** What is told to the instance's own sum, and not waited for. */
export interface Signal {
  kind: "signal";
  value: number;
}

export interface Program {
  steps: (TaskNode | Signal)[];
  /** Fails at its end. */
  fails: boolean;
  /** Continues as new with the rest. */
  rest: Program | null;
}

export type Outcome = number | string | Outcome[];

type Df = OrchestrationContext["df"];

app.entity<number>("sum", ({ df }) => {
  const sum = (df.getState(() => 0) ?? 0) + (df.getInput<number>() ?? 0);
  df.setState(sum);
  if (df.operationName === "addAndFail") throw new Error("on purpose");
  df.return(sum);
});

const sumOf = (df: Df) => new EntityId("sum", df.instanceId);

/** Carries out a random program: each step gives an outcome, and an error is one too. */
app.orchestration("program", function* ({ df }: OrchestrationContext): Flow<Outcome[] | undefined> {
  const { program, before } = df.getInput<{ program: Program; before: Outcome[] }>();
  const outcomes = [...before];
  for (const step of program.steps)
    if (step.kind === "signal") df.signalEntity(sumOf(df), "add", step.value);
    else outcomes.push(yield* outcomeOf(df, step));
  if (program.rest) {
    df.continueAsNew({ program: program.rest, before: outcomes });
    return undefined;
  }
  if (program.fails) throw new Error("this program fails");
  return outcomes;
});

function* outcomeOf(df: Df, node: TaskNode): Flow<Outcome> {
  try {
    if (node.kind === "any") return yield* firstOf(df, node);
    return toOutcome(node, yield* result(taskOf(df, node)));
  } catch {
    return "failed";
  }
}

function* firstOf(df: Df, node: Extract<TaskNode, { kind: "any" }>): Flow<Outcome> {
  const quick = taskOf(df, node.quick);
  const timer = df.createTimer(after(df, node.seconds));
  const winner = yield* result(df.Task.any([quick, timer]));
  if (node.cancel) timer.cancel();
  if (winner !== quick) return "the timer won";
  return quick.isFaulted ? "failed" : toOutcome(node.quick, quick.result);
}

function taskOf(df: Df, node: TaskNode): Task {
  switch (node.kind) {
    case "activity":
      return df.callActivity("echo", node.value);
    case "failure":
      return df.callActivity("fail", { message: "on purpose" });
    case "retry":
      return df.callActivityWithRetry("failFirst", retries(node.first, node.attempts), {
        key: `${df.instanceId}/${node.key}`,
        failures: node.failures,
      });
    case "sleep":
      return df.createTimer(after(df, node.seconds));
    case "event":
      return df.waitForExternalEvent(node.name);
    case "call":
      return df.callEntity(sumOf(df), node.fails ? "addAndFail" : "add", node.value);
    case "child":
      return node.attempts > 1
        ? df.callSubOrchestratorWithRetry("program", retries(1000, node.attempts), {
            program: node.program,
            before: [],
          })
        : df.callSubOrchestrator("program", { program: node.program, before: [] });
    case "all":
      return df.Task.all(node.tasks.map((task) => taskOf(df, task)));
    case "any":
      return df.Task.any([taskOf(df, node.quick), df.createTimer(after(df, node.seconds))]);
  }
}

const after = (df: Df, seconds: number) => new Date(df.currentUtcDateTime.getTime() + seconds * 1000);

function retries(first: number, attempts: number): RetryOptions {
  const options = new RetryOptions(first, attempts);
  options.backoffCoefficient = 2;
  return options;
}

/** A timer and a nested Task.any have no value worth comparing; ids of instances, in front of a slash, are random. */
function toOutcome(node: TaskNode, value: unknown): Outcome {
  if (node.kind === "sleep" || node.kind === "any") return "done";
  if (node.kind === "all") return node.tasks.map((task, i) => toOutcome(task, elementOf(value, i)));
  return plain(value);
}

function plain(value: unknown): Outcome {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "string") return value.slice(value.lastIndexOf("/") + 1);
  return typeof value === "number" ? value : `not an outcome: ${typeof value}`;
}

const elementOf = (value: unknown, index: number): unknown =>
  Array.isArray(value) ? value[index] : "not an array";
