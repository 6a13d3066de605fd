import { updateMobilityServiceRequest } from "../engine/contract/disable-protection.ts";
import { upgrade } from "./begin.ts";
import { bodyOf, durableRoute } from "./http.ts";
import { accepted } from "./lro.ts";
import { PATHS, itemIn } from "./paths.ts";
import { askedIn } from "./protected-items.ts";

const path = `${PATHS.item}/updateMobilityService`;

/** ASR's word for it. The agent alone is never taken off a protected machine: it would stand there as protected and not be. */
durableRoute(
  "updateMobilityService",
  { method: "POST", path, role: "Operator", versioned: true },
  async (call) => {
    await bodyOf(call.request, updateMobilityServiceRequest);
    return accepted(call, await upgrade(call.services, call.client, itemIn(call.request), askedIn(call)));
  },
);
