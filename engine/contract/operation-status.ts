import { z } from "zod";

/** Answer of `GET {vault}/replicationOperationStatus/{operation}`. */
export const operationStatus = z.object({
  id: z.string(),
  name: z.string(),
  status: z.enum(["InProgress", "Succeeded", "Failed", "Canceled"]),
  startTime: z.string(),
  endTime: z.string().nullable(),
  percentComplete: z.number(),
  /** ASR says nothing there. */
  properties: z.null(),
  error: z.object({ code: z.string(), message: z.string(), remedy: z.string().optional() }).nullable(),
});
export type OperationStatus = z.infer<typeof operationStatus>;
