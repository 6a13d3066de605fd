import type { DurableClient } from "durable-functions";
import type { JobRecord } from "../../engine/recovery/job.ts";
import { resourceKey } from "../../engine/recovery/resource-key.ts";
import { jobStatusOf } from "../job-status.ts";
import type { Services } from "../services.ts";
import { runOf, stepsOf } from "./run.ts";

/** The manual action that the job waits for; undefined when it waits for none. */
export async function waitingFor(
  services: Pick<Services, "records">,
  client: DurableClient,
  job: JobRecord,
): Promise<string | undefined> {
  if (job.kind !== "recoveryPlan" || job.state !== "InProgress") return undefined;
  const live = await jobStatusOf(client, job.operation);
  const { plan, run } = await runOf(services, { plan: resourceKey(job.item), operation: job.operation });
  const step = stepsOf(plan, run).find(({ name }) => name === live?.phase);
  return step?.do === "wait" ? step.name : undefined;
}
