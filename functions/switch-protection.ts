import type { HttpResponseInit } from "@azure/functions";
import {
  type WayBackRequest,
  reprotectRequest,
  switchProtectionRequest,
} from "../engine/contract/switch-protection.ts";
import { type ArmId, armId } from "../engine/core/ids.ts";
import type { ItemRecord } from "../engine/recovery/item.ts";
import { beginAgain, isGivenAway } from "../engine/recovery/reversal.ts";
import type { ReversalWish } from "../engine/recovery/reversal-record.ts";
import { withPolicy } from "../engine/recovery/replication-policy.ts";
import { beginJob } from "./begin.ts";
import { findItem, lookUp } from "./find-item.ts";
import { type DurableCall, bodyOf, durableRoute } from "./http.ts";
import { accepted, acceptedAt } from "./lro.ts";
import { PATHS, containerIn, itemIn } from "./paths.ts";
import { askedIn } from "./protected-items.ts";
import { recoveryContainerFor, turnRound } from "./reprotect.ts";
import { policyFor } from "./vault/policy-of-item.ts";

const posted = { method: "POST", role: "Admin", versioned: true } as const;

/** ASR's call for managed disks. */
durableRoute("switchProtection", { ...posted, path: `${PATHS.container}/switchprotection` }, async (call) => {
  const { replicationProtectedItemName: name, providerSpecificDetails: details } = (
    await bodyOf(call.request, switchProtectionRequest)
  ).properties;
  const id = armId(`${containerIn(call.request)}/replicationProtectedItems/${name}`);
  return turned(call, id, details);
});

/** The same of an item, which in ASR is for unmanaged disks only. */
durableRoute("reProtect", { ...posted, path: `${PATHS.item}/reProtect` }, async (call) => {
  const { providerSpecificDetails: details } = (await bodyOf(call.request, reprotectRequest)).properties;
  return turned(call, itemIn(call.request), details);
});

/** On the side that has taken it over already it goes on with what failed there. */
async function turned(
  call: DurableCall,
  id: ArmId,
  details: WayBackRequest | undefined,
): Promise<HttpResponseInit> {
  const { services, client } = call;
  const asked = askedIn(call);
  const answered = asked.token !== undefined && (await repeated(call, id, asked.token));
  if (answered) return answered;
  const item = await findItem(services, id);
  if (item.state === "ReversalFailed" || item.job.kind === "reverse")
    return accepted(call, await beginJob(services, client, item, (old) => beginAgain(old, asked)));
  const given = await turnRound(services, item, await wishOf(call, item, asked.token, details));
  return handedOver(call, given);
}

/** The answer to a request that has given it away before: a client sends it again when it was not answered. */
async function repeated(call: DurableCall, id: ArmId, token: string): Promise<HttpResponseInit | undefined> {
  const known = (await lookUp(call.services, id))?.value;
  return known && isGivenAway(known) && known.reversal?.asked?.token === token
    ? handedOver(call, known)
    : undefined;
}

function handedOver(call: DurableCall, { id, job, reversal }: ItemRecord): HttpResponseInit {
  return acceptedAt(call, reversal?.id ?? id, reversal?.operation ?? job.operation);
}

/** @throws InvalidRequest naming the field */
async function wishOf(
  { services }: DurableCall,
  item: ItemRecord,
  token: string | undefined,
  details: WayBackRequest | undefined,
): Promise<ReversalWish> {
  const policyId = details?.policyId;
  const { policy } = withPolicy(item, await policyFor(services, item.id, policyId));
  return {
    token,
    recoveryContainerId: recoveryContainerFor(item, details?.recoveryContainerId),
    ...(policyId !== undefined && { policyId, policy }),
    resourceGroup: details?.recoveryResourceGroupId,
    availabilitySet: details?.recoveryAvailabilitySetId,
    zone: details?.recoveryAvailabilityZone,
    proximityPlacementGroup: details?.recoveryProximityPlacementGroupId,
    capacityReservationGroup: details?.recoveryCapacityReservationGroupId,
    scaleSet: details?.recoveryVirtualMachineScaleSetId,
  };
}
