import type { DurableClient } from "durable-functions";
import { z } from "zod";
import type { JobStatus } from "../orchestrations/job-status.ts";
import { statusOf } from "./durable.ts";

const step = z.object({
  name: z.string(),
  state: z.enum(["InProgress", "Succeeded", "Failed"]),
  startTime: z.string(),
  endTime: z.string().optional(),
});

const jobStatus = z.object({
  phase: z.string(),
  percentComplete: z.number(),
  progress: z
    .object({
      done: z.number(),
      total: z.number(),
      rate: z.number().optional(),
      etaSeconds: z.number().optional(),
    })
    .optional(),
  steps: z.array(step),
});

/** What a job at work says of itself; undefined before its first turn, or when the task hub was lost. */
export async function jobStatusOf(client: DurableClient, operation: string): Promise<JobStatus | undefined> {
  const status = await statusOf(client, operation);
  const found = jobStatus.safeParse(status?.customStatus);
  return found.success ? found.data : undefined;
}
