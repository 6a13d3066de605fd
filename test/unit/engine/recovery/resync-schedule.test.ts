import { expect, test } from "vitest";
import { generation, micros } from "../../../../engine/core/units.ts";
import { isWithin, resyncPolicy, resyncScheduled } from "../../../../engine/recovery/resync-schedule.ts";
import { POINT, progress } from "./fixture.ts";

const at = (iso: string) => micros(Date.parse(iso) * 1000);
const policy = resyncPolicy.parse({
  everyDays: 7,
  window: { from: "22:00", to: "04:30", timeZone: "Europe/Berlin" },
});
const point = {
  id: POINT,
  generation: generation(1),
  sequence: progress().arrived.sequence,
  time: micros(0),
};
const begun = (iso: string, endedAt?: number) => ({
  reason: "operator" as const,
  begunAt: at(iso),
  offered: true,
  refused: [],
  ...(endedAt !== undefined && { endedAt: micros(endedAt) }),
});

test.each([
  ["2026-07-01T19:59:00Z", false],
  ["2026-07-01T20:00:00Z", true],
  ["2026-07-02T00:00:00Z", true],
  ["2026-07-02T02:29:00Z", true],
  ["2026-07-02T02:30:00Z", false],
  // In winter the wall clock there is an hour behind.
  ["2026-12-01T20:30:00Z", false],
  ["2026-12-01T21:00:00Z", true],
])("at %s it is within the window: %s", (iso, is) => {
  expect(isWithin(at(iso), policy.window)).toBe(is);
});

test("a window from one time to the same is the whole day", () => {
  expect(isWithin(at("2026-12-01T13:00:00Z"), resyncPolicy.parse({}).window)).toBe(true);
});

test.each(["25:00", "1:30", "24:00", "12:60"])("%s is no time of day", (from) => {
  expect(resyncPolicy.safeParse({ window: { from } }).success).toBe(false);
});

test("an unknown time zone is refused", () => {
  expect(resyncPolicy.safeParse({ window: { timeZone: "Europe/Atlantis" } }).success).toBe(false);
});

const night = at("2026-12-01T23:00:00Z");

test("one begins by itself when the last one is long ago, and within the window", () => {
  const old = { resync: begun("2026-11-20T23:00:00Z", 1) };
  expect(resyncScheduled(night, policy, progress({ point, ...old }))).toBe(true);
  expect(resyncScheduled(at("2026-12-02T12:00:00Z"), policy, progress({ point, ...old }))).toBe(false);
  expect(resyncScheduled(night, resyncPolicy.parse({}), progress({ point, ...old }))).toBe(false);
  const lately = { resync: begun("2026-11-28T23:00:00Z", 1) };
  expect(resyncScheduled(night, policy, progress({ point, ...lately }))).toBe(false);
});

test("none begins while another is under way, or before the first point", () => {
  expect(resyncScheduled(night, policy, progress({ point, resync: begun("2026-11-01T23:00:00Z") }))).toBe(
    false,
  );
  expect(resyncScheduled(night, policy, progress())).toBe(false);
});
