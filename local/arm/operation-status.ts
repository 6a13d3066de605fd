import { toIso } from "../../engine/core/clock.ts";
import { ArmError, envelope } from "./arm-error.ts";
import type { Box } from "./box.ts";
import type { Call, Family, OperationStyle, Reply } from "./call.ts";
import type { Operation } from "./model.ts";

/** Headers of an accepted call: absolute URLs where its operation is asked for. */
export function pollHeaders(
  box: Box,
  operation: Operation,
  style: OperationStyle,
  apiVersion: string,
): Record<string, string> {
  const { subscription } = box.config;
  const at = (collection: string) => {
    const { namespace, location, id } = operation;
    const place =
      namespace === "Microsoft.Resources"
        ? "operationresults"
        : `providers/${namespace}/locations/${location}/${collection}`;
    return `${box.url}/subscriptions/${subscription}/${place}/${id}?api-version=${apiVersion}`;
  };
  const base = at(collectionOf(operation, style));
  return {
    ...(style !== "location" && { "azure-asyncoperation": base }),
    ...(style !== "status" && { location: `${base}&monitor=true` }),
    "retry-after": String(box.config.retryAfter),
  };
}

/** Each provider has its operations elsewhere. */
function collectionOf({ namespace, kind }: Operation, style: OperationStyle): string {
  if (/^(disk|snapshot)\./.test(kind)) return "DiskOperations";
  if (namespace === "Microsoft.Storage") return "asyncoperations";
  return namespace === "Microsoft.Network" && style === "location" ? "operationResults" : "operations";
}

async function poll(call: Call): Promise<Reply> {
  const { box, path, query, apiVersion } = call;
  const operation = box.state.operations.all().find(({ id }) => id === path.name);
  if (!operation) throw new ArmError(404, "OperationNotFound", `The operation '${path.name}' was not found.`);
  const byLocation = query.get("monitor") === "true";
  if (byLocation) return result(box, operation, apiVersion);
  const headers = { "retry-after": String(box.config.retryAfter) };
  return {
    status: 200,
    body: statusOf(box, operation),
    ...(operation.status === "InProgress" && { headers }),
  };
}

/** A failure stands in the document; the call for it succeeds. */
function statusOf(box: Box, operation: Operation) {
  const { started, ended, status, id, error } = operation;
  const output = status === "Succeeded" ? box.operations.output(operation) : undefined;
  return {
    name: id,
    status,
    startTime: toIso(started),
    ...(ended !== undefined && { endTime: toIso(ended) }),
    ...(output !== undefined && { properties: { output } }),
    ...(error && envelope(error.code, error.message)),
  };
}

async function result(box: Box, operation: Operation, apiVersion: string): Promise<Reply> {
  if (operation.status === "InProgress") return { status: 202, operation: { operation, style: "location" } };
  if (operation.error)
    throw new ArmError(operation.error.status, operation.error.code, operation.error.message);
  const output = box.operations.output(operation);
  // Resource Manager's own result has no body, and is 200 where the providers say 204.
  if (operation.namespace === "Microsoft.Resources") return { status: 200 };
  return output === undefined ? box.answerFor(operation.resource, apiVersion) : { status: 200, body: output };
}

const family = (type: string): Family => ({ type, since: "2021-01-01", get: poll });

export const operationFamilies: readonly Family[] = [
  family("Microsoft.Compute/locations/operations"),
  family("Microsoft.Compute/locations/DiskOperations"),
  family("Microsoft.Network/locations/operations"),
  family("Microsoft.Network/locations/operationResults"),
  family("Microsoft.Storage/locations/asyncoperations"),
  family("Microsoft.Resources/operationresults"),
];
