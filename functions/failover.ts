import { unplannedFailoverRequest } from "../engine/contract/unplanned-failover.ts";
import { failOver, findItem } from "./begin.ts";
import { checkReadable } from "./failover-choice.ts";
import { bodyOf, durableRoute } from "./http.ts";
import { accepted } from "./lro.ts";
import { PATHS, itemIn } from "./paths.ts";
import { askedIn } from "./protected-items.ts";

const path = `${PATHS.item}/unplannedFailover`;

durableRoute("unplannedFailover", { method: "POST", path, role: "Admin", versioned: true }, async (call) => {
  const { properties } = await bodyOf(call.request, unplannedFailoverRequest);
  const point = properties.providerSpecificDetails?.recoveryPointId;
  if (point) await checkReadable(call.services, await findItem(call.services, itemIn(call.request)), point);
  const { size, bootCheck, acceptUnfit } = properties.leeward;
  const build = {
    ...(size !== undefined && { size }),
    ...(bootCheck && { bootCheck }),
    ...(acceptUnfit && { acceptUnfit }),
  };
  const asked = { ...askedIn(call), point, build };
  const item = await failOver(call.services, call.client, itemIn(call.request), asked, properties.leeward);
  return accepted(call, item);
});
