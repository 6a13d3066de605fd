import { updateMobilityServiceRequest } from "../engine/contract/disable-protection.ts";
import { beginUpgrade } from "../engine/recovery/begin.ts";
import { bodyOf } from "./http.ts";
import { jobRoute } from "./job-route.ts";

/** The agent alone is never taken off a protected machine: it would stand there as protected and not be. */
jobRoute(
  { name: "updateMobilityService", kind: "upgradeAgent", role: "Operator" },
  async ({ request }, _, asked) => {
    await bodyOf(request, updateMobilityServiceRequest);
    return (old) => beginUpgrade(old, asked);
  },
);
