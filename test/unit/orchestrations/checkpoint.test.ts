import { expect, test } from "vitest";
import { bytes } from "../../../engine/core/units.ts";
import { checkpoint } from "../../../orchestrations/checkpoint.ts";
import { Driver, type Script } from "./driver.ts";
import { MACHINE, failing } from "./fixture.ts";

const play = (script: Script) =>
  new Driver({ checkpoint: () => null, noteHealth: () => null, ...script }).play(checkpoint, {
    machine: MACHINE,
  });

test("a checkpoint that succeeds says nothing", () => {
  expect(play({}).trace).toEqual(["checkpoint"]);
});

test("what may pass is tried again, later each time, in sight of everyone, and cleared in the end", () => {
  const { trace, inputs } = play({
    checkpoint: (_, nth) => (nth < 2 ? failing("StorageUnavailable") : null),
  });
  expect(trace.join(", ")).toBe(
    "checkpoint, noteHealth, sleep 60000, checkpoint, noteHealth, sleep 120000, checkpoint, noteHealth",
  );
  expect(inputs[1]?.input).toMatchObject({ problem: { code: "StorageUnavailable" }, stopped: false });
  expect(inputs.at(-1)?.input).not.toHaveProperty("problem");
});

test("one that lost its fence leaves the replica to who took it", () => {
  expect(play({ checkpoint: () => failing("FenceLost") }).trace).toEqual(["checkpoint"]);
});

test("damage ends it, with the reason in the record", () => {
  const { trace, inputs } = play({ checkpoint: () => failing("SegmentDamaged") });
  expect(trace).toEqual(["checkpoint", "noteHealth"]);
  expect(inputs[1]?.input).toMatchObject({ problem: { code: "SegmentDamaged" }, stopped: true });
});

const turned = (more: boolean) => ({ more, done: bytes(1), total: bytes(2) });

test("a large replica is brought there in as many turns as that takes", () => {
  const { trace } = play({ checkpoint: (_, nth) => turned(nth < 5) });
  expect(trace).toEqual(Array.from({ length: 6 }, () => "checkpoint"));
});

test("a turn that fails is repeated, and the ladder begins anew behind one that does not", () => {
  const { trace } = play({
    checkpoint: (_, nth) => (nth === 1 || nth === 4 ? failing("StorageUnavailable") : turned(nth < 6)),
  });
  expect(trace.join(", ")).toBe(
    "checkpoint, checkpoint, noteHealth, sleep 60000, checkpoint, noteHealth, checkpoint, checkpoint, " +
      "noteHealth, sleep 60000, checkpoint, noteHealth, checkpoint",
  );
});

test("hours of turns leave no history behind that grows", () => {
  const { trace, continued } = play({ checkpoint: () => turned(true) });
  expect(trace.length).toBeLessThan(200);
  expect(continued).toEqual({ machine: MACHINE });
});
