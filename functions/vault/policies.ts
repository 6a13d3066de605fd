import { type PolicyView, policyRequest, policyUpdate } from "../../engine/contract/policy.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import { mapInOrder } from "../../engine/core/in-order.ts";
import { type ArmId, sameArmId } from "../../engine/core/ids.ts";
import { type ItemRecord, itemKeyOf, lastSegment, vaultOf } from "../../engine/recovery/item.ts";
import {
  A2A_DEFAULTS,
  type PartialPolicy,
  type PolicyRecord,
  givenBy,
  goesBy,
  merged,
  withPolicy,
} from "../../engine/recovery/replication-policy.ts";
import { resourceKey } from "../../engine/recovery/resource-key.ts";
import { isDeepStrictEqual } from "node:util";
import { requireRole } from "../auth.ts";
import { policyIn as schemaFor } from "../default-policy.ts";
import { checkDelay } from "../delete-delay.ts";
import { type Wanted, taggedBy, wantedBy } from "../etag.ts";
import { type Call, bodyOf, checkInput, route } from "../http.ts";
import { PATHS, policyIn as idIn, vaultIn } from "../paths.ts";
import type { Services } from "../services.ts";
import { configure, removeConfigured } from "./configure.ts";
import { inVault, naming } from "./inventory.ts";
import { pageOf } from "./paging.ts";
import { resultRoute } from "./result.ts";

const read = { method: "GET", role: "Reader", versioned: true } as const;
const { policies: all, policy: one } = PATHS;

type PolicyServices = Pick<Services, "records" | "settings">;

route("listPolicies", { ...read, path: all }, async (call) => {
  const found = await inVault(call.services.records.policies, vaultIn(call.request));
  return pageOf(
    call,
    found,
    ({ id }) => id,
    (policy) => view(call.services, policy),
  );
});

route("getPolicy", { ...read, path: one }, async (call) => {
  const id = idIn(call.request);
  return {
    ...(await taggedBy(call.services.records.policies, resourceKey(id))),
    jsonBody: await shown(call, id),
  };
});

route("putPolicy", { method: "PUT", path: one, role: "Operator", versioned: true }, async (call) => {
  const id = idIn(call.request);
  const { providerSpecificInput, leeward } = (await bodyOf(call.request, policyRequest)).properties;
  const { instanceType: _, ...given } = providerSpecificInput;
  const wanted = { a2a: { ...A2A_DEFAULTS, ...given }, own: leeward.policy ?? {} };
  const only = wantedBy(call.request);
  checkPolicy(call.services, wanted);
  await checkMayChange(call, id, wanted);
  return configure(call, id, "putPolicy", () => savePolicy(call.services, id, () => wanted, only));
});

/** Admin, since a shorter history deletes points of every machine that goes by it. */
route("patchPolicy", { method: "PATCH", path: one, role: "Admin", versioned: true }, async (call) => {
  const id = idIn(call.request);
  const { replicationProviderSettings = {}, leeward } = (await bodyOf(call.request, policyUpdate)).properties;
  const { instanceType: _, ...given } = { instanceType: "A2A", ...replicationProviderSettings };
  const changed = ({ a2a, own }: PolicyContent): PolicyContent => ({
    a2a: { ...a2a, ...given },
    own: merged(own, leeward.policy ?? {}),
  });
  const only = wantedBy(call.request);
  checkPolicy(call.services, changed(await findPolicy(call.services, id)));
  return configure(call, id, "putPolicy", () =>
    savePolicy(call.services, id, (old) => changed(old ?? missing(id)), only),
  );
});

route("deletePolicy", { method: "DELETE", path: one, role: "Admin", versioned: true }, (call) => {
  const id = idIn(call.request);
  const only = wantedBy(call.request);
  return removeConfigured(call, id, "removePolicy", () => removePolicy(call.services, id, only));
});

resultRoute("policyResult", one, idIn, shown);

async function shown({ services }: Call, id: ArmId): Promise<PolicyView> {
  return view(services, await findPolicy(services, id));
}

type PolicyContent = Pick<PolicyRecord, "a2a" | "own">;

function missing(id: ArmId): never {
  throw new LeewardError("NotFound", `there is no ${id}`);
}

/** @throws NotFound */
export async function findPolicy({ records }: Pick<Services, "records">, id: ArmId): Promise<PolicyRecord> {
  return (await records.policies.get(resourceKey(id)))?.value ?? missing(id);
}

/** @throws InvalidRequest naming the field that no policy can have */
function checkPolicy({ settings }: Pick<Services, "settings">, content: PolicyContent): void {
  const policy = checkInput(schemaFor(settings), givenBy(content), ["properties", "leeward", "policy"]);
  checkDelay(settings, policy);
}

/** Who changes one that is there changes what its machines keep. @throws Forbidden */
async function checkMayChange({ services, caller }: Call, id: ArmId, wanted: PolicyContent): Promise<void> {
  const known = (await services.records.policies.get(resourceKey(id)))?.value;
  if (known && !isSameContent(known, wanted)) requireRole(caller, "Admin");
}

const isSameContent = (one: PolicyContent, other: PolicyContent): boolean =>
  isDeepStrictEqual({ ...one.a2a }, { ...other.a2a }) && isDeepStrictEqual({ ...one.own }, { ...other.own });

/**
 * The policy first, then every item that goes by it: what a process that dies between leaves behind the timer makes up for. What
 * was not changed by this call has nothing to give to any item.
 */
export async function savePolicy(
  services: Pick<Services, "records">,
  id: ArmId,
  change: (old: PolicyRecord | undefined) => PolicyContent,
  only?: Wanted,
): Promise<PolicyRecord> {
  let isChange = false;
  const saved = await services.records.policies.upsert(
    resourceKey(id),
    (old) => {
      const { a2a, own } = change(old);
      isChange = !old || !isSameContent(old, { a2a, own });
      return old && !isChange ? old : { format: 1, id: old?.id ?? id, a2a, own };
    },
    only,
  );
  if (isChange) await applyPolicy(services, saved);
  return saved;
}

/** Has every item that goes by the policy do what it says. May run any number of times. */
export async function applyPolicy(
  { records }: Pick<Services, "records">,
  policy: PolicyRecord,
): Promise<void> {
  const given = givenBy(policy);
  const differing = async function* () {
    for await (const item of records.items.list()) if (differs(item, policy, given)) yield item;
  };
  const applied = mapInOrder(differing(), 8, ({ machine }) =>
    records.items.update(itemKeyOf(machine), (old) =>
      differs(old, policy, given) ? withPolicy(old, given) : old,
    ),
  );
  for await (const _ of applied);
}

const differs = (item: ItemRecord, { id }: PolicyRecord, given: PartialPolicy): boolean =>
  goesBy(item, id) && withPolicy(item, given) !== item;

/** @throws Conflict while items or container mappings go by it; NotFound */
async function removePolicy(
  { records }: Pick<Services, "records">,
  id: ArmId,
  only: Wanted | undefined,
): Promise<void> {
  await findPolicy({ records }, id);
  const vault = vaultOf(id);
  const items = (await inVault(records.items, vault)).filter((item) => goesBy(item, id));
  if (items.length > 0)
    throw new LeewardError(
      "Conflict",
      `${lastSegment(id)} is the policy of ${naming(items.map((item) => item.id))}`,
    );
  const rows = (await inVault(records.containerMappings, vault)).filter((row) => sameArmId(row.policy, id));
  if (rows.length > 0)
    throw new LeewardError(
      "Conflict",
      `${lastSegment(id)} is the policy of the mapping ${naming(rows.map((row) => row.id))}`,
    );
  await records.policies.delete(resourceKey(id), only);
}

function view({ settings }: Pick<PolicyServices, "settings">, { id, a2a, own }: PolicyRecord): PolicyView {
  const { multiVmSyncStatus, ...minutes } = a2a;
  return {
    id,
    name: lastSegment(id),
    type: "Microsoft.RecoveryServices/vaults/replicationPolicies",
    properties: {
      friendlyName: lastSegment(id),
      providerSpecificDetails: {
        instanceType: "A2A",
        recoveryPointThresholdInMinutes: 0,
        ...minutes,
        multiVmSyncStatus: multiVmSyncStatus === "Enable" ? "Enabled" : "Disabled",
      },
      leeward: { policy: { ...schemaFor(settings).parse(givenBy({ a2a, own })) }, given: own },
    },
  };
}
