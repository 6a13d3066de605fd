import { randomUUID } from "node:crypto";
import type { HttpResponseInit } from "@azure/functions";
import { hasCode } from "../../engine/core/errors.ts";
import type { ArmId, OperationId } from "../../engine/core/ids.ts";
import { type Configuration, type JobRecord, operationFor } from "../../engine/recovery/job.ts";
import type { Call } from "../http.ts";
import { acceptedAt } from "../lro.ts";

/** What a job that says what was configured may have besides. */
type More = Pick<JobRecord, "exported">;

/**
 * A write of something in the vault that is done before it is answered, in the shape of ASR's: 202, with an operation that has
 * ended already, and a job of its name. The same request once more is told of the same operation, and writes nothing.
 * @param write may run twice, and throws before it changes anything
 */
export async function configure(
  call: Call,
  resource: ArmId,
  what: Configuration,
  write: () => Promise<unknown>,
): Promise<HttpResponseInit> {
  return acceptedAt(call, resource, await configured(call, resource, what, write));
}

/** As `configure`, for who answers by himself. */
export async function configured(
  call: Call,
  resource: ArmId,
  what: Configuration,
  write: () => Promise<unknown>,
  more: More = {},
): Promise<OperationId> {
  const operation = operationOf(call, resource, what);
  if (!(await call.services.records.jobs.get(operation))) {
    const startTime = call.services.clock.now();
    await write();
    await recordDone(call, resource, what, { operation, startTime, ...more });
  }
  return operation;
}

/** As `configure`, of what is taken away: 204 when there is nothing to take away. */
export async function removeConfigured(
  call: Call,
  resource: ArmId,
  what: Configuration,
  write: () => Promise<unknown>,
): Promise<HttpResponseInit> {
  try {
    return await configure(call, resource, what, write);
  } catch (error) {
    if (hasCode(error, "NotFound")) return { status: 204 };
    throw error;
  }
}

/** Without an id of the client's each request is one of its own. */
function operationOf({ request }: Call, resource: ArmId, what: Configuration): OperationId {
  const token = request.headers.get("x-ms-client-request-id") ?? randomUUID();
  return operationFor(resource, "configure", `${what} ${token}`);
}

async function recordDone(
  { services: { records, clock } }: Call,
  item: ArmId,
  configuration: Configuration,
  begun: More & { readonly operation: OperationId; readonly startTime: ReturnType<typeof clock.now> },
): Promise<void> {
  const done = { kind: "configure", configuration, item, state: "Succeeded" } as const;
  const endTime = clock.now();
  await records.jobs.ensure(begun.operation, { format: 1, ...begun, ...done, endTime, steps: [] });
}
