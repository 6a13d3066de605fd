import { forgetRequest, takeOverRequest } from "../engine/recovery/peer-call.ts";
import { forget } from "./forget.ts";
import { bodyOf, durableRoute } from "./http.ts";
import { plannedTakeOver, takeMachineOver } from "./take-over.ts";

const posted = { method: "POST", role: "Peer", versioned: false } as const;

/** The other region's app gives a machine to this one, or asks whether it could. */
durableRoute(
  "peerTakeOver",
  { ...posted, path: "api/leeward/peer/takeOver" },
  async ({ services, client, request }) => {
    const { given, dryRun } = await bodyOf(request, takeOverRequest);
    if (dryRun) return { jsonBody: { changes: await plannedTakeOver(services, given) } };
    return { status: 202, jsonBody: { operation: await takeMachineOver(services, client, given) } };
  },
);

/** Its protection was taken away over there. */
durableRoute(
  "peerForget",
  { ...posted, path: "api/leeward/peer/forget" },
  async ({ services, client, request }) => {
    const operation = await forget(services, client, await bodyOf(request, forgetRequest));
    return { jsonBody: { operation: operation ?? null } };
  },
);
