import type { DurableClient } from "durable-functions";
import { LeewardError } from "../../engine/core/errors.ts";
import type { JobRecord } from "../../engine/recovery/job.ts";
import { resourceKey } from "../../engine/recovery/resource-key.ts";
import { resumeEvent } from "../../orchestrations/recovery-plan.ts";
import { durableRoute } from "../http.ts";
import { jobStatusOf } from "../job-status.ts";
import { findJob } from "../jobs.ts";
import { acceptedAt } from "../lro.ts";
import { PATHS } from "../paths.ts";
import type { Services } from "../services.ts";
import { runOf, stepsOf } from "./run.ts";

const path = `${PATHS.vault}/replicationJobs/{job}/resume`;

/** A manual action of a recovery plan is done. Whoever resumes twice resumes no later action. */
durableRoute("resumeJob", { method: "POST", path, role: "Operator", versioned: true }, async (call) => {
  const { services, client } = call;
  const job = await findJob(call, call.param("job"));
  const step = await waitingFor(services, client, job);
  if (step === undefined)
    throw new LeewardError("StateNotAllowed", `job ${job.operation} does not wait for anybody`);
  await client.raiseEvent(job.operation, resumeEvent(step), {});
  return acceptedAt(call, job.item, job.operation);
});

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
