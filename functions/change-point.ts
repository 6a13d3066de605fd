import { applyRecoveryPointRequest } from "../engine/contract/apply-recovery-point.ts";
import { beginChange } from "../engine/recovery/change-point.ts";
import { buildWish, checkReadable, chosenFor } from "./failover-choice.ts";
import { bodyOf } from "./http.ts";
import { jobRoute } from "./job-route.ts";

/** ASR's word for another point in place of the one that was failed over to. */
jobRoute(
  { name: "applyRecoveryPoint", kind: "changePoint", role: "Admin" },
  async ({ services, request }, item, given) => {
    const { recoveryPointId: point, leeward } = (await bodyOf(request, applyRecoveryPointRequest)).properties;
    const asked = { ...given, point, build: buildWish(leeward) };
    // What cannot begin whatever is chosen is refused for that reason.
    beginChange(item, asked);
    if (point) await checkReadable(services, item, point);
    const chosen = await chosenFor(services, item, asked, leeward);
    return (old) => beginChange(old, { ...asked, ...chosen });
  },
);
