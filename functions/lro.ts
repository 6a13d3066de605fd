import type { HttpResponseInit } from "@azure/functions";
import type { ArmId, OperationId } from "../engine/core/ids.ts";
import type { ItemRecord } from "../engine/recovery/item.ts";
import { vaultOf } from "../engine/recovery/item.ts";
import type { Call } from "./http.ts";

/** Seconds after which to ask again. */
export const RETRY_AFTER = "2";

/** ARM's answer to a call that goes on with an item. */
export const accepted = (
  call: Call,
  item: ItemRecord,
  operation: OperationId = item.job.operation,
): HttpResponseInit => acceptedAt(call, item.id, operation);

/** ARM's answer to a call that goes on: 202 with both places to ask, absolute. @param resource whose result the operation is */
export function acceptedAt(call: Call, resource: ArmId, operation: OperationId): HttpResponseInit {
  const version = call.request.query.get("api-version") ?? "";
  const at = (path: string) => `${call.services.settings.publicUrl}${encodeURI(path)}?api-version=${version}`;
  return {
    status: 202,
    headers: {
      "azure-asyncoperation": at(`${vaultOf(resource)}/replicationOperationStatus/${operation}`),
      location: at(`${resource}/operationresults/${operation}`),
      "retry-after": RETRY_AFTER,
    },
  };
}
