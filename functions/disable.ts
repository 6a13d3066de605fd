import type { HttpResponseInit } from "@azure/functions";
import { disableProtectionRequest } from "../engine/contract/disable-protection.ts";
import { hasCode } from "../engine/core/errors.ts";
import type { Removal } from "../engine/recovery/item.ts";
import { disable } from "./begin.ts";
import { wantedBy } from "./etag.ts";
import { type DurableCall, bodyOf, durableRoute } from "./http.ts";
import { accepted } from "./lro.ts";
import { PATHS, itemIn } from "./paths.ts";
import { askedIn } from "./protected-items.ts";

const change = { role: "Admin", versioned: true } as const;

durableRoute(
  "removeProtectedItem",
  { ...change, method: "POST", path: `${PATHS.item}/remove` },
  async (call) => {
    const { leeward } = (await bodyOf(call.request, disableProtectionRequest)).properties;
    return remove(call, { ...leeward, purge: false });
  },
);

/** ASR's purge: what does not answer is left, and named. */
durableRoute("purgeProtectedItem", { ...change, method: "DELETE", path: PATHS.item }, (call) =>
  remove(call, { purge: true, keepPoints: false }),
);

/** Asked for once more, or for what is not there, it is done already. */
async function remove(
  call: DurableCall,
  terms: Pick<Removal, "purge" | "keepPoints">,
): Promise<HttpResponseInit> {
  const { services, client, request } = call;
  const asked = askedIn(call);
  try {
    const item = await disable(services, client, itemIn(request), asked, terms, wantedBy(request));
    return accepted(call, item);
  } catch (error) {
    if (hasCode(error, "NotFound")) return { status: 204 };
    throw error;
  }
}
