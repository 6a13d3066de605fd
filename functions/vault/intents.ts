import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import {
  type IntentDetails,
  type IntentView,
  intentRequest,
} from "../../engine/contract/protection-intent.ts";
import { toIso } from "../../engine/core/clock.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import { type ArmId, armId, sameArmId } from "../../engine/core/ids.ts";
import type { IntentRecord } from "../../engine/recovery/intent.ts";
import { type ItemRecord, lastSegment, vaultOf } from "../../engine/recovery/item.ts";
import { A2A_DEFAULTS, type PolicyRecord, givenBy } from "../../engine/recovery/replication-policy.ts";
import { resourceKey } from "../../engine/recovery/resource-key.ts";
import { requireRole } from "../auth.ts";
import { enable } from "../begin.ts";
import { checkDelay } from "../delete-delay.ts";
import { type DurableCall, bodyOf, durableRoute } from "../http.ts";
import { joinGroup } from "../membership.ts";
import { PATHS, intentIn as idIn, vaultIn } from "../paths.ts";
import { askedIn, groupWanted } from "../protected-items.ts";
import { wishOf } from "../wish.ts";
import { MAPPING_DEFAULTS, putMapping, settingsOf } from "./container-mappings.ts";
import { putContainer } from "./containers.ts";
import { putFabric } from "./fabrics.ts";
import { enablementOf } from "./intent-enablement.ts";
import { inVault } from "./inventory.ts";
import { pagesOfBoth } from "./pages-of-both.ts";
import { viewsOf } from "./paging.ts";
import { lookUp } from "../find-item.ts";
import { findPolicy, savePolicy } from "./policies.ts";

const read = { method: "GET", role: "Reader", versioned: true } as const;
const { intents: all, intent: one } = PATHS;

durableRoute("listIntents", { ...read, path: all }, (call) =>
  pagesOfBoth(call, async () => {
    const found = await inVault(call.services.records.intents, vaultIn(call.request));
    return viewsOf(
      call,
      found,
      ({ id }) => id,
      (intent) => view(call, intent),
    );
  }),
);

durableRoute("getIntent", { ...read, path: one }, async (call) => {
  const id = idIn(call.request);
  const found = await call.services.records.intents.get(resourceKey(id));
  if (!found) throw new LeewardError("NotFound", `there is no ${id}`);
  return { jsonBody: await view(call, found.value) };
});

durableRoute("putIntent", { method: "PUT", path: one, role: "Operator", versioned: true }, async (call) => {
  const id = idIn(call.request);
  const { providerSpecificDetails: details, leeward } = (await bodyOf(call.request, intentRequest))
    .properties;
  return { jsonBody: await view(call, await protect(call, id, details, leeward)) };
});

/**
 * Everything that a portal's wizard would do one after the other. The enablement first: what is refused has changed nothing, and
 * what a process that dies behind it leaves undone the same request does.
 */
async function protect(
  call: DurableCall,
  id: ArmId,
  details: IntentDetails,
  leeward: unknown,
): Promise<IntentRecord> {
  const { services } = call;
  const { fabricObjectId: vmId } = details;
  checkRegion(call, details);
  const known = (await services.records.intents.get(resourceKey(id)))?.value;
  if (known && !sameArmId(known.vmId, vmId))
    throw new LeewardError("Conflict", `${lastSegment(id)} is of ${known.vmId}: choose another name`);
  const places = placesFor(vaultOf(id), vmId, details);
  const policy = await policyWanted(call, vaultOf(id), details);
  const body = enablementOf(details, places.recovery, policy?.id, leeward);
  const wish = wishOf(services.settings, places.item, body, policy && givenBy(policy));
  checkDelay(services.settings, wish.policy);
  if (wish.request.freeze) requireRole(call.caller, "Admin");
  const group = await groupWanted(call, places.item, body);
  const item = await enable(services, call.client, wish, askedIn(call));
  if (group) await joinGroup(services, item, group);
  await makePlaces(services, places, details, policy);
  return services.records.intents.upsert(resourceKey(id), (old) => ({
    format: 1,
    id: old?.id ?? id,
    vmId,
    item: item.id,
    operation: item.job.kind === "enable" ? item.job.operation : (old?.operation ?? item.job.operation),
    createdAt: old?.createdAt ?? services.clock.now(),
    given: { ...details },
  }));
}

/** @throws InvalidRequest: an app protects into its own region alone */
function checkRegion({ services: { settings } }: DurableCall, { recoveryLocation }: IntentDetails): void {
  if (recoveryLocation === settings.region) return;
  throw new LeewardError(
    "InvalidRequest",
    `properties.providerSpecificDetails.recoveryLocation: this Leeward protects into ${settings.region}: ask one in ${recoveryLocation}`,
  );
}

interface Places {
  readonly primary: ArmId;
  readonly recovery: ArmId;
  readonly item: ArmId;
}

/** Fabrics and containers as Azure Site Recovery's portal calls them; machines of several groups may have one name. */
function placesFor(vault: ArmId, vmId: ArmId, details: IntentDetails): Places {
  const [primary, recovery] = [details.primaryLocation, details.recoveryLocation].map((location) => {
    const fabric = `asr-a2a-default-${location}`;
    return armId(`${vault}/replicationFabrics/${fabric}/replicationProtectionContainers/${fabric}-container`);
  });
  if (!primary || !recovery) throw new LeewardError("Unexpected", "an intent without its regions");
  const digest = createHash("sha256").update(vmId.toLowerCase()).digest("hex").slice(0, 8);
  const item = armId(`${primary}/replicationProtectedItems/${lastSegment(vmId)}-${digest}`);
  return { primary, recovery, item };
}

type Wanted = Omit<PolicyRecord, "format">;

/** The policy that it names, or describes. @throws InvalidRequest when it is not there; Conflict when it says something else */
async function policyWanted(
  { services }: DurableCall,
  vault: ArmId,
  { protectionProfileCustomInput: input }: IntentDetails,
): Promise<Wanted | undefined> {
  if (!input) return undefined;
  const at = "properties.providerSpecificDetails.protectionProfileCustomInput";
  if (input.resourceType === "Existing") {
    const found = await services.records.policies.get(resourceKey(input.protectionProfileId));
    if (found) return found.value;
    throw new LeewardError("InvalidRequest", `${at}: there is no ${input.protectionProfileId}`);
  }
  const { resourceType: _, policyName, ...given } = input;
  const a2a = { ...A2A_DEFAULTS, ...given };
  const id = armId(`${vault}/replicationPolicies/${policyName}`);
  const known = (await services.records.policies.get(resourceKey(id)))?.value;
  if (known && !isDeepStrictEqual({ ...known.a2a }, a2a))
    throw new LeewardError("Conflict", `${policyName} is there and says something else: name it as Existing`);
  return known ?? { id, a2a, own: {} };
}

/** As if somebody had made them one by one. */
async function makePlaces(
  services: DurableCall["services"],
  { primary, recovery }: Places,
  details: IntentDetails,
  policy: Wanted | undefined,
): Promise<void> {
  const at = [
    [primary, details.primaryLocation],
    [recovery, details.recoveryLocation],
  ] as const;
  for (const [container, location] of at) {
    await putFabric(services, fabricAbove(container), location);
    await putContainer(services, container);
  }
  if (!policy) return;
  if (!(await services.records.policies.get(resourceKey(policy.id))))
    await savePolicy(services, policy.id, (old) => old ?? policy);
  const { id } = await findPolicy(services, policy.id);
  if (sameArmId(primary, recovery)) return;
  const mapping = `${details.primaryLocation}-${details.recoveryLocation}-${lastSegment(id)}`;
  const row = armId(`${primary}/replicationProtectionContainerMappings/${mapping}`);
  const known = (await services.records.containerMappings.get(resourceKey(row)))?.value;
  await putMapping(services, {
    format: 1,
    id: row,
    policy: id,
    target: recovery,
    ...MAPPING_DEFAULTS,
    ...settingsOf(known),
    ...settingsOf(details),
  });
}

const fabricAbove = (container: ArmId): ArmId =>
  armId(container.slice(0, container.toLowerCase().indexOf("/replicationprotectioncontainers/")));

async function view({ services: { records } }: DurableCall, intent: IntentRecord): Promise<IntentView> {
  const { id, operation, createdAt, vmId, given, item } = intent;
  const [job, found] = await Promise.all([records.jobs.get(operation), lookUp({ records }, item)]);
  return {
    id,
    name: lastSegment(id),
    type: "Microsoft.RecoveryServices/vaults/replicationProtectionIntents",
    properties: {
      friendlyName: lastSegment(vmId),
      jobId: `${vaultOf(id)}/replicationJobs/${operation}`,
      jobState: job?.value.state ?? "InProgress",
      isActive: isIt(found?.value, item),
      creationTimeUTC: toIso(createdAt),
      providerSpecificDetails: { ...shown(given), instanceType: "A2A" },
      leeward: { protectedItemId: item },
    },
  };
}

const isIt = (item: ItemRecord | undefined, id: ArmId): boolean =>
  item !== undefined && sameArmId(item.id, id);

/** ASR shows what it was given under shorter names. */
const shown = (given: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(given).map(([name, value]) => [
      name.replace("protectionProfileCustomInput", "protectionProfile").replace(/CustomInput$/, ""),
      value,
    ]),
  );
