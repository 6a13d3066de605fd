import { toIso } from "../core/clock.ts";
import { type Micros, micros } from "../core/units.ts";
import type { DrillVerdict } from "./drill-verdict.ts";
import { type HealthError, remedyOf } from "./health.ts";
import type { ItemRecord } from "./item.ts";
import { STATES } from "./state.ts";
import { beginTest, beginTestCleanup } from "./test-failover.ts";

/*
 * A drill is a test failover that nobody looks at: it is cleaned up as soon as its making has ended, well or not, and leaves a
 * verdict. The item alone decides, so that the timer may ask as often as it likes, and die in between.
 */

const DAY = 24 * 3600 * 1e6;
/** Behind the beginning of a clean-up that failed: what Azure would not delete it mostly does later. */
const CLEAN_AGAIN = 30 * 60e6;

export const isDrilling = ({ test }: Pick<ItemRecord, "test">): boolean => test?.drill === true;

/** It takes of the region's quota, and will not for long: unlike one whose clean-up something stands against. */
export const takesRoom = (item: Pick<ItemRecord, "test">): boolean =>
  isDrilling(item) && item.test?.state !== "cleanupFailed";

/** When the next one is due by the policy; undefined when none is, or a test is there, behind which it is asked anew. */
export function nextDrill({ policy, drills, job, state, test }: ItemRecord): Micros | undefined {
  if (policy.drillDays === 0 || state !== "Protected" || test) return undefined;
  const interval = policy.drillDays * DAY;
  const [last] = drills ?? [];
  // The record does not say when its protection began, but its newest job is no older.
  if (!last) return micros(Math.ceil(job.startTime + interval));
  const wait = last.state === "Failed" ? Math.min(interval, DAY) : interval;
  return micros(Math.ceil(last.startTime + wait));
}

/** Whether its policy asks for one now. That there is a point is for others to know. */
export function drillDue(item: ItemRecord, now: Micros): boolean {
  const next = nextDrill(item);
  return next !== undefined && item.job.ended && now >= next;
}

/** The item once the drill has begun that was due; as it was when none is any more. */
export const withDueDrill = (old: ItemRecord, now: Micros): ItemRecord =>
  drillDue(old, now) ? beginTest(old, { now, token: `drill at ${now}`, drill: true }) : old;

/** Whether its drill is to be cleaned up now: it was made, well or not, or the last clean-up failed a while ago. */
export function drillEnded({ test }: ItemRecord, now: Micros): boolean {
  if (!test?.drill) return false;
  if (test.state === "cleanupFailed") return now - test.job.startTime >= CLEAN_AGAIN;
  return test.state === "ready" || test.state === "failed";
}

/** The item once the clean-up of its drill has begun; as it was when there is nothing to begin. */
export const withDrillCleanup = (old: ItemRecord, now: Micros): ItemRecord =>
  drillEnded(old, now) ? beginTestCleanup(old, { now }) : old;

/** That the newest drill failed, until one succeeds; and that one is there which could not be cleaned up yet. */
export const drillErrors = (item: ItemRecord): HealthError[] =>
  [failed(item), left(item)].filter((error) => error !== undefined);

function failed({ drills, state }: ItemRecord): HealthError | undefined {
  const [last] = drills ?? [];
  if (last?.state !== "Failed" || !STATES[state].replicating) return undefined;
  const code = "DrillFailed";
  return { code, level: "Error", message: wordsOf(last), remedy: remedyOf(code), since: last.startTime };
}

/** It costs what a machine costs, and keeps the next drill from beginning. */
function left({ test }: ItemRecord): HealthError | undefined {
  if (!test?.drill || test.state !== "cleanupFailed" || !test.failure) return undefined;
  const { code, message, step } = test.failure;
  const words = `the drill of ${toIso(test.startTime)} is not cleaned up yet, and is tried again: ${step}: ${message}`;
  return { code, level: "Warning", message: words, remedy: remedyOf(code), since: test.startTime };
}

function wordsOf({ startTime, point, pointTime, failure }: DrillVerdict): string {
  const from =
    point === undefined || pointTime === undefined
      ? "before a recovery point was chosen"
      : `from the point ${point} of ${toIso(pointTime)}`;
  const why = failure ? `, ${failure.step}: ${failure.code}: ${failure.message}` : "";
  return `the drill of ${toIso(startTime)} failed ${from}${why}`;
}
