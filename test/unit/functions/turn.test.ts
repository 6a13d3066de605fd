import { expect, test } from "vitest";
import { micros } from "../../../engine/core/units.ts";
import { activityOf, turnOf } from "../../../functions/activities/turn.ts";

const MINUTE = 60e6;

/** How many minutes a turn lasts behind its first question, which comes so many minutes after it was begun. */
function lasts(of: typeof turnOf, before: number): number {
  let now = 1000 * MINUTE;
  const isOver = of({ now: () => micros(now), sleep: async () => undefined });
  now += before * MINUTE;
  let minutes = 0;
  for (; !isOver(); minutes++) now += MINUTE;
  return minutes;
}

test("a turn lasts three minutes from when it was begun", () => {
  expect([0, 1, 5].map((before) => lasts(turnOf, before))).toEqual([3, 2, 0]);
});

test("an activity begins no turn behind its twentieth minute", () => {
  expect([0, 1, 19, 25].map((minutes) => lasts(activityOf, minutes))).toEqual([20, 19, 1, 0]);
});
