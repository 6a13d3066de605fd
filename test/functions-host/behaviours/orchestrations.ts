import { expect } from "vitest";
import type { Behaviour, Scene } from "../scene.ts";

/** How an orchestration ends, as a behaviour of its own. */
const ends = (says: string, name: string, input: unknown, sees: unknown): Behaviour => ({
  says,
  drive: async (scene) => {
    const { runtimeStatus, output } = await scene.run(name, input);
    return [runtimeStatus, output];
  },
  sees,
});

const completes = (says: string, name: string, input: unknown, output: unknown): Behaviour =>
  ends(says, name, input, ["Completed", output]);

const fails = (says: string, name: string, input: unknown, words: string): Behaviour =>
  ends(says, name, input, ["Failed", expect.stringContaining(words)]);

export const orchestrations: readonly Behaviour[] = [
  completes("a chain of activities passes each result on", "chain", { steps: 7 }, 7),
  completes("names of orchestrators match in any case", "CHAIN", { steps: 2 }, 2),
  completes("a fan-out of activities comes back together", "fanOut", { width: 40 }, 1560),
  completes("values keep their types on the way into an activity and back", "types", {}, [
    "text",
    "123",
    '{"a":1}',
    "",
    7,
    { a: [1, null] },
    [1, 2],
    null,
  ]),
  fails(
    "an activity's error that nobody catches fails the orchestration and names itself",
    "uncaught",
    {},
    "Orchestrator function 'uncaught' failed: Activity function 'fail' failed: the disk is gone",
  ),
  completes(
    "an activity's error can be caught",
    "caught",
    {},
    { caught: "Activity function 'fail' failed: the disk is gone" },
  ),
  fails("an orchestrator that throws fails with its message", "throws", {}, "failed: not today"),
  completes("Task.all fails with its first error, and the flow goes on", "failingBranch", {}, "hello first"),
  completes("an activity without a result gives nothing", "givesNothing", {}, { result: "null" }),
  completes("a result of a hundred thousand characters passes", "givesLarge", { size: 100_000 }, 100_000),
  {
    says: "sub-orchestrations give their output to the parent, under their own or a given id",
    drive: async (scene) => {
      const { instanceId, output } = await scene.run("parent", { steps: 4 });
      const child = await scene.status(`${instanceId}-child`);
      return [output, child?.name, child?.output];
    },
    sees: [{ one: 4, two: 2 }, "chain", 2],
  },
  completes("a sub-orchestration knows its parent", "asksForParent", {}, { id: "ID-1-x", parent: "ID-1" }),
  completes(
    "a failed sub-orchestration throws in its parent",
    "parentOfFailing",
    {},
    expect.stringContaining("Orchestrator function 'throws' failed: not today"),
  ),
  {
    says: "a child whose id is taken by a live instance fails in its parent",
    drive: async (scene) => {
      const taken = await scene.begin("waits", {}, `${scene.id}-x-waits`);
      const { output } = await scene.run("parentOfWaiting", {}, `${scene.id}-x`);
      await scene.command(taken, "terminate");
      return output;
    },
    sees: expect.stringContaining("'ID-x-waits' is already running"),
  },
  {
    says: "the custom status follows the orchestrator",
    drive: async (scene) => {
      const id = await scene.begin("custom", {});
      const { customStatus } = await scene.until(id, (status) => isStep(status.customStatus, 2));
      await scene.raise(id, "go", {});
      return [customStatus, (await scene.end(id)).output];
    },
    sees: [{ step: 2 }, "done"],
  },
  fails("a custom status beyond 16 KB fails the orchestration", "customTooLarge", {}, "has 20002 characters"),
  fails("an unknown activity is named", "unknownActivity", {}, "'noSuchActivity' doesn't exist"),
  fails("an unknown sub-orchestrator is named", "unknownChild", {}, "'noSuchOrchestrator' doesn't exist"),
  fails("callHttp is refused by its name", "httpCaller", {}, "callHttp is not emulated"),
  fails("a time limit of retries is refused by its name", "retryTimeout", {}, "retryTimeoutInMilliseconds"),
  {
    says: "time and ids are the same at every replay",
    drive: async (scene) => {
      const { output } = await scene.run("replays", { seconds: scene.seconds(2) });
      return output;
    },
    // A scene's id may stand in it by chance.
    sees: { id: expect.stringMatching(/^[0-9a-fID-]{30,36}$/), waited: expect.any(Number) },
  },
  {
    says: "retries wait and then succeed",
    drive: async (scene) => {
      const retried = { key: `${scene.id} patient`, failures: 3, attempts: 5, first: first(scene) };
      return (await scene.run("retry", retried)).output;
    },
    sees: expect.stringMatching(/^ID patient after [4-9]/),
  },
  {
    says: "when all attempts failed the last error comes out",
    drive: async (scene) => {
      const retried = { key: `${scene.id} hopeless`, failures: 1000, attempts: 3, first: first(scene) };
      const { runtimeStatus, output } = await scene.run("retry", retried);
      return [runtimeStatus, output];
    },
    sees: ["Failed", expect.stringMatching(/failure ([3-9]|\d\d+) of ID hopeless/)],
  },
  {
    says: "retries in parallel do not mix up each other's results",
    drive: async (scene) => (await scene.run("retriesInParallel", { first: first(scene) })).output,
    sees: [
      expect.stringMatching(/^ID-1\/1 after \d+$/),
      expect.stringMatching(/^ID-1\/2 after \d+$/),
      expect.stringMatching(/^ID-1\/3 after \d+$/),
      "after",
    ],
  },
  {
    says: "a sub-orchestration is retried as a whole",
    drive: async (scene) => (await scene.run("parentWithRetry", { first: first(scene) })).output,
    sees: expect.stringMatching(/^ID-1 child after \d+$/),
  },
  {
    says: "continueAsNew goes through ten generations under one id, with a short history",
    drive: async (scene) => {
      const id = await scene.begin("generations", { left: 10, seen: 0, events: false, items: [] });
      const { output } = await scene.end(id);
      const { historyEvents = [] } = (await scene.status(id, "showHistory=true")) ?? {};
      return [output, historyEvents.length < 5];
    },
    sees: [{ generations: 10, items: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] }, true],
  },
  {
    says: "a journey of three generations ends, and its signals count once each",
    drive: async (scene) => {
      const { output } = await scene.run("journey", { key: scene.id, generation: 0 });
      const counted = await scene.entityUntil(`milestones/${scene.id}`, (state) => state === 6);
      return [output, counted, await scene.entityUntil(`milestones/${scene.id}%2F0`, (state) => state === 2)];
    },
    sees: [{ key: "ID", last: expect.any(String) }, 6, 2],
  },
];

/** A pause of a second, in milliseconds. */
const first = (scene: Scene) => Math.ceil(scene.seconds(1) * 1000);

const isStep = (status: unknown, step: number): boolean =>
  JSON.stringify(status) === JSON.stringify({ step });
