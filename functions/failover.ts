import { plannedFailoverRequest } from "../engine/contract/planned-failover.ts";
import { unplannedFailoverRequest } from "../engine/contract/unplanned-failover.ts";
import { beginFailover } from "../engine/recovery/begin.ts";
import { buildWish, checkReadable, chosenFor, isOpen } from "./failover-choice.ts";
import { bodyOf } from "./http.ts";
import { jobRoute } from "./job-route.ts";

jobRoute(
  { name: "unplannedFailover", kind: "failover", role: "Admin" },
  async ({ services, request }, item, given) => {
    const { properties } = await bodyOf(request, unplannedFailoverRequest);
    const point = properties.providerSpecificDetails?.recoveryPointId;
    const closes = properties.sourceSiteOperations === "Required";
    const asked = { ...given, point, build: buildWish(properties.leeward) };
    if (point) await checkReadable(services, item, point);
    // What it still writes while it is shut down is what it is shut down for.
    const choice =
      closes && isOpen(asked, properties.leeward)
        ? { ...properties.leeward, recoveryPointType: "Latest" as const }
        : properties.leeward;
    const chosen = await chosenFor(services, item, asked, choice);
    const shutDown = closes ? ("attempt" as const) : undefined;
    return (old) => beginFailover(old, { ...asked, ...chosen, shutDown });
  },
);

/** The source is shut down, and not failed over before its last write has arrived: nothing is lost. */
jobRoute(
  { name: "plannedFailover", kind: "failover", role: "Admin" },
  async ({ services, request }, item, given) => {
    const { leeward } = (await bodyOf(request, plannedFailoverRequest)).properties;
    const asked = { ...given, build: buildWish(leeward), shutDown: "required" as const };
    // What cannot begin is refused for that reason.
    beginFailover(item, asked);
    const choice = { recoveryPointType: "Latest" as const, acceptBadPoint: false };
    const chosen = await chosenFor(services, item, asked, choice);
    return (old) => beginFailover(old, { ...asked, ...chosen });
  },
);
