import { z } from "zod";
import { itemKey } from "../engine/recovery/item.ts";
import { merged } from "../engine/recovery/replication-policy.ts";
import { findItem } from "./begin.ts";
import { changedPolicy } from "./changed-policy.ts";
import { checkDelay } from "./delete-delay.ts";
import { wakeCapture } from "./durable.ts";
import { bodyOf, durableRoute } from "./http.ts";
import { viewItem } from "./item-view.ts";
import { PATHS, itemIn } from "./paths.ts";

/** What the control plane alone goes by: each run looks at it anew. The rest the agent was told when it was installed. */
const changes = z.looseObject({
  properties: z.looseObject({
    leeward: z.strictObject({
      policy: z.strictObject({
        retention: z.record(z.string(), z.unknown()).optional(),
        verifyInterval: z.unknown().optional(),
        scrubDays: z.unknown().optional(),
        checkpointInterval: z.unknown().optional(),
        imageInterval: z.unknown().optional(),
        capture: z.unknown().optional(),
      }),
    }),
  }),
});

/** Fields that are not given stay as they are. Admin, since a shorter window deletes points. */
durableRoute(
  "patchProtectedItem",
  { method: "PATCH", path: PATHS.item, role: "Admin", versioned: true },
  async (call) => {
    const { services, request } = call;
    const id = itemIn(request);
    const { policy: given } = (await bodyOf(request, changes)).properties.leeward;
    await findItem(services, id);
    const item = await services.records.items.update(itemKey(id), (old) => {
      const policy = changedPolicy(old.policy, given);
      checkDelay(services.settings, policy);
      // What the item was given itself stands over what the vault's policy says from now on.
      return { ...old, policy, ...(old.policyId && { ownPolicy: merged(old.ownPolicy ?? {}, given) }) };
    });
    // It may be asleep until an image is due by the old interval.
    if (item.policy.capture === "snapshots") await wakeCapture(call.client, item.machine);
    return { jsonBody: await viewItem(call, item) };
  },
);
