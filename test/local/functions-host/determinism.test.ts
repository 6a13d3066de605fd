import { afterEach, expect, test } from "vitest";
import { useFixture } from "./fixture.ts";
import { changing } from "../../functions-host/app/changing.ts";

const host = useFixture();

type Steps = typeof changing.steps;

afterEach(() => (changing.steps = []));

/** Starts an instance of the old code, which then goes on with the new one. */
async function change(old: Steps, now: Steps): Promise<unknown> {
  changing.steps = old;
  const id = await host.begin("changing", {});
  changing.steps = now;
  await host.raise(id, "go", {});
  const { runtimeStatus, output } = await host.status(id);
  return runtimeStatus === "Failed" ? output : runtimeStatus;
}

const call = "call 'get' to entity '@counter@changing'";

test.each<[string, Steps, Steps, string]>([
  [
    "name of an activity",
    ["echo"],
    ["greet"],
    "2 asked for activity 'echo' (task 0), the code now asks for activity 'greet' (task 0)",
  ],
  [
    "name of a sub-orchestration",
    ["chain"],
    ["parent"],
    "2 asked for sub-orchestration 'chain' (task 0), the code now asks for sub-orchestration 'parent' (task 0)",
  ],
  [
    "kind, to a timer",
    ["echo"],
    ["timer"],
    "2 asked for activity 'echo' (task 0), the code now asks for timer (task 0)",
  ],
  [
    "kind, from a timer",
    ["timer"],
    ["echo"],
    "2 asked for timer (task 0), the code now asks for activity 'echo' (task 0)",
  ],
  [
    "kind, to a sub-orchestration",
    ["echo"],
    ["chain"],
    "2 asked for activity 'echo' (task 0), the code now asks for sub-orchestration 'chain' (task 0)",
  ],
  [
    "kind, to a signal",
    ["echo"],
    ["signal"],
    "2 asked for activity 'echo' (task 0), the code now asks for signal 'get' to entity '@counter@changing' (task 0)",
  ],
  [
    "kind, from a call of an entity",
    ["call"],
    ["echo"],
    `2 asked for ${call} (task 0), the code now asks for activity 'echo' (task 0)`,
  ],
  [
    "call, to a signal",
    ["call"],
    ["signal"],
    `2 asked for ${call} (task 0), the code now asks for signal 'get'`,
  ],
  [
    "entity",
    ["call"],
    ["callOther"],
    `2 asked for ${call} (task 0), the code now asks for call 'get' to entity '@counter@other' (task 0)`,
  ],
  [
    "operation",
    ["call"],
    ["callElse"],
    `2 asked for ${call} (task 0), the code now asks for call 'isNew' to entity '@counter@changing' (task 0)`,
  ],
  [
    "order",
    ["echo", "greet"],
    ["greet", "echo"],
    "2 asked for activity 'echo' (task 0), the code now asks for activity 'greet' (task 0)",
  ],
  [
    "number: the first is gone",
    ["echo", "greet"],
    ["greet"],
    "2 asked for activity 'echo' (task 0), the code now asks for activity 'greet' (task 0)",
  ],
  [
    "number: the last is gone",
    ["echo", "greet"],
    ["echo"],
    "6 asked for activity 'greet' (task 1), which the code does not ask for any more",
  ],
  [
    "number: one came in between",
    ["echo", "greet"],
    ["echo", "timer", "greet"],
    "6 asked for activity 'greet' (task 1), the code now asks for timer (task 1)",
  ],
  [
    "number: all are gone",
    ["echo"],
    [],
    "2 asked for activity 'echo' (task 0), which the code does not ask for any more",
  ],
])("changed code is found, with its place in the history: another %s", async (_, old, now, message) => {
  expect(await change(old, now)).toContain(
    `Non-deterministic orchestrator 'changing': history event ${message}`,
  );
});

test("an activity that became a call of an entity is found, though the library fails over it", async () => {
  expect(await change(["echo"], ["call"])).toContain(
    `history event 2 asked for activity 'echo' (task 0), the code now asks for ${call} (task 0)`,
  );
});

test("code that is as it was goes on", async () => {
  const steps: Steps = ["echo", "signal", "call", "chain", "greet"];
  expect(await change(steps, steps)).toBe("Completed");
});
