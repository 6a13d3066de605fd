import { expect, test } from "vitest";
import { barrierId } from "../../../../engine/core/ids.ts";
import type { BarriersRecord } from "../../../../engine/recovery/agent-record.ts";
import {
  noBarriers,
  wantedOf,
  withMade,
  withReport,
  withWish,
  without,
} from "../../../../engine/recovery/barriers.ts";
import { generation, millis } from "../../../../engine/core/units.ts";
import { NOW, POINT, item } from "./fixture.ts";

const GROUP = { instant: { at: NOW, hold: millis(100) } };
const FIRST = { generation: generation(1) };
const OTHER = barrierId("00000000-0000-4000-8000-000000000002");
const wish = { id: POINT, consistency: "application", otherwise: "skip" } as const;
const asked: BarriersRecord = withWish(noBarriers(item().machine), wish, NOW);

test("a wish is noted once, and when applications were last asked to rest", () => {
  expect(wantedOf(asked)).toMatchObject([{ ...wish, set: false, requestedAt: NOW }]);
  expect(asked.applicationAt).toBe(NOW);
  expect(withWish(asked, wish, NOW)).toBe(asked);
  expect(withWish(asked, { ...wish, id: OTHER, consistency: "crash" }, NOW).applicationAt).toBe(NOW);
});

test("a barrier that is set is not asked for again, and what it lacks is kept", () => {
  const report = { ...FIRST, set: [{ id: POINT, why: "busy" }], refused: [] };
  const set = withReport(asked, report, NOW);
  expect(wantedOf(set)).toEqual([]);
  expect(set.unmet).toEqual([{ id: POINT, time: NOW, code: "FreezeFailed", why: "busy", set: true }]);
  expect(withReport(set, report, NOW)).toBe(set);
  expect(without(set, [POINT])).toMatchObject({ pending: [], unmet: [{ why: "busy" }] });
});

test("a refused barrier is not asked for again; one that was set is not refused by what comes late", () => {
  const refusal = { ...FIRST, set: [], refused: [{ id: POINT, why: "late" }] };
  const refused = withReport(asked, refusal, NOW);
  expect(wantedOf(refused)).toEqual([]);
  expect(refused.pending[0]).toMatchObject({ set: false, why: "late" });
  expect(refused.unmet).toEqual([{ id: POINT, time: NOW, code: "FreezeFailed", why: "late", set: false }]);
  const set = withReport(asked, { ...FIRST, set: [{ id: POINT }], refused: [] }, NOW);
  expect(withReport(set, refusal, NOW)).toBe(set);
});

test("whether a group's barrier can be trusted is known once its hold is over", () => {
  const set = withReport(asked, { ...FIRST, set: [{ id: POINT }], refused: [] }, NOW);
  expect(set.pending[0]?.held).toBeUndefined();
  const held = withReport(set, { ...FIRST, set: [{ id: POINT, held: true }], refused: [] }, NOW);
  expect(held.pending[0]).toMatchObject({ set: true, held: true });
  expect(withReport(held, { ...FIRST, set: [{ id: POINT }], refused: [] }, NOW)).toBe(held);
});

test("a group's barrier that was missed is told from applications that do not rest", () => {
  const instant = { at: NOW, hold: millis(100) };
  const group = withWish(noBarriers(item().machine), { ...wish, instant }, NOW);
  const code = (report: Parameters<typeof withReport>[1]) => withReport(group, report, NOW).unmet[0]?.code;
  expect(code({ ...FIRST, set: [], refused: [{ id: POINT, why: "late" }] })).toBe("GroupMissed");
  expect(code({ ...FIRST, set: [{ id: POINT, why: "late", held: false }], refused: [] })).toBe("GroupMissed");
  expect(code({ ...FIRST, set: [{ id: POINT, why: "busy" }], refused: [] })).toBe("FreezeFailed");
  const met = withReport(group, { ...FIRST, set: [{ id: POINT, held: true }], refused: [] }, NOW);
  expect(met.met).toEqual({ FreezeFailed: NOW, GroupMissed: NOW });
});

test("of reasons the newest are kept", () => {
  let record = noBarriers(item().machine);
  for (let n = 10; n < 40; n++) {
    const id = barrierId(`00000000-0000-4000-8000-0000000000${n}`);
    record = withReport(
      withWish(record, { ...wish, id }, NOW),
      { ...FIRST, set: [], refused: [{ id, why: `${n}` }] },
      NOW,
    );
  }
  expect(record.unmet.map(({ why }) => why)).toEqual(Array.from({ length: 20 }, (_, n) => `${n + 20}`));
});

// Seed 5 of the simulation with `no-fence`: one fell off the agent's list, was asked for again, and stood in the journal twice.
test("no more are asked for at once than an agent's answer lists", () => {
  const ids = Array.from({ length: 40 }, (_, n) =>
    barrierId(`00000000-0000-4000-8000-${String(n).padStart(12, "0")}`),
  );
  const all = ids.reduce((old, id) => withWish(old, { ...wish, id }, NOW), noBarriers(item().machine));
  expect(wantedOf(all).map(({ id }) => id)).toEqual(ids.slice(0, 16));
  const set = withReport(all, { ...FIRST, set: ids.slice(0, 16).map((id) => ({ id })), refused: [] }, NOW);
  expect(wantedOf(set).map(({ id }) => id)).toEqual(ids.slice(16, 32));
});

test("a barrier whose generation ended before it became a point is given up, and is no trouble of its own", () => {
  const set = withReport(asked, { ...FIRST, set: [{ id: POINT }], refused: [] }, NOW);
  const next = { generation: generation(2), set: [], refused: [] };
  const ended = withReport(set, next, NOW);
  expect(ended.pending[0]).toMatchObject({ set: false, why: expect.stringMatching(/generation 1.* ended/) });
  expect(wantedOf(ended)).toEqual([]);
  expect(ended.unmet).toEqual([]);
  expect(withReport(ended, next, NOW)).toBe(ended);
  expect(withReport(asked, next, NOW)).toBe(asked);
  const made = withMade({ ...set, pending: [{ ...wish, ...GROUP, requestedAt: NOW, set: true }] }, [POINT]);
  expect(withReport(made, next, NOW)).toBe(made);
});

test("a group's barrier that ended with its generation is missed", () => {
  const group = withWish(noBarriers(item().machine), { ...wish, ...GROUP }, NOW);
  const set = withReport(group, { ...FIRST, set: [{ id: POINT }], refused: [] }, NOW);
  const ended = withReport(set, { generation: generation(2), set: [], refused: [] }, NOW);
  expect(ended.unmet).toMatchObject([{ code: "GroupMissed", set: false }]);
});
