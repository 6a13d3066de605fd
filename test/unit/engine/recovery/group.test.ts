import { expect, test } from "vitest";
import { armId, barrierId, machineId } from "../../../../engine/core/ids.ts";
import { micros, millis } from "../../../../engine/core/units.ts";
import type { BarrierRequest } from "../../../../engine/recovery/agent-record.ts";
import {
  type GroupRecord,
  beginRound,
  endRound,
  groupIdFor,
  groupSettings,
  newGroup,
  roundDue,
  roundVerdict,
} from "../../../../engine/recovery/group.ts";
import { NOW, POINT, VAULT } from "./fixture.ts";

const at = (seconds: number) => micros(NOW + seconds * 1_000_000);
const ID = armId(`${VAULT}/leewardGroups/Shop`);
const AHEAD = millis(8000);
const wish = { id: POINT, consistency: "crash", members: 2, list: "the list" } as const;

const group = (changes: Partial<GroupRecord> = {}): GroupRecord => ({
  ...newGroup(ID, groupSettings.parse({ interval: 60_000 })),
  ...changes,
});

test("a group is found by its id in any casing", () => {
  expect(groupIdFor(armId(ID.replace("Shop", "SHOP")))).toBe(groupIdFor(ID));
  expect(groupIdFor(armId(`${VAULT}/leewardGroups/Other`))).not.toBe(groupIdFor(ID));
});

test("a barrier is asked for at an instant ahead, and asked again it stays what it was", () => {
  const asked = beginRound(group(), wish, 0, NOW, AHEAD);
  expect(asked.round).toMatchObject({ at: at(8), hold: 100, members: 2 });
  expect(beginRound(asked, wish, 0, at(5), AHEAD)).toBe(asked);
  const other = barrierId("00000000-0000-4000-8000-000000000009");
  expect(() => beginRound(asked, { ...wish, id: other }, 0, at(5), AHEAD)).toThrow(/waits for barrier/);
});

test("when a member left while the barrier was being prepared its list is made anew", () => {
  const left = group({ left: 1 });
  expect(beginRound(left, wish, 0, NOW, AHEAD)).toBe(left);
  expect(beginRound(left, wish, 1, NOW, AHEAD).round).toMatchObject({ members: 2, list: "the list" });
});

test("points are due by the interval, and application-consistent ones by theirs", () => {
  expect(roundDue(group(), NOW)).toBe("crash");
  expect(roundDue(group({ askedAt: NOW }), at(59))).toBeUndefined();
  expect(roundDue(group({ askedAt: NOW }), at(60))).toBe("crash");
  expect(roundDue(beginRound(group(), wish, 0, NOW, AHEAD), at(3600))).toBeUndefined();
  const settings = groupSettings.parse({ interval: 60_000, applicationInterval: 90_000 });
  expect(roundDue(group({ settings, askedAt: NOW, applicationAt: NOW }), at(60))).toBe("crash");
  expect(roundDue(group({ settings, askedAt: at(60), applicationAt: NOW }), at(90))).toBe("application");
});

const request = (changes: Partial<BarrierRequest>): BarrierRequest => ({
  id: POINT,
  consistency: "crash",
  otherwise: "crash",
  requestedAt: NOW,
  set: true,
  ...changes,
});
const round = { at: at(8), hold: millis(100) };
const verdict = (requests: readonly (BarrierRequest | undefined)[], now = at(10)) =>
  roundVerdict(
    round,
    requests.map((one, n) => ({ machine: machineId(`m${n}`), request: one })),
    now,
  );
const good = request({ held: true, made: true });

test("a group has a point only when each member has set it in time, and has it as a point of its own", () => {
  expect(verdict([good, good])).toEqual({ state: "ready" });
  for (const missing of [{ held: true }, { made: true }, {}, { set: false }])
    expect(verdict([good, request(missing)])).toEqual({ state: "waiting", ready: 1 });
  expect(verdict([request({}), good])).toEqual({ state: "waiting", ready: 0 });
});

test.each<[string, BarrierRequest | undefined, string]>([
  ["refused it", request({ set: false, why: "late" }), "m1: late"],
  ["does not trust it", request({ held: false, why: "it was 90.0 ms late" }), "m1: it was 90.0 ms late"],
  ["lost it", undefined, "m1: its barrier was withdrawn"],
])("there is none when a member %s", (_, one, why) => {
  expect(verdict([good, one])).toEqual({ state: "failed", why });
});

test("a member that says nothing is waited for a minute, one whose point is on its way for longer", () => {
  const silent = request({ set: false });
  expect(verdict([good, silent], at(60)).state).toBe("waiting");
  expect(verdict([good, silent], at(70)).state).toBe("failed");
  expect(verdict([good, request({ held: true })], at(70)).state).toBe("waiting");
});

test("what became of a barrier stands in the record, whoever comes late", () => {
  const asked = beginRound(group(), wish, 0, NOW, AHEAD);
  const missed = endRound(asked, POINT, { why: "late" }, at(10));
  expect(missed).toMatchObject({ missed: { id: POINT, why: "late" } });
  expect(missed.round).toBeUndefined();
  expect(endRound(missed, POINT, { consistency: "crash" }, at(11))).toBe(missed);
  const again = beginRound(missed, wish, 0, at(60), AHEAD);
  expect(endRound(again, POINT, { consistency: "application" }, at(70))).toMatchObject({
    newest: { id: POINT, time: at(68), consistency: "application" },
  });
});
