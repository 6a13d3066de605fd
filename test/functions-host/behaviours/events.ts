import { expect } from "vitest";
import type { Behaviour } from "../scene.ts";

export const events: readonly Behaviour[] = [
  {
    says: "a durable timer wakes its orchestration when its time has come, not before",
    drive: async (scene) => {
      const { output } = await scene.run("sleeps", { seconds: scene.seconds(3) });
      return Number(output) >= scene.seconds(3);
    },
    sees: true,
  },
  {
    says: "a timer in the past fires at once",
    drive: async (scene) => (await scene.run("sleeps", { seconds: -5 })).runtimeStatus,
    sees: "Completed",
  },
  {
    says: "a timer that is not cancelled keeps the instance Running until it fires",
    drive: async (scene) => (await scene.run("forgetsTimer", { seconds: scene.seconds(4) })).output,
    sees: "done",
  },
  {
    says: "an event reaches the orchestration that waits for it, with its data",
    drive: async (scene) => {
      const id = await scene.begin("waits", {});
      const answers = [await scene.raise(id, "first", { n: 1 }), await scene.raise(id, "second", "two")];
      return [answers, (await scene.end(id)).output];
    },
    sees: [[202, 202], { first: { n: 1 }, second: "two" }],
  },
  {
    says: "events that come before they are waited for are kept",
    drive: async (scene) => {
      const id = await scene.begin("waits", {});
      await scene.raise(id, "second", "early");
      await scene.raise(id, "first", 1);
      return (await scene.end(id)).output;
    },
    sees: { first: 1, second: "early" },
  },
  {
    says: "events in parallel are matched by name",
    drive: async (scene) => {
      const id = await scene.begin("waitsForBoth", {});
      await scene.raise(id, "right", "r");
      await scene.raise(id, "left", "l");
      return (await scene.end(id)).output;
    },
    sees: ["l", "r"],
  },
  {
    says: "an event that nobody waits for changes nothing",
    drive: async (scene) => {
      const id = await scene.begin("waits", {});
      await scene.raise(id, "unheard", {});
      await scene.raise(id, "first", 1);
      await scene.raise(id, "second", 2);
      return (await scene.end(id)).output;
    },
    sees: { first: 1, second: 2 },
  },
  {
    says: "events keep their order over generations, each of which takes one",
    drive: async (scene) => {
      const id = await scene.begin("gathers", []);
      for (const item of [1, 2, 3, 4, 5, 6, 7, 8, 0]) await scene.raise(id, "item", item);
      return unique((await scene.end(id)).output);
    },
    sees: [1, 2, 3, 4, 5, 6, 7, 8],
  },
  {
    says: "of events that are raised all at once none is lost",
    drive: async (scene) => {
      const id = await scene.begin("gathers", []);
      await Promise.all(Array.from({ length: 20 }, (_, i) => scene.raise(id, "item", i + 1)));
      await scene.raise(id, "item", 0);
      return unique((await scene.end(id)).output).toSorted((a, b) => a - b);
    },
    sees: Array.from({ length: 20 }, (_, i) => i + 1),
  },
  {
    says: "an event wins over its deadline, whose cancelled timer holds nothing up",
    drive: async (scene) => {
      const id = await scene.begin("approval", { minutes: 600 });
      await scene.raise(id, "approved", "yes");
      return (await scene.end(id)).output;
    },
    sees: "yes",
  },
  {
    says: "a deadline wins over an event that comes too late",
    drive: async (scene) => {
      const id = await scene.begin("approval", { minutes: scene.seconds(2) / 60 });
      const { output } = await scene.end(id);
      const { status } = await scene.manage(`instances/${id}/raiseEvent/approved`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: '"yes"',
      });
      return [output, status];
    },
    sees: ["too late", 410],
  },
  {
    says: "an eternal orchestration is woken by events and by its timer",
    drive: async (scene) => {
      const start = { woken: 0, ticks: 0, seconds: scene.seconds(2) };
      const id = await scene.begin("eternal", start);
      await scene.until(id, ({ input }) => JSON.stringify(input).includes('"ticks":2'));
      await scene.raise(id, "wake", "go on");
      await scene.raise(id, "wake", "stop");
      return (await scene.end(id)).output;
    },
    sees: { woken: expect.any(Number), ticks: expect.any(Number), seconds: expect.any(Number) },
  },
  {
    says: "a delivered event that nobody took does not stop continueAsNew",
    drive: async (scene) => {
      const id = await scene.begin("losesEvents", {});
      await scene.raise(id, "unread", 1);
      await scene.raise(id, "go", 1);
      return (await scene.end(id)).output;
    },
    sees: "second",
  },
  {
    says: "suspend holds events, and resume gives them",
    drive: async (scene) => {
      const id = await scene.begin("waits", {});
      await scene.command(id, "suspend");
      await scene.until(id, ({ runtimeStatus }) => runtimeStatus === "Suspended");
      await scene.raise(id, "first", 1);
      await scene.raise(id, "second", 2);
      const held = (await scene.status(id))?.runtimeStatus;
      await scene.command(id, "resume");
      return [held, (await scene.end(id)).output];
    },
    sees: ["Suspended", { first: 1, second: 2 }],
  },
  {
    says: "suspend holds timers, and resume gives them",
    drive: async (scene) => {
      const id = await scene.begin("sleeps", { seconds: scene.seconds(200) });
      await scene.command(id, "suspend");
      await scene.until(id, ({ runtimeStatus }) => runtimeStatus === "Suspended");
      await scene.command(id, "resume");
      return (await scene.end(id)).runtimeStatus;
    },
    sees: "Completed",
  },
  {
    says: "terminate ends an instance with the reason as its output",
    drive: async (scene) => {
      const id = await scene.begin("waits", {});
      const answer = await scene.command(id, "terminate", "not needed any more");
      const { runtimeStatus, output } = await scene.end(id);
      return [answer, runtimeStatus, output];
    },
    sees: [202, "Terminated", "not needed any more"],
  },
  {
    says: "a suspended instance can be terminated",
    drive: async (scene) => {
      const id = await scene.begin("waits", {});
      await scene.command(id, "suspend");
      await scene.command(id, "terminate", "enough");
      return (await scene.end(id)).runtimeStatus;
    },
    sees: "Terminated",
  },
  {
    says: "the parent of a terminated sub-orchestration gets the reason as an error",
    drive: async (scene) => {
      const id = await scene.begin("parentOfWaiting", {});
      await scene.until(`${id}-waits`, () => true);
      await scene.command(`${id}-waits`, "terminate", "by hand");
      return (await scene.end(id)).output;
    },
    sees: expect.stringContaining("by hand"),
  },
  {
    says: "terminate does not reach sub-orchestrations",
    drive: async (scene) => {
      const id = await scene.begin("parentOfWaiting", {});
      await scene.until(`${id}-waits`, () => true);
      await scene.command(id, "terminate");
      await scene.end(id);
      await scene.raise(`${id}-waits`, "first", 1);
      await scene.raise(`${id}-waits`, "second", 2);
      return (await scene.end(`${id}-waits`)).output;
    },
    sees: { first: 1, second: 2 },
  },
];

/** Each number once, in order of its first coming: what was not heard of was raised again. */
const unique = (items: unknown): number[] => (Array.isArray(items) ? [...new Set(items.map(Number))] : []);
