import fc from "fast-check";
import { expect, test } from "vitest";
import { type Micros, generation, micros, sequence } from "../../../../engine/core/units.ts";
import {
  drillDue,
  drillErrors,
  nextDrill,
  takesRoom,
  withDrillCleanup,
  withDueDrill,
} from "../../../../engine/recovery/drill.ts";
import { lastSuccess } from "../../../../engine/recovery/drill-verdict.ts";
import { type ItemRecord, itemRecord } from "../../../../engine/recovery/item.ts";
import { recoveryPolicy } from "../../../../engine/recovery/policy.ts";
import { beginTest, beginTestCleanup, withTestEnded } from "../../../../engine/recovery/test-failover.ts";
import { testOf } from "../../../../engine/recovery/test-target.ts";
import { NOW, POINT, protectedItem } from "./fixture.ts";
import { machineAt } from "./drill-scene.ts";

const MINUTE = 60e6;
const DAY = 24 * 60 * MINUTE;
const at = (time: number): Micros => micros(NOW + time);
const FAILURE = { code: "TargetUnfit", message: "no cores are left", step: "create the virtual machine" };

/** Drilled every ten days, and protected at `NOW`. */
const shop = (drillDays = 10, changes: Partial<ItemRecord> = {}): ItemRecord =>
  protectedItem({ ...machineAt, policy: recoveryPolicy.parse({ drillDays }), ...changes });

const chosen = (item: ItemRecord): ItemRecord => ({
  ...item,
  test: {
    ...testOf(item),
    chosen: {
      point: POINT,
      pointTime: at(-MINUTE),
      generation: generation(1),
      sequence: sequence(7),
      consistency: "crash",
      road: "import",
    },
  },
});
const ended = (item: ItemRecord, now: Micros, failure?: typeof FAILURE): ItemRecord =>
  withTestEnded(item, { operation: testOf(item).job.operation, steps: [], ...(failure && { failure }) }, now);

/** A drill that begins then, takes four minutes, and is cleaned up in another one. */
function drilled(item: ItemRecord, begun: number, failure?: typeof FAILURE): ItemRecord {
  const drill = beginTest(item, { now: at(begun), token: `${begun}`, drill: true });
  const made = ended(chosen(drill), at(begun + 4 * MINUTE), failure);
  return ended(withDrillCleanup(made, at(begun + 4 * MINUTE)), at(begun + 5 * MINUTE));
}

test("the first is due so many days after the protection began, and the next after the last one", () => {
  expect(nextDrill(shop())).toBe(at(10 * DAY));
  expect([drillDue(shop(), at(10 * DAY - 1)), drillDue(shop(), at(10 * DAY))]).toEqual([false, true]);
  expect(nextDrill(drilled(shop(), 3 * DAY))).toBe(at(13 * DAY));
  expect(nextDrill(shop(0))).toBeUndefined();
  expect(nextDrill(shop(0.5))).toBe(at(DAY / 2));
});

test("one that failed is tried again after a day, or sooner where the policy wants them more often", () => {
  expect(nextDrill(drilled(shop(), 0, FAILURE))).toBe(at(DAY));
  expect(nextDrill(drilled(shop(0.25), 0, FAILURE))).toBe(at(DAY / 4));
});

test("none begins while another job is at work, a test is there, or the machine is not protected", () => {
  const due = at(10 * DAY);
  const { job } = shop();
  expect(withDueDrill(shop(), due).test).toMatchObject({ drill: true, network: { kind: "isolated" } });
  for (const other of [
    shop(10, { job: { ...job, ended: false } }),
    shop(10, { state: "FailoverFailed" }),
    beginTest(shop(), { now: NOW }),
    shop(0),
  ])
    expect(withDueDrill(other, due)).toBe(other);
});

test("it is cleaned up once it was made, and not before", () => {
  const making = withDueDrill(shop(), at(10 * DAY));
  expect(withDrillCleanup(making, at(11 * DAY))).toBe(making);
  const ready = ended(chosen(making), at(11 * DAY));
  expect(withDrillCleanup(ready, at(11 * DAY)).test).toMatchObject({ state: "cleaning", drill: true });
  const own = ended(chosen(beginTest(shop(), { now: NOW })), NOW);
  expect(withDrillCleanup(own, at(11 * DAY))).toBe(own);
});

test("a clean-up that failed begins again half an hour after it began, and keeps why the drill failed", () => {
  const failed = ended(beginTest(shop(), { now: NOW, drill: true }), at(MINUTE), FAILURE);
  const stuck = ended(withDrillCleanup(failed, at(MINUTE)), at(3 * MINUTE), {
    ...FAILURE,
    code: "ArmFailed",
  });
  expect(stuck.test).toMatchObject({ state: "cleanupFailed", failure: { code: "ArmFailed" } });
  expect(drillErrors(stuck)).toMatchObject([{ code: "ArmFailed", level: "Warning", since: NOW }]);
  expect([takesRoom(failed), takesRoom(stuck)]).toEqual([true, false]);
  expect(withDrillCleanup(stuck, at(31 * MINUTE - 1))).toBe(stuck);
  const again = withDrillCleanup(stuck, at(31 * MINUTE));
  expect(again.test?.job.operation).not.toBe(stuck.test?.job.operation);
  const [verdict] = ended(again, at(32 * MINUTE)).drills ?? [];
  expect(verdict).toEqual({
    operation: failed.test?.operation,
    startTime: NOW,
    state: "Failed",
    failure: FAILURE,
    cleanedTime: at(32 * MINUTE),
  });
});

test("a verdict has the point, the road and the time to recover, and is a record", () => {
  const item = drilled(shop(), 0);
  expect(item.test).toBeUndefined();
  expect(item.drills).toMatchObject([
    {
      state: "Succeeded",
      point: POINT,
      pointTime: at(-MINUTE),
      road: "import",
      rtoSeconds: 240,
      cleanedTime: at(5 * MINUTE),
    },
  ]);
  expect(itemRecord.parse(JSON.parse(JSON.stringify(item)))).toEqual(item);
});

test("a drill that somebody cleans up leaves the same verdict, and a test of one's own leaves none", () => {
  const drill = ended(chosen(beginTest(shop(), { now: NOW, drill: true })), at(MINUTE));
  const byHand = ended(beginTestCleanup(drill, { now: at(MINUTE), comments: "seen" }), at(2 * MINUTE));
  const byItself = ended(withDrillCleanup(drill, at(MINUTE)), at(2 * MINUTE));
  expect(byHand.drills).toEqual(byItself.drills);
  const own = ended(chosen(beginTest(shop(), { now: NOW })), at(MINUTE));
  expect(ended(beginTestCleanup(own, { now: at(MINUTE) }), at(2 * MINUTE)).drills).toBeUndefined();
});

test("a failed drill that somebody tries again is a test of theirs; a test never becomes a drill", () => {
  const failed = ended(beginTest(shop(), { now: NOW, drill: true }), at(MINUTE), FAILURE);
  const taken = ended(chosen(beginTest(failed, { now: at(2 * MINUTE) })), at(3 * MINUTE));
  expect(withDrillCleanup(taken, at(DAY))).toBe(taken);
  const own = ended(beginTest(shop(), { now: NOW }), at(MINUTE), FAILURE);
  expect(() => beginTest(own, { now: at(DAY), drill: true })).toThrow("has a test already");
});

test("a request that comes again is answered with the drill that it began, though that failed and is gone", () => {
  const gone = drilled(shop(), 0, FAILURE);
  expect(beginTest(gone, { now: at(DAY), token: "0", drill: true })).toBe(gone);
  const next = drilled(drilled(shop(), 0, FAILURE), DAY, FAILURE);
  expect(new Set(next.drills?.map(({ operation }) => operation)).size).toBe(2);
});

test("twelve verdicts are kept, newest first, and among them the last that succeeded", () => {
  let item = drilled(shop(), 0);
  for (let day = 1; day <= 20; day++) item = drilled(item, day * DAY, FAILURE);
  expect(item.drills).toHaveLength(12);
  expect(item.drills?.[0]?.startTime).toBe(at(20 * DAY));
  expect(lastSuccess(item.drills ?? [])?.startTime).toBe(NOW);
});

test("health names the point, the step and the failure of the newest drill until one succeeds", () => {
  const failed = drilled(shop(), 0, FAILURE);
  const [error] = drillErrors(failed);
  expect(error).toMatchObject({ code: "DrillFailed", level: "Error", since: NOW });
  for (const word of [POINT, FAILURE.step, FAILURE.code, FAILURE.message])
    expect(error?.message).toContain(word);
  expect(drillErrors(drilled(failed, DAY))).toEqual([]);
  expect(drillErrors({ ...failed, state: "FailingOver" })).toEqual([]);
  expect(drillErrors(shop())).toEqual([]);
});

test("whatever is asked twice, at whatever times, begins once", () => {
  const time = fc.integer({ min: 0, max: 40 * DAY }).map(at);
  const failure = fc.constantFrom(undefined, FAILURE);
  fc.assert(
    fc.property(fc.array(fc.record({ time, failure }), { maxLength: 30 }), (turns) => {
      let item = shop(3);
      for (const { time: now, failure: why } of turns.toSorted((a, b) => a.time - b.time)) {
        const begun = withDrillCleanup(withDueDrill(item, now), now);
        expect(withDrillCleanup(withDueDrill(begun, now), now)).toBe(begun);
        expect(begun.test === undefined || begun.test !== item.test || begun === item).toBe(true);
        item = begun.test?.job.ended === false ? ended(begun, now, why) : begun;
      }
      const operations = [...(item.drills ?? []), item.test].flatMap((each) => each?.operation ?? []);
      expect(new Set(operations).size).toBe(operations.length);
    }),
  );
});
