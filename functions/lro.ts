import type { HttpResponseInit } from "@azure/functions";
import type { OperationId } from "../engine/core/ids.ts";
import type { ItemRecord } from "../engine/recovery/item.ts";
import { vaultOf } from "../engine/recovery/item.ts";
import type { Call } from "./http.ts";

/** Seconds after which to ask again. */
export const RETRY_AFTER = "2";

/** ARM's answer to a call that goes on: 202 with both places to ask, absolute. */
export function accepted(
  call: Call,
  item: ItemRecord,
  operation: OperationId = item.job.operation,
): HttpResponseInit {
  const version = call.request.query.get("api-version") ?? "";
  const at = (path: string) => `${call.services.settings.publicUrl}${encodeURI(path)}?api-version=${version}`;
  return {
    status: 202,
    headers: {
      "azure-asyncoperation": at(`${vaultOf(item.id)}/replicationOperationStatus/${operation}`),
      location: at(`${item.id}/operationresults/${operation}`),
      "retry-after": RETRY_AFTER,
    },
  };
}
