import type { DurableClient } from "durable-functions";
import type { ArmId } from "../engine/core/ids.ts";
import { beginCancel } from "../engine/recovery/cancel.ts";
import { type ItemRecord, itemKey } from "../engine/recovery/item.ts";
import { carryOn, findItem } from "./begin.ts";
import { durableRoute } from "./http.ts";
import { accepted } from "./lro.ts";
import { PATHS, itemIn } from "./paths.ts";
import { askedIn } from "./protected-items.ts";
import type { Services } from "./services.ts";

const path = `${PATHS.item}/failoverCancel`;

/** ASR's word for it. What was failed over is deleted with everything written there: who asks for it wants the source. */
durableRoute("failoverCancel", { method: "POST", path, role: "Admin", versioned: true }, async (call) =>
  accepted(call, await cancel(call.services, call.client, itemIn(call.request), askedIn(call))),
);

/** Begins it, the item's record first. @throws NotFound, Conflict, StateNotAllowed: nothing changed */
async function cancel(
  services: Services,
  client: DurableClient,
  id: ArmId,
  asked: ReturnType<typeof askedIn>,
): Promise<ItemRecord> {
  await findItem(services, id);
  const item = await services.records.items.update(itemKey(id), (old) => beginCancel(old, asked));
  await carryOn(services, client, item);
  return item;
}
