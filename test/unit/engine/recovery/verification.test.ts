import { expect, test } from "vitest";
import { ExtentSet } from "../../../../engine/core/extent.ts";
import { type BarrierId, barrierId } from "../../../../engine/core/ids.ts";
import { bytes, diskIndex, generation, micros, sequence } from "../../../../engine/core/units.ts";
import { healthOf } from "../../../../engine/recovery/health.ts";
import { checkNotBad, defaultPoint, latestVerified } from "../../../../engine/recovery/point-choice.ts";
import { badPointOf, unreadablePoint } from "../../../../engine/recovery/bad-point.ts";
import {
  type VerificationRecord,
  standingOf,
  verificationFor,
  verificationRecord,
  withBad,
  withGood,
  withResyncWanted,
  withUnderway,
} from "../../../../engine/recovery/verification.ts";
import { verifyDue } from "../../../../engine/recovery/verify-due.ts";
import { watermarks } from "../../../../engine/recovery/watermarks.ts";
import { newScrub } from "../../../../engine/recovery/scrub.ts";
import { NOW, agent, ago, item, position, progress, protectedItem } from "./fixture.ts";

const { machine } = item();
const idOf = (n: number): BarrierId => barrierId(`00000000-0000-4000-8000-${String(n).padStart(12, "0")}`);
const point = (n: number, of = 1) => ({
  machine,
  id: idOf(of * 1000 + n),
  generation: generation(of),
  sequence: sequence(n),
  time: ago(1000 - n),
  position: position(n, n, { generation: generation(of) }),
});
const fresh = (of = 1) => verificationFor(undefined, machine, generation(of), NOW);
const good = (old: VerificationRecord, n: number, road: "journal" | "replica" = "journal", of = 1) =>
  withGood(old, road, { point: point(n, of), scanned: position(n - 1, n - 1), scrub: newScrub(NOW) }, NOW);
const wrong = new Map([[diskIndex(0), ExtentSet.of([{ start: 5, end: 8 }])]]);
const bad = (old: VerificationRecord, n: number, road: "journal" | "replica" = "journal", of = 1) =>
  withBad(old, badPointOf(road, point(n, of), wrong, NOW));

test("the record comes back from the table as it went", () => {
  const known = withResyncWanted(bad(good(fresh(), 3), 4), NOW);
  expect(verificationRecord.parse(JSON.parse(JSON.stringify(known)))).toEqual(known);
});

test("a bad point is named with its blocks, and a good one of the same id takes that back", () => {
  const known = bad(fresh(), 4);
  expect(known.bad).toMatchObject([
    { code: "PointBad", count: 3, blocks: [5, 6, 7].map((block) => ({ disk: 0, block })) },
  ]);
  expect(known.bad[0]?.message).toContain("disk 0 block 5, disk 0 block 6, disk 0 block 7");
  expect(bad(known, 4).bad).toHaveLength(1);
  expect(good(known, 4).bad).toEqual([]);
});

test("a record never holds more than the table takes", () => {
  let known = fresh();
  const many = new Map([[diskIndex(63), ExtentSet.of([{ start: 4e9, end: 4e9 + 1e6 }])]]);
  for (let n = 1; n <= 600; n++) {
    known = good(known, n);
    known = withBad(known, badPointOf("journal", point(10_000 + n), many, NOW));
  }
  expect(JSON.stringify(known).length).toBeLessThan(60_000);
  expect(known.verified).toHaveLength(500);
  expect(known.bad.at(-1)?.count).toBe(1e6);
});

test("points stand as they were found; those after a bad one are suspect until a later one is good", () => {
  const before = good(fresh(), 3);
  expect([2, 3, 4].map((n) => standingOf(before, point(n)))).toEqual([
    "unverified",
    "verified",
    "unverified",
  ]);
  const after = bad(before, 5);
  expect([3, 4, 5, 6].map((n) => standingOf(after, point(n)))).toEqual([
    "verified",
    "unverified",
    "bad",
    "suspect",
  ]);
  expect(standingOf(after, point(1, 2))).toBe("unverified");
  const mended = good(after, 8);
  expect([5, 6, 8, 9].map((n) => standingOf(mended, point(n)))).toEqual([
    "bad",
    "suspect",
    "verified",
    "unverified",
  ]);
});

test("a wrong replica is no fault of its point, and makes the whole replica to be read anew", () => {
  const known = bad(good(good(fresh(), 3), 3, "replica"), 4, "replica");
  expect(standingOf(known, point(4))).toBe("unverified");
  expect(known.replica.point).toBeUndefined();
  expect(known.journal.point?.id).toBe(point(3).id);
  expect(good(known, 5, "replica").bad).toEqual([]);
});

test("a new generation begins anew and keeps what is known of the old points", () => {
  const known = verificationFor(bad(good(fresh(), 3), 4), machine, generation(2), NOW);
  expect(known.journal.point).toBeUndefined();
  expect([standingOf(known, point(3)), standingOf(known, point(4))]).toEqual(["verified", "bad"]);
  expect(good(known, 5)).toBe(known);
  expect(bad(known, 5)).toBe(known);
});

test("a failover takes neither a bad nor a suspect point by itself, and the last made of equal ones", () => {
  const places = [1, 2, 3, 4, 5].map((n) => point(n));
  expect(defaultPoint(places, undefined, undefined)).toBe(point(5).id);
  const known = bad(good(fresh(), 2), 4);
  expect(defaultPoint(places, known, point(5).id)).toBe(point(3).id);
  expect(latestVerified(places, known)).toBe(point(2).id);
  expect(latestVerified(places, fresh())).toBeUndefined();
  expect(defaultPoint([point(4), point(5)], known, undefined)).toBeUndefined();
  const twin = { ...point(3), id: idOf(7) };
  expect(defaultPoint([...places.slice(0, 3), twin], known, point(3).id)).toBe(point(3).id);
  expect(() => checkNotBad(point(4), known)).toThrow(/was found bad/);
  expect(() => checkNotBad(point(5), known)).toThrow(/after a bad one/);
  expect(() => checkNotBad(point(3), known)).not.toThrow();
});

test("one resync is begun for a bad generation, and no second one within a day", () => {
  const first = withResyncWanted(bad(fresh(), 4), NOW);
  expect(first.resync).toEqual({ generation: 1, requestedAt: NOW, begun: true });
  expect(withResyncWanted(first, NOW)).toBe(first);
  const next = verificationFor(first, machine, generation(2), NOW);
  expect(withResyncWanted(next, micros(NOW + 3600e6)).resync).toMatchObject({ generation: 2, begun: false });
  expect(withResyncWanted(next, micros(NOW + 25 * 3600e6)).resync).toMatchObject({ begun: true });
});

test("a bad point is an error with its blocks until a later one is good; a damaged segment as well", () => {
  const base = { item: protectedItem(), agent: agent(), progress: progress() };
  const known = withResyncWanted(bad(good(fresh(), 3), 4), NOW);
  expect(healthOf({ ...base, verification: known }, NOW)).toMatchObject([
    {
      code: "PointBad",
      level: "Error",
      message: expect.stringContaining("disk 0 block 5"),
      remedy: expect.stringContaining("resync"),
    },
  ]);
  const renewed = verificationFor(known, machine, generation(2), NOW);
  expect(healthOf({ ...base, verification: renewed }, NOW)).toHaveLength(1);
  expect(healthOf({ ...base, verification: good(renewed, 9, "journal", 2) }, NOW)).toEqual([]);
  const torn = unreadablePoint(point(4), { code: "SegmentDamaged", message: "segment 3" }, NOW);
  expect(healthOf({ ...base, verification: withBad(fresh(), torn) }, NOW)).toMatchObject([
    { code: "SegmentDamaged", level: "Error" },
  ]);
  const gone = protectedItem({ state: "UnplannedFailoverCommitPending" });
  expect(healthOf({ ...base, item: gone, verification: known }, NOW)).toEqual([]);
});

test("what hinders verification is a warning, and ends with the next success", () => {
  const base = { item: protectedItem(), agent: agent(), progress: progress() };
  const problem = { code: "KeyWrong", message: "no", since: NOW };
  const known = { ...fresh(), problem };
  expect(healthOf({ ...base, verification: known }, NOW)).toMatchObject([
    { code: "KeyWrong", level: "Warning" },
  ]);
  expect(good(known, 3).problem).toBeUndefined();
});

test("the verified mark is where the newest good point is, and nothing before it lies behind it", () => {
  const marks = watermarks(undefined, progress({ arrived: position(2, 2) }), good(fresh(), 3));
  expect(marks.verified).toEqual({ generation: 1, sequence: 3, time: ago(997), bytes: bytes(3 * 4096) });
  expect(marks.arrived?.sequence).toBe(3);
});

test("verification is due for a new point, a new checkpoint or the scrub, and not before the interval", () => {
  const policy = { ...item().policy, verifyInterval: item().policy.pointInterval };
  const due = (now: number, known: VerificationRecord | undefined, newest: number, more = {}) =>
    verifyDue(micros(now), protectedItem({ policy }), progress({ point: point(newest), ...more }), known);
  const known = good(good(fresh(), 3), 3, "replica");
  const later = NOW + policy.verifyInterval * 1000;
  expect(due(NOW, undefined, 3)).toBe(true);
  expect(due(NOW, known, 4)).toBe(false);
  expect(due(later, known, 3)).toBe(false);
  expect(due(later, known, 4)).toBe(true);
  const reserved = { generation: generation(1), sequence: sequence(4) };
  expect(due(later, known, 3, { reserved, appliedAt: NOW })).toBe(true);
  expect(due(later, known, 3, { point: undefined })).toBe(false);
  expect(due(later, known, 3, { point: point(3, 2) })).toBe(false);
});

test("a comparison in turns shows how far it is, and ends with what it found", () => {
  const underway = { point: point(4).id, end: 80, compared: 20, blocks: 40 };
  const noted = (road: "journal" | "replica", of = 1) =>
    withUnderway(good(fresh(), 3), road, generation(of), underway);
  expect(verificationRecord.parse(JSON.parse(JSON.stringify(noted("journal"))))).toEqual(noted("journal"));
  expect(noted("journal").journal).toMatchObject({ point: { id: point(3).id }, underway });
  expect(noted("journal", 2).journal.underway).toBeUndefined();
  expect(good(noted("journal"), 4).journal.underway).toBeUndefined();
  expect(bad(noted("journal"), 4).journal.underway).toBeUndefined();
  expect(bad(noted("journal"), 4, "replica").journal.underway).toEqual(underway);
  expect(bad(noted("replica"), 4, "replica").replica.underway).toBeUndefined();
});
