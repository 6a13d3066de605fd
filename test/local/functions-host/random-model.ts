import fc from "fast-check";
import type { Outcome, Program, Signal, TaskNode } from "../../functions-host/app/random.ts";

let keys = 0;

/** Events are raised on the outermost instance only, so only that one waits for them. */
export const { outer: programs } = fc.letrec<{
  quick: TaskNode;
  task: TaskNode;
  child: Program;
  outer: Program;
}>((tie) => {
  const activity = fc.record({ kind: fc.constant("activity" as const), value: fc.nat(99) });
  const failure = fc.record({ kind: fc.constant("failure" as const) });
  const retry = fc
    .record({
      kind: fc.constant("retry" as const),
      failures: fc.nat(4),
      attempts: fc.integer({ min: 1, max: 4 }),
      first: fc.constantFrom(1, 1000, 60_000),
    })
    .map((node) => ({ ...node, key: `key-${keys++}` }));
  const sleep = fc.record({
    kind: fc.constant("sleep" as const),
    seconds: fc.constantFrom(-1, 0, 1, 60, 864_000),
  });
  const sub = fc.record({
    kind: fc.constant("child" as const),
    program: tie("child"),
    attempts: fc.integer({ min: 1, max: 3 }),
  });
  const all = (of: fc.Arbitrary<TaskNode>) =>
    fc.record({ kind: fc.constant("all" as const), tasks: fc.array(of, { minLength: 1, maxLength: 4 }) });
  const any = fc.record({
    kind: fc.constant("any" as const),
    quick: tie("quick"),
    seconds: fc.constantFrom(3600, 864_000),
    cancel: fc.boolean(),
  });
  const call = fc.record({ kind: fc.constant("call" as const), value: fc.nat(9), fails: fc.boolean() });
  const signal: fc.Arbitrary<Signal> = fc.record({ kind: fc.constant("signal" as const), value: fc.nat(9) });
  const event = fc.constantFrom("a", "b", "c").map((name) => ({ kind: "event" as const, name }));
  const depth = { maxDepth: 3, depthSize: "small" as const };
  return {
    quick: fc.oneof(depth, activity, failure, call, all(fc.oneof(activity, failure, call))),
    task: fc.oneof(depth, activity, failure, call, retry, sleep, all(tie("task")), sub, any),
    child: fc.record({
      steps: fc.array(fc.oneof(tie("task"), signal), { maxLength: 3 }),
      fails: fc.boolean(),
      rest: fc.option(tie("child"), depth),
    }),
    outer: fc.record({
      steps: fc.array(fc.oneof(tie("task"), signal, event, all(fc.oneof(tie("task"), event))), {
        maxLength: 5,
      }),
      fails: fc.boolean(),
      rest: fc.constant(null),
    }),
  };
});

/** Status, outcome, and what the instance's own sum came to. */
export type End = [status: string, outcome: unknown, sum: unknown];

export function expectedOf(program: Program): End {
  const entity = new Sum();
  const outcome = modelOf(program, entity);
  return [outcome === "failed" ? "Failed" : "Completed", outcome, entity.asked ? entity.sum : "none"];
}

/** Each event node once, in any order. */
export function eventsOf(program: Program): string[] {
  const events = (node: TaskNode | Signal): string[] => {
    if (node.kind === "event") return [node.name];
    return node.kind === "all" ? node.tasks.flatMap(events) : [];
  };
  return program.steps.flatMap(events);
}

/** The entity of one instance. */
class Sum {
  sum = 0;
  asked = false;

  add(value: number): number {
    this.asked = true;
    return (this.sum += value);
  }
}

function modelOf({ steps, fails, rest }: Program, entity: Sum): Outcome[] | "failed" {
  const outcomes: Outcome[] = [];
  for (const step of steps)
    if (step.kind === "signal") entity.add(step.value);
    else outcomes.push(outcomeOf(step, entity));
  if (!rest) return fails ? "failed" : outcomes;
  const more = modelOf(rest, entity);
  return more === "failed" ? "failed" : [...outcomes, ...more];
}

function outcomeOf(node: TaskNode, entity: Sum): Outcome {
  switch (node.kind) {
    case "activity":
      return node.value;
    case "failure":
      return "failed";
    case "call": {
      const sum = entity.add(node.value);
      return node.fails ? "failed" : sum;
    }
    case "retry":
      return node.failures < node.attempts ? `${node.key} after ${node.failures + 1}` : "failed";
    case "sleep":
      return "done";
    case "event":
      return `event ${node.name}`;
    case "child":
      return modelOf(node.program, new Sum());
    case "any":
      return outcomeOf(node.quick, entity);
    case "all": {
      const outcomes = node.tasks.map((task) => {
        const outcome = outcomeOf(task, entity);
        return task.kind === "any" ? "done" : outcome;
      });
      return outcomes.includes("failed") ? "failed" : outcomes;
    }
  }
}
