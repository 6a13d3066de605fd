import { z } from "zod";
import { barrierId, operationId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { type Micros, micros } from "../core/units.ts";
import type { TestReport } from "./test-report.ts";
import { stepFailure } from "./step-failure.ts";

const time = z.number().transform(checked(micros));

/** What a drill came to, kept behind its clean-up. Point and road are absent when it failed before they were chosen. */
export const drillVerdict = z.object({
  /** Of the job that made it. */
  operation: z.string().transform(checked(operationId)),
  startTime: time,
  state: z.enum(["Succeeded", "Failed"]),
  point: z.string().transform(checked(barrierId)).optional(),
  pointTime: time.optional(),
  road: z.enum(["import", "upload"]).optional(),
  rtoSeconds: z.number().optional(),
  failure: stepFailure.optional(),
  cleanedTime: time,
});
export type DrillVerdict = z.infer<typeof drillVerdict>;

const MOST = 12;

const succeeded = ({ state }: DrillVerdict): boolean => state === "Succeeded";

export const lastSuccess = (drills: readonly DrillVerdict[]): DrillVerdict | undefined =>
  drills.find(succeeded);

/** The verdicts, newest first, once the test was cleaned up. However many fail, the newest that succeeded stays. */
export function withVerdict(
  drills: readonly DrillVerdict[],
  test: TestReport,
  now: Micros,
): readonly DrillVerdict[] {
  const all = [verdictOf(test, now), ...drills];
  const newest = all.slice(0, MOST);
  const success = lastSuccess(all);
  return success && !newest.includes(success) ? [...newest.slice(0, -1), success] : newest;
}

function verdictOf(test: TestReport, now: Micros): DrillVerdict {
  const { operation, startTime, chosen, rtoSeconds, makingFailure } = test;
  return {
    operation,
    startTime,
    state: makingFailure ? "Failed" : "Succeeded",
    ...(chosen && { point: chosen.point, pointTime: chosen.pointTime, road: chosen.road }),
    ...(rtoSeconds !== undefined && { rtoSeconds }),
    ...(makingFailure && { failure: makingFailure }),
    cleanedTime: now,
  };
}
