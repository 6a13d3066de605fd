import {
  type PlanGroupInput,
  recoveryPlanRequest,
  recoveryPlanUpdate,
} from "../../engine/contract/recovery-plan.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import { type ArmId, sameArmId } from "../../engine/core/ids.ts";
import { lastSegment, vaultOf } from "../../engine/recovery/item.ts";
import { type PlanGroup, checkGroups, checkIdle } from "../../engine/recovery/recovery-plan.ts";
import { resourceKey } from "../../engine/recovery/resource-key.ts";
import { requireRole } from "../auth.ts";
import { checkVersion, taggedBy, wantedBy } from "../etag.ts";
import { findItem } from "../find-item.ts";
import { type Call, bodyOf, route } from "../http.ts";
import { PATHS, recoveryPlanIn, vaultIn } from "../paths.ts";
import { configure, removeConfigured } from "../vault/configure.ts";
import { inVault } from "../vault/inventory.ts";
import { pageOf } from "../vault/paging.ts";
import { resultRoute } from "../vault/result.ts";
import { findPlan, planView } from "./view.ts";

const { recoveryPlans: all, recoveryPlan: one } = PATHS;
const read = { method: "GET", role: "Reader", versioned: true } as const;
const write = { role: "Operator", versioned: true } as const;

route("listRecoveryPlans", { ...read, path: all }, async (call) => {
  const found = await inVault(call.services.records.plansOfRecovery, vaultIn(call.request));
  return pageOf(
    call,
    found,
    ({ id }) => id,
    (plan) => planView(call.services, plan),
  );
});

route("getRecoveryPlan", { ...read, path: one }, async (call) => {
  const id = recoveryPlanIn(call.request);
  return {
    ...(await taggedBy(call.services.records.plansOfRecovery, resourceKey(id))),
    jsonBody: await shown(call, id),
  };
});

route("putRecoveryPlan", { ...write, method: "PUT", path: one }, async (call) => {
  const id = recoveryPlanIn(call.request);
  const { properties } = await bodyOf(call.request, recoveryPlanRequest);
  const { primaryFabricId, recoveryFabricId } = properties;
  const groups = await checkedGroups(call, id, properties.groups);
  const only = wantedBy(call.request);
  return configure(call, id, "putRecoveryPlan", () =>
    call.services.records.plansOfRecovery.upsert(
      resourceKey(id),
      (old) => {
        if (old) checkIdle(old);
        return { ...(old ?? { format: 1, id }), primaryFabricId, recoveryFabricId, groups };
      },
      only,
    ),
  );
});

route("patchRecoveryPlan", { ...write, method: "PATCH", path: one }, async (call) => {
  const id = recoveryPlanIn(call.request);
  const { properties } = await bodyOf(call.request, recoveryPlanUpdate);
  await findPlan(call.services, id);
  const groups = properties.groups && (await checkedGroups(call, id, properties.groups));
  const only = wantedBy(call.request);
  return configure(call, id, "putRecoveryPlan", () =>
    call.services.records.plansOfRecovery.update(
      resourceKey(id),
      (old) => {
        checkIdle(old);
        return groups ? { ...old, groups } : old;
      },
      only,
    ),
  );
});

route("removeRecoveryPlan", { ...write, method: "DELETE", path: one }, (call) => {
  const id = recoveryPlanIn(call.request);
  const only = wantedBy(call.request);
  return removeConfigured(call, id, "removeRecoveryPlan", async () => {
    checkIdle(await findPlan(call.services, id));
    await checkVersion(call.services.records.plansOfRecovery, resourceKey(id), only);
    await call.services.records.plansOfRecovery.deleteIf(
      resourceKey(id),
      ({ run }) => run === undefined || run.ended,
    );
  });
});

resultRoute("recoveryPlanResult", one, recoveryPlanIn, shown);

async function shown(call: Call, id: ArmId) {
  return planView(call.services, await findPlan(call.services, id));
}

/** @throws InvalidRequest for items that are not there, or are another vault's; Forbidden for addresses, which only an Admin may set */
async function checkedGroups(
  call: Call,
  plan: ArmId,
  groups: readonly PlanGroupInput[],
): Promise<PlanGroup[]> {
  const made = groups.map(
    ({ groupType, replicationProtectedItems, startGroupActions, endGroupActions }): PlanGroup => ({
      groupType,
      items: replicationProtectedItems.map(({ id }) => id),
      start: startGroupActions,
      end: endGroupActions,
    }),
  );
  checkGroups(made);
  for (const { items, start, end } of made) {
    // Whoever may have the app call an address may reach what the app reaches.
    if ([...start, ...end].some(({ customDetails }) => customDetails.instanceType === "ScriptActionDetails"))
      requireRole(call.caller, "Admin");
    for (const id of items) {
      if (!/\/vaults\//i.test(id) || !sameArmId(vaultOf(id), vaultOf(plan)))
        throw new LeewardError(
          "InvalidRequest",
          `properties.groups: ${id} is no protected item of the vault`,
        );
      await findItem(call.services, id).catch(() => {
        throw new LeewardError("InvalidRequest", `properties.groups: there is no item ${lastSegment(id)}`);
      });
    }
  }
  return made;
}
