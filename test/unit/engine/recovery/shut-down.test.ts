import { expect, test } from "vitest";
import { operationId } from "../../../../engine/core/ids.ts";
import { bytes, generation } from "../../../../engine/core/units.ts";
import { beginFailover } from "../../../../engine/recovery/begin.ts";
import { fenced, restOf } from "../../../../engine/recovery/shut-down.ts";
import { NOW, agent, ago, failedOver, item, position, progress, protectedItem } from "./fixture.ts";

const arrivedUpTo = (at: number) => progress({ arrived: position(9, at) });
const OFF = ago(10);

test("everything has arrived once the agent said that it has ended, and its last write is there", () => {
  const ended = { ...agent({ ended: true }), heardAt: ago(60) };
  expect(restOf(item(), ended, arrivedUpTo(100), OFF)).toEqual({ state: "all", writes: 0 });
  expect(restOf(item(), ended, arrivedUpTo(90), OFF)).toEqual({ state: "waiting", writes: 10 });
});

test("an agent that lives on is believed once it spoke behind the end of its machine", () => {
  const before = { ...agent(), heardAt: ago(11) };
  expect(restOf(item(), before, arrivedUpTo(100), OFF).state).toBe("unheard");
  const behind = { ...agent(), heardAt: ago(9) };
  expect(restOf(item(), behind, arrivedUpTo(100), OFF).state).toBe("all");
});

test("images count by when they were asked for, and not by when somebody spoke of them", () => {
  const older = { ...agent({ images: true, at: ago(11) }), heardAt: ago(1) };
  expect(restOf(item(), older, arrivedUpTo(100), OFF).state).toBe("unheard");
  const newer = { ...agent({ images: true, at: ago(9) }), heardAt: ago(1) };
  expect(restOf(item(), newer, arrivedUpTo(100), OFF).state).toBe("all");
});

test("changes that are in no segment, and another generation's figures, are not passed over", () => {
  const unrecorded = { since: ago(20), bytes: bytes(8192), writes: 2 };
  const merging = agent({ ended: true, pressure: { rung: "merging", since: ago(20), unrecorded } });
  expect(restOf(item(), merging, arrivedUpTo(100), OFF).state).toBe("waiting");
  const old = agent({ ended: true, generation: generation(1) });
  expect(restOf(item({ generation: generation(2) }), old, arrivedUpTo(100), OFF).state).toBe("unheard");
  expect(restOf(item(), undefined, undefined, OFF).state).toBe("unheard");
});

test("a planned failover replicates on until it is fenced, once, by its own job", () => {
  const old = protectedItem();
  const begun = beginFailover(old, { now: NOW, shutDown: "required" });
  expect(begun).toMatchObject({ state: "ShuttingDown", generation: old.generation });
  const over = fenced(begun, begun.job.operation);
  expect(over).toMatchObject({ state: "FailingOver", generation: old.generation + 1 });
  expect(fenced(over, over.job.operation)).toBe(over);
  expect(fenced(begun, operationId("00000000-0000-8000-8000-00000000000b"))).toBe(begun);
});

test("a source that is fenced already is not shut down", () => {
  const failed = { ...failedOver(), state: "FailoverFailed" as const };
  expect(() => beginFailover(failed, { now: NOW, shutDown: "required" })).toThrow("PlannedFailover");
  const again = beginFailover(failed, { now: NOW, shutDown: "attempt" });
  expect(again.state).toBe("FailingOver");
  expect(again.job.shutDown).toBeUndefined();
});
