import type { HttpResponseInit } from "@azure/functions";
import type { ItemRecord } from "../engine/recovery/item.ts";
import { type ItemJob, operationFor } from "../engine/recovery/job.ts";
import type { Role } from "./auth.ts";
import { beginJob } from "./begin.ts";
import { findItem } from "./find-item.ts";
import { wantedBy } from "./etag.ts";
import { type DurableCall, durableRoute } from "./http.ts";
import { accepted } from "./lro.ts";
import { PATHS, itemIn } from "./paths.ts";
import { askedIn } from "./protected-items.ts";

type Asking = ReturnType<typeof askedIn>;
/** The item once the job has begun: the engine's, which decides. */
type Begin = (old: ItemRecord) => ItemRecord;

/** An action of an item, as ASR names it, that is a job. */
interface Action {
  readonly name: string;
  readonly kind: ItemJob["kind"];
  readonly role: Role;
}

/**
 * Registers it. A request that is sent again, as Microsoft's client does behind a 500, is answered with the job that it began,
 * however long ago that ended.
 * @param prepare reads the body and what the choice depends on; nothing is to be changed by it
 */
export function jobRoute(
  { name, kind, role }: Action,
  prepare: (call: DurableCall, item: ItemRecord, asked: Asking) => Promise<Begin>,
): void {
  const path = `${PATHS.item}/${name}`;
  durableRoute(name, { method: "POST", path, role, versioned: true }, async (call) => {
    const { services, client, request } = call;
    const asked = askedIn(call);
    const only = wantedBy(request);
    const item = await findItem(services, itemIn(request));
    const answered = await repeated(call, item, kind, asked);
    if (answered) return answered;
    const begin = await prepare(call, item, asked);
    return accepted(call, await beginJob(services, client, item, begin, only));
  });
}

/** The answer to a request that has begun its job before. */
async function repeated(
  call: DurableCall,
  item: ItemRecord,
  kind: ItemJob["kind"],
  { token }: Asking,
): Promise<HttpResponseInit | undefined> {
  if (token === undefined) return undefined;
  const operation = operationFor(item.id, kind, token);
  const begun = item.job.operation === operation || (await call.services.records.jobs.get(operation));
  return begun ? accepted(call, item, operation) : undefined;
}
