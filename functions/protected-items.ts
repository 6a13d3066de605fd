import type { HttpResponseInit } from "@azure/functions";
import { enableProtectionRequest } from "../engine/contract/enable-protection.ts";
import type { EnableProtectionRequest } from "../engine/contract/enable-protection.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { type ArmId, sameArmId } from "../engine/core/ids.ts";
import { type ItemRecord, inVault, vaultOf } from "../engine/recovery/item.ts";
import { isGivenAway } from "../engine/recovery/reversal.ts";
import { requireRole } from "./auth.ts";
import { enable } from "./begin.ts";
import { findItem, findVersion } from "./find-item.ts";
import { tagOf } from "./etag.ts";
import { type DurableCall, bodyOf, durableRoute } from "./http.ts";
import { groupNamed, joinGroup } from "./membership.ts";
import { checkDelay } from "./delete-delay.ts";
import { accepted } from "./lro.ts";
import { containerIn, itemIn, PATHS, vaultIn } from "./paths.ts";
import { viewItem } from "./item-view.ts";
import { policyFor, withMappedPolicy } from "./vault/policy-of-item.ts";
import { filterIn } from "./vault/filter.ts";
import { ITEM_FIELDS } from "./vault/item-filter.ts";
import { pagesOfBoth } from "./vault/pages-of-both.ts";
import { pageOfRecords } from "./vault/paging.ts";
import { wishOf } from "./wish.ts";

const read = { method: "GET", role: "Reader", versioned: true } as const;

durableRoute(
  "putProtectedItem",
  { method: "PUT", path: PATHS.item, role: "Operator", versioned: true },
  async (call) => {
    const id = itemIn(call.request);
    const sent = await bodyOf(call.request, enableProtectionRequest);
    const body = await withMappedPolicy(call.services, id, sent);
    const base = await policyFor(call.services, id, body.properties.policyId);
    const wish = wishOf(call.services.settings, id, body, base);
    checkDelay(call.services.settings, wish.policy);
    // Whoever may set a command may do anything on the machine.
    if (wish.request.freeze) requireRole(call.caller, "Admin");
    const group = await groupWanted(call, id, body);
    const enabled = await enable(call.services, call.client, wish, askedIn(call));
    if (group) await joinGroup(call.services, enabled, group);
    const item = await findItem(call.services, id);
    if (!item.job.ended) return accepted(call, item);
    return { status: 200, jsonBody: await viewItem(call, item) };
  },
);

durableRoute("getProtectedItem", { ...read, path: PATHS.item }, async (call) => {
  const { value, etag } = await findVersion(call.services, itemIn(call.request));
  return { jsonBody: await viewItem(call, value), headers: { etag: tagOf(etag) } };
});

durableRoute("listProtectedItems", { ...read, path: `${PATHS.vault}/replicationProtectedItems` }, (call) => {
  const vault = vaultIn(call.request);
  return list(call, (item) => inVault(item, vault));
});

durableRoute("listContainerItems", { ...read, path: PATHS.items }, (call) => {
  const prefix = `${containerIn(call.request)}/`.toLowerCase();
  return list(call, (item) => item.id.toLowerCase().startsWith(prefix));
});

async function list(call: DurableCall, lies: (item: ItemRecord) => boolean): Promise<HttpResponseInit> {
  const wanted = filterIn(call.request, ITEM_FIELDS);
  const matches = (item: ItemRecord) => !isGivenAway(item) && lies(item) && wanted(item);
  return pagesOfBoth(call, () =>
    pageOfRecords(call, call.services.records.items, matches, (item) => viewItem(call, item)),
  );
}

export const askedIn = ({ request, services }: DurableCall) => ({
  now: services.clock.now(),
  token: request.headers.get("x-ms-client-request-id") ?? undefined,
});

/** @throws InvalidRequest for a group's id that is none of the vault. */
export async function groupWanted(
  { services }: Pick<DurableCall, "services">,
  item: ArmId,
  { properties }: EnableProtectionRequest,
): Promise<ArmId | undefined> {
  const { multiVmGroupName: name, multiVmGroupId: wanted } = properties.providerSpecificDetails;
  if (name !== undefined) return groupNamed(item, name);
  if (wanted === undefined) return undefined;
  for await (const { group, id } of services.records.groups.list())
    if (group === wanted.toLowerCase() && sameArmId(vaultOf(id), vaultOf(item))) return id;
  throw new LeewardError(
    "InvalidRequest",
    "properties.providerSpecificDetails.multiVmGroupId: there is no such group; give multiVmGroupName to make one",
  );
}
