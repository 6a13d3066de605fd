import { z } from "zod";
import { updateItemRequest } from "../engine/contract/update-item.ts";
import { type ItemRecord, itemKeyOf } from "../engine/recovery/item.ts";
import { merged } from "../engine/recovery/replication-policy.ts";
import { retargeted } from "../engine/recovery/retarget.ts";
import { findItem } from "./find-item.ts";
import { changedPolicy } from "./changed-policy.ts";
import { checkDelay } from "./delete-delay.ts";
import { wakeCapture } from "./durable.ts";
import { wantedBy } from "./etag.ts";
import { bodyOf, checkInput, durableRoute } from "./http.ts";
import { viewItem } from "./item-view.ts";
import { PATHS, itemIn } from "./paths.ts";
import type { Services } from "./services.ts";
import { targetChangeIn } from "./target-change.ts";

/** What each run of the control plane looks at anew, and what an agent is told with each heartbeat. */
const leewardChanges = z.strictObject({
  policy: z
    .strictObject({
      retention: z.record(z.string(), z.unknown()).optional(),
      verifyInterval: z.unknown().optional(),
      scrubDays: z.unknown().optional(),
      drillDays: z.unknown().optional(),
      checkpointInterval: z.unknown().optional(),
      imageInterval: z.unknown().optional(),
      churn: z.unknown().optional(),
      capture: z.unknown().optional(),
    })
    .prefault({}),
});
type PolicyChange = z.output<typeof leewardChanges>["policy"];

/**
 * Fields that are not given stay as they are, and the same change once more changes nothing. Admin, since a shorter window deletes
 * points. Answered at once: nothing of it has to be waited for.
 */
durableRoute(
  "patchProtectedItem",
  { method: "PATCH", path: PATHS.item, role: "Admin", versioned: true },
  async (call) => {
    const { services, request } = call;
    const id = itemIn(request);
    const only = wantedBy(request);
    const { properties } = await bodyOf(request, updateItemRequest);
    const { policy } = checkInput(leewardChanges, properties.leeward ?? {}, ["properties", "leeward"]);
    const known = await findItem(services, id);
    const change = await targetChangeIn(services, known, properties);
    const item = await services.records.items.update(
      itemKeyOf(known.machine),
      (old) => withPolicy(services, change ? retargeted(old, change) : old, policy),
      only,
    );
    // It may be asleep until an image is due by the old interval.
    if (item.policy.capture === "snapshots") await wakeCapture(call.client, item.machine);
    return { jsonBody: await viewItem(call, item) };
  },
);

function withPolicy({ settings }: Services, old: ItemRecord, given: PolicyChange): ItemRecord {
  if (Object.keys(given).length === 0) return old;
  const policy = changedPolicy(old.policy, given);
  checkDelay(settings, policy);
  // What the item was given itself stands over what the vault's policy says from now on.
  return { ...old, policy, ...(old.policyId && { ownPolicy: merged(old.ownPolicy ?? {}, given) }) };
}
