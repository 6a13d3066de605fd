import { z } from "zod";
import { testFailoverRequest } from "./test-failover.ts";

/** Body of `POST {item}/leewardDrill`: as of a test failover, and all of it may be left out. */
export const drillRequest = testFailoverRequest.extend({
  properties: testFailoverRequest.shape.properties.prefault({}),
});

/** What a drill came to. What was not come to is null. */
export const drillVerdictView = z.object({
  /** Of the job that built the copy. */
  operation: z.string(),
  startTime: z.string(),
  state: z.enum(["Succeeded", "Failed"]),
  point: z.string().nullable(),
  pointTime: z.string().nullable(),
  road: z.enum(["import", "upload"]).nullable(),
  /** From the request to the running machine. */
  rtoSeconds: z.number().nullable(),
  failure: z.object({ code: z.string(), message: z.string(), step: z.string() }).nullable(),
  cleanedTime: z.string(),
});
export type DrillVerdictView = z.infer<typeof drillVerdictView>;

/** What stands in `properties.leeward.drill` of an item. */
export const drillSummary = z.object({
  /** 0: none begins by itself. */
  everyDays: z.number(),
  /** When the next one is due; null when none is, or while the machine is not protected or has a test. */
  nextTime: z.string().nullable(),
  /** The newest verdict. */
  last: drillVerdictView.nullable(),
});
export type DrillSummary = z.infer<typeof drillSummary>;
