import type { OperationStatus } from "../engine/contract/operation-status.ts";
import { toIso } from "../engine/core/clock.ts";
import { remedyOf } from "../engine/recovery/health.ts";
import type { JobRecord } from "../engine/recovery/job.ts";
import { findItem } from "./find-item.ts";
import { durableRoute } from "./http.ts";
import { viewItem } from "./item-view.ts";
import { jobStatusOf } from "./job-status.ts";
import { findJob } from "./jobs.ts";
import { RETRY_AFTER, accepted } from "./lro.ts";
import { PATHS, itemIn } from "./paths.ts";
import { failureOf } from "./vault/result.ts";

const read = { method: "GET", role: "Reader", versioned: true } as const;

const statusPath = `${PATHS.vault}/replicationOperationStatus/{operation}`;
const resultPath = `${PATHS.item}/operationresults/{operation}`;

durableRoute("operationStatus", { ...read, path: statusPath }, async (call) => {
  const job = await findJob(call, call.param("operation"));
  const running = job.state === "InProgress";
  const live = running ? await jobStatusOf(call.client, job.operation) : undefined;
  const jsonBody = statusOf(job, live?.percentComplete ?? 0, new URL(call.request.url).pathname);
  return { jsonBody, ...(running && { headers: { "retry-after": RETRY_AFTER } }) };
});

durableRoute("operationResult", { ...read, path: resultPath }, async (call) => {
  const job = await findJob(call, call.param("operation"));
  if (job.kind === "disable" && job.state === "Succeeded") return { status: 204 };
  const item = await findItem(call.services, itemIn(call.request));
  if (job.state === "InProgress") return accepted(call, item, job.operation);
  if (job.failure) throw failureOf(job.failure);
  return { jsonBody: await viewItem(call, item) };
});

/** The record is the authority on how a job ended: the task hub may be gone, or not yet have taken note. */
function statusOf(job: JobRecord, percentComplete: number, id: string): OperationStatus {
  const { failure, endTime } = job;
  return {
    id,
    name: job.operation,
    status: job.state === "Failed" && job.cancelledAt !== undefined ? "Canceled" : job.state,
    startTime: toIso(job.startTime),
    endTime: endTime === undefined ? null : toIso(endTime),
    properties: null,
    percentComplete: job.state === "InProgress" ? percentComplete : 100,
    error: failure
      ? { code: failure.code, message: `${failure.step}: ${failure.message}`, remedy: remedyOf(failure.code) }
      : null,
  };
}
