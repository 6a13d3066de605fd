import { expect, test } from "vitest";
import { barrierId } from "../../../../engine/core/ids.ts";
import { generation, micros, sequence } from "../../../../engine/core/units.ts";
import { badPointOf } from "../../../../engine/recovery/bad-point.ts";
import { newScrub } from "../../../../engine/recovery/scrub.ts";
import {
  type VerificationRecord,
  verificationFor,
  verificationRecord,
  withBad,
  withGood,
} from "../../../../engine/recovery/verification.ts";
import { verifyDue } from "../../../../engine/recovery/verify-due.ts";
import { withWish } from "../../../../engine/recovery/verify-wish.ts";
import { NOW, ago, item, position, progress, protectedItem } from "./fixture.ts";

const { machine } = item();
const point = (n: number, of = 1) => ({
  machine,
  id: barrierId(`00000000-0000-4000-8000-${String(of * 1000 + n).padStart(12, "0")}`),
  generation: generation(of),
  sequence: sequence(n),
  time: ago(1000 - n),
  position: position(n, n, { generation: generation(of) }),
});
const found = (old: VerificationRecord, n: number, road: "journal" | "replica" = "journal") =>
  withGood(old, road, { point: point(n), scanned: position(n - 1, n - 1), scrub: newScrub(NOW) }, NOW);

/** Its newest comparison ended just now, with point 3. */
const known = found(verificationFor(undefined, machine, generation(1), NOW), 3);
const wished = withWish(known, point(5), NOW);
const due = (of: VerificationRecord, newest = 5, now = NOW) =>
  verifyDue(now, protectedItem(), progress({ point: point(newest) }), of);

test("a point that someone wants verified is due at once, and comes back from the table so", () => {
  expect([due(known), due(wished)]).toEqual([false, true]);
  expect(due(verificationRecord.parse(JSON.parse(JSON.stringify(wished))))).toBe(true);
});

test("who asks once more asks for the same comparison", () => {
  expect(withWish(wished, point(5), micros(NOW + 1))).toBe(wished);
  expect(withWish(known, point(3), NOW)).toBe(known);
});

test("the wish is over once the journal was compared up to its point, and not by an older one or the replica", () => {
  expect(due(found(wished, 4), 6)).toBe(true);
  expect(due(found(wished, 5, "replica"), 6)).toBe(true);
  expect(found(wished, 5).wish).toBeUndefined();
  expect([due(found(wished, 5), 6), due(found(wished, 6), 6)]).toEqual([false, false]);
});

test("a point that is found bad has been looked at", () => {
  expect(due(withBad(wished, badPointOf("journal", point(5), new Map(), NOW)))).toBe(false);
  expect(due(withBad(wished, badPointOf("replica", point(5), new Map(), NOW)))).toBe(true);
});

test("an attempt that fails does not run for ever, and who asks again has it run again", () => {
  const problem = { code: "KeyWrong", message: "no", since: NOW };
  const failed = { ...wished, problem, attemptedAt: micros(NOW + 5) };
  expect(due(failed)).toBe(false);
  expect(due(withWish(failed, point(5), micros(NOW + 9)))).toBe(true);
});

test("a new generation knows nothing of what was wanted of the last one", () => {
  const next = verificationFor(wished, machine, generation(2), NOW);
  expect(next.wish).toBeUndefined();
  expect(withWish(next, point(5), NOW)).toBe(next);
  expect(withWish(next, point(5, 2), NOW).wish).toBeDefined();
});
