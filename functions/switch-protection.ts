import { reprotectRequest, switchProtectionRequest } from "../engine/contract/switch-protection.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { armId } from "../engine/core/ids.ts";
import { type ItemRecord, lastSegment } from "../engine/recovery/item.ts";
import { STATES } from "../engine/recovery/state.ts";
import { findItem } from "./find-item.ts";
import { bodyOf, route } from "./http.ts";
import { peerOf } from "./peer.ts";
import type { Services } from "./services.ts";
import { PATHS, containerIn, itemIn } from "./paths.ts";

const posted = { method: "POST", role: "Admin", versioned: true } as const;

/** ASR's call for managed disks. Nothing is changed by it yet: see `refused`. */
route(
  "switchProtection",
  { ...posted, path: `${PATHS.container}/switchprotection` },
  async ({ services, request }) => {
    const { replicationProtectedItemName: name } = (await bodyOf(request, switchProtectionRequest))
      .properties;
    const id = armId(`${containerIn(request)}/replicationProtectedItems/${name}`);
    throw refused(services, await findItem(services, id));
  },
);

route("reProtect", { ...posted, path: `${PATHS.item}/reProtect` }, async ({ services, request }) => {
  await bodyOf(request, reprotectRequest);
  throw refused(services, await findItem(services, itemIn(request)));
});

/**
 * A machine is replicated by the app of the region that it goes to, and this one knows of no other: that its turn is two writes,
 * here and there, is done (`functions/reversal.ts`); that the one is asked for over there is not.
 */
function refused(services: Services, { id, state, source, job }: ItemRecord): LeewardError {
  const name = lastSegment(id);
  if (STATES[state].busy)
    return new LeewardError("Conflict", `job ${job.operation} (${job.kind}) is at work on ${name}`);
  if (state !== "UnplannedFailoverCommitted")
    return new LeewardError("StateNotAllowed", `${name} is ${state}: SwitchProtection is not possible`);
  peerOf(services);
  return new LeewardError(
    "StateNotAllowed",
    `${name} can only be protected towards ${source?.region ?? "its first region"} by an app in that region, which this one does not know: enable the machine there, as it runs now`,
  );
}
