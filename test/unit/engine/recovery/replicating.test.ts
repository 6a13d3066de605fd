import { expect, test } from "vitest";
import { generation, micros, ordinal, sequence } from "../../../../engine/core/units.ts";
import { DEFAULT_POLICY } from "../../../../engine/recovery/policy.ts";
import { farther } from "../../../../engine/recovery/progress.ts";
import {
  beginGeneration,
  checkpointDue,
  isProved,
  pointDue,
  shippingOf,
  withApplied,
  withCut,
  withReserved,
  withShipped,
} from "../../../../engine/recovery/replicating.ts";
import { NOW, POINT, ago, item, position, progress, protectedItem } from "./fixture.ts";

const shipped = (next: number, at: number) => ({
  position: position(next, at),
  segments: 2,
  objects: 1,
  bytes: 1000,
  marked: [{ first: ordinal(next - 1), position: position(next, at), barriers: false, proofs: true }],
});

test("arrived goes on by what was shipped, and is counted once", () => {
  const after = withShipped(progress(), shipped(4, 40));
  expect(after).toMatchObject({ shipped: { segments: 2, objects: 1, bytes: 1000 } });
  expect(after.arrived.next).toBe(4);
  expect(isProved(after)).toBe(true);
  expect(withShipped(after, shipped(4, 40))).toBe(after);
  expect(withShipped(after, shipped(3, 30))).toBe(after);
});

test("a run of an older generation moves nothing", () => {
  const second = beginGeneration(item().machine, generation(2), withShipped(progress(), shipped(4, 40)));
  expect(withShipped(second, shipped(9, 90))).toBe(second);
  expect(withCut(second, position(9, 90), [], [])).toBe(second);
});

test("sequences go on where the generation before has arrived, and its point stays", () => {
  const point = { id: POINT, generation: generation(1), sequence: sequence(30), time: NOW };
  const old = {
    ...withShipped(progress(), shipped(4, 40)),
    point,
    problem: { code: "ChainBroken", message: "x", since: NOW, stopped: true },
  };
  const next = beginGeneration(old.machine, generation(2), old);
  expect(next).toMatchObject({ from: 40, marked: [], pending: [], point, shipped: old.shipped });
  expect(next.arrived).toMatchObject({ generation: 2, next: 0, sequence: 40 });
  expect(next.problem).toBeUndefined();
});

test("marks that arrive while a cut is under way are not forgotten", () => {
  const before = withShipped(progress(), shipped(4, 40));
  const meanwhile = withShipped(before, shipped(6, 60));
  expect(meanwhile.marked).toHaveLength(2);
  expect(withCut(meanwhile, before.arrived, [], [])).toMatchObject({
    marked: [{ first: 5 }],
    cut: { next: 4 },
  });
  expect(withCut(meanwhile, meanwhile.arrived, [], [])).toMatchObject({ marked: [], cut: { next: 6 } });
});

test("marks that two runs both shipped are noted once, and never more than a record takes", () => {
  const first = withShipped(progress(), shipped(4, 40));
  const both = { ...shipped(6, 60), marked: [...shipped(4, 40).marked, ...shipped(6, 60).marked] };
  expect(withShipped(first, both).marked.map(({ first: at }) => at)).toEqual([3, 5]);
  let kept = progress();
  for (let next = 3; next < 300; next++) kept = withShipped(kept, shipped(next, next * 10));
  expect(kept.marked).toHaveLength(100);
  expect(kept.marked.at(-1)).toMatchObject({ first: 298 });
  expect(JSON.stringify(kept).length).toBeLessThan(50_000);
});

test("of two positions the farther one holds, a newer generation before all", () => {
  expect(farther(position(5, 50), position(4, 40)).next).toBe(5);
  expect(farther(position(5, 50), position(0, 40, { generation: generation(2) })).generation).toBe(2);
});

test("shipping ends with the protection, and waits while a generation is being begun", () => {
  expect(shippingOf(protectedItem(), progress())).toBe("go");
  expect(shippingOf(protectedItem({ generation: generation(2) }), progress())).toBe("wait");
  expect(shippingOf(protectedItem(), undefined)).toBe("wait");
  expect(shippingOf(protectedItem({ state: "FailingOver" }), progress())).toBe("end");
});

test("a checkpoint that comes late takes neither the replica's mark nor its reservation back", () => {
  const older = { generation: generation(1), sequence: sequence(10) };
  const newer = { generation: generation(1), sequence: sequence(20) };
  const reserved = withReserved(withReserved(progress(), newer), older);
  expect(reserved.reserved).toEqual(newer);
  expect(withReserved(reserved, { ...older, generation: generation(2) }).reserved?.generation).toBe(2);
  const applied = withApplied(withApplied(reserved, position(5, 50), ago(2)), position(3, 30), ago(1));
  expect(applied).toMatchObject({ applied: position(5, 50), appliedAt: ago(1) });
});

test("a checkpoint is due for a newer point, an interval after the last one", () => {
  const policy = { ...DEFAULT_POLICY, checkpointInterval: DEFAULT_POLICY.sealAge };
  const point = { id: POINT, generation: generation(1), sequence: sequence(30), time: NOW };
  const held = { generation: generation(1), sequence: sequence(30) };
  expect(checkpointDue(NOW, policy, progress())).toBe(false);
  expect(checkpointDue(NOW, policy, progress({ point }))).toBe(true);
  expect(checkpointDue(NOW, { ...policy, replica: "none" }, progress({ point }))).toBe(false);
  expect(checkpointDue(NOW, policy, progress({ point, appliedAt: ago(4) }))).toBe(false);
  expect(checkpointDue(NOW, policy, progress({ point, appliedAt: ago(6) }))).toBe(true);
  expect(checkpointDue(NOW, policy, progress({ point, appliedAt: ago(6), reserved: held }))).toBe(false);
});

test("a checkpoint that died half-way is due again", () => {
  const point = { id: POINT, generation: generation(1), sequence: sequence(30), time: NOW };
  const reserved = { generation: generation(1), sequence: sequence(30) };
  expect(checkpointDue(NOW, DEFAULT_POLICY, progress({ point, reserved }))).toBe(true);
});

test("a point is due when the newest is older than the policy wants", () => {
  const at = (seconds: number) => ({
    id: POINT,
    generation: generation(1),
    sequence: sequence(1),
    time: ago(seconds),
  });
  expect(pointDue(NOW, DEFAULT_POLICY, progress({ point: at(59) }))).toBe(false);
  expect(pointDue(NOW, DEFAULT_POLICY, progress({ point: at(60) }))).toBe(true);
  expect(pointDue(micros(NOW), DEFAULT_POLICY, progress())).toBe(true);
});
