import { LeewardError } from "../engine/core/errors.ts";
import type { ArmId } from "../engine/core/ids.ts";
import { type ItemRecord, itemKeyOf, lastSegment } from "../engine/recovery/item.ts";
import { endedFor } from "../engine/recovery/resync.ts";
import { findItem } from "./find-item.ts";
import { durableRoute } from "./http.ts";
import { viewItem } from "./item-view.ts";
import { PATHS, itemIn } from "./paths.ts";
import { askedIn } from "./protected-items.ts";
import type { Services } from "./services.ts";

const path = `${PATHS.item}/repairReplication`;

/** ASR's word for it. The present generation ends, and the next begins with a comparison: the answer does not wait for that. */
durableRoute(
  "repairReplication",
  { method: "POST", path, role: "Operator", versioned: true },
  async (call) => {
    const item = await repair(call.services, itemIn(call.request), askedIn(call));
    return { jsonBody: await viewItem(call, item) };
  },
);

/** @throws NotFound, StateNotAllowed, Conflict: nothing changed */
async function repair(
  services: Services,
  id: ArmId,
  { now, token }: ReturnType<typeof askedIn>,
): Promise<ItemRecord> {
  const item = await findItem(services, id);
  if (token !== undefined && item.resync?.token === token) return item;
  const progress = (await services.records.progress.get(item.machine))?.value;
  const underWay = progress?.arrived.generation !== item.generation || isComparing(progress.resync);
  return services.records.items.update(itemKeyOf(item.machine), (old) => {
    if (old.state !== "Protected")
      throw new LeewardError(
        "StateNotAllowed",
        `${lastSegment(id)} is ${old.state}: RepairReplication is not possible`,
      );
    if (underWay || old.generation !== item.generation)
      throw new LeewardError("Conflict", `a resync of ${lastSegment(id)} is under way`);
    return endedFor(old, { reason: "operator", requestedAt: now, ...(token !== undefined && { token }) });
  });
}

const isComparing = (resync: { readonly endedAt?: number | undefined } | undefined): boolean =>
  resync !== undefined && resync.endedAt === undefined;
