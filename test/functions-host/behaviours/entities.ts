import { expect } from "vitest";
import type { Behaviour, Scene } from "../scene.ts";

export const entities: readonly Behaviour[] = [
  {
    says: "an orchestration calls an entity and gets its answers",
    drive: async (scene) => (await scene.run("counts", { key: scene.id, times: 5 })).output,
    sees: { value: 10 },
  },
  {
    says: "signals of an orchestration count once each and in order, those of its last step too",
    drive: async (scene) => {
      const { output } = await scene.run("signals", { key: scene.id });
      return [output, await counted(scene, scene.id, 1111)];
    },
    sees: [{ told: "between", seen: { value: 111 } }, { value: 1111 }],
  },
  {
    says: "calls of several entities in parallel reach their own callers",
    drive: async (scene) => (await scene.run("callsInParallel", {})).output,
    sees: [0, 1, 2, "act"],
  },
  {
    says: "an entity that many ask at once loses no call and counts none twice",
    drive: async (scene) => {
      const ids = await Promise.all(
        [1, 2, 3, 4].map(() => scene.begin("counts", { key: scene.id, times: 5 })),
      );
      for (const id of ids) await scene.end(id);
      return scene.entity(`counter/${scene.id}`);
    },
    sees: { value: 40 },
  },
  {
    says: "signals from outside all count",
    drive: async (scene) => {
      await Promise.all(Array.from({ length: 10 }, () => scene.signal(`counter/${scene.id}`, "add", 1)));
      // More, where the host died before it could answer.
      const state = await scene.entityUntil(`counter/${scene.id}`, (found) => valueOf(found) >= 10);
      return valueOf(state) < 40;
    },
    sees: true,
  },
  {
    says: "an entity signals another one",
    drive: async (scene) => {
      await scene.run("counts", { key: scene.id, times: 4 });
      await scene.signal(`counter/${scene.id}`, "copyTo", `${scene.id}-copy`);
      return valueOf(await scene.entityUntil(`counter/${scene.id}-copy`, (state) => state !== "none")) % 6;
    },
    sees: 0,
  },
  {
    says: "an entity signals itself",
    drive: async (scene) => {
      await scene.signal(`counter/${scene.id}`, "countDown", 30);
      const state = await scene.entityUntil(`counter/${scene.id}`, (found) => valueOf(found) >= 30);
      return valueOf(state) < 120;
    },
    sees: true,
  },
  {
    says: "an entity that destroys itself is gone, and new when it is asked again",
    drive: async (scene) => {
      await scene.run("counts", { key: scene.id, times: 3 });
      await scene.signal(`counter/${scene.id}`, "delete");
      await scene.entityUntil(`counter/${scene.id}`, (state) => state === "none");
      return (await scene.run("counts", { key: scene.id, times: 4 })).output;
    },
    sees: { value: 6 },
  },
  {
    says: "DELETE is a signal named delete",
    drive: async (scene) => {
      await scene.run("counts", { key: scene.id, times: 2 });
      const { status } = await scene.manage(`entities/counter/${scene.id}`, { method: "DELETE" });
      return [status, await scene.entityUntil(`counter/${scene.id}`, (state) => state === "none")];
    },
    sees: [202, "none"],
  },
  {
    says: "an entity's error reaches its caller, whose flow goes on",
    drive: async (scene) => (await scene.run("callsFailing", { operation: "fail" })).output,
    sees: { caught: "[object Object]", after: "after" },
  },
  ...[
    { end: "return", value: 5 },
    { end: "throw", value: 5 },
    { end: "anew", value: 10 },
  ].map(({ end, value }) => ({
    says: `a signal is sent even when the orchestrator ends right after it, by ${end}`,
    drive: async (scene: Scene) => {
      await scene.run("signalsAtTheEnd", { key: scene.id, end });
      return counted(scene, scene.id, value);
    },
    sees: { value },
  })),
  {
    says: "an unknown entity is refused to whoever signals it",
    drive: (scene) => scene.signal(`nobody/${scene.id}`, "add", 1),
    sees: 400,
  },
  {
    says: "an unknown entity is refused to whoever calls it",
    drive: async (scene) => (await scene.run("callsUnknownEntity", {})).output,
    sees: expect.stringContaining("'nobody' doesn't exist"),
  },
  {
    says: "locks are refused with a sentence that says what to do",
    drive: async (scene) => (await scene.run("locks", {})).output,
    sees: expect.stringContaining("lock is not emulated by the local Functions host: let one entity hold"),
  },
  {
    says: "an entity that nobody asked is not there",
    drive: (scene) => scene.entity(`counter/${scene.id}`),
    sees: "none",
  },
];

/** The state of a counter once it has come to a value, and what it has become if it goes beyond. */
const counted = (scene: Scene, key: string, value: number): Promise<unknown> =>
  scene.entityUntil(`counter/${key}`, (state) => valueOf(state) >= value);

/** -1 for what is no counter's state. */
function valueOf(state: unknown): number {
  if (typeof state !== "object" || state === null || !("value" in state)) return -1;
  return Number(state.value);
}
