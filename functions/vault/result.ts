import type { HttpResponseInit } from "@azure/functions";
import { LeewardError, hasCode, isErrorCode } from "../../engine/core/errors.ts";
import type { ArmId } from "../../engine/core/ids.ts";
import type { JobRecord } from "../../engine/recovery/job.ts";
import type { DurableCall } from "../http.ts";
import { durableRoute } from "../http.ts";
import { findJob } from "../jobs.ts";
import { acceptedAt } from "../lro.ts";

/**
 * Where ARM's clients ask for what a long-running write of a resource has come to: 202 while it is at work, then the resource,
 * or 204 once it is gone.
 * @param path of the resource
 */
export function resultRoute(
  name: string,
  path: string,
  idIn: (request: DurableCall["request"]) => ArmId,
  view: (call: DurableCall, id: ArmId) => Promise<unknown>,
): void {
  const at = { method: "GET", path: `${path}/operationresults/{operation}`, role: "Reader" } as const;
  durableRoute(name, { ...at, versioned: true }, async (call): Promise<HttpResponseInit> => {
    const job = await findJob(call, call.param("operation"));
    const id = idIn(call.request);
    if (job.state === "InProgress") return acceptedAt(call, id, job.operation);
    if (job.failure) throw failureOf(job.failure);
    try {
      return { jsonBody: await view(call, id) };
    } catch (error) {
      if (hasCode(error, "NotFound")) return { status: 204 };
      throw error;
    }
  });
}

/** What a job has failed of, as the error that it was. */
export const failureOf = ({ code, message }: NonNullable<JobRecord["failure"]>): LeewardError =>
  new LeewardError(isErrorCode(code) ? code : "Unexpected", message);
