import type { RecoveryPlanView } from "../../engine/contract/recovery-plan-view.ts";
import { toIso } from "../../engine/core/clock.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import { type ArmId, sameArmId } from "../../engine/core/ids.ts";
import { type Micros } from "../../engine/core/units.ts";
import { type ItemRecord, lastSegment, vaultOf } from "../../engine/recovery/item.ts";
import { type PlanAction, RUNS, type RecoveryPlan } from "../../engine/recovery/recovery-plan.ts";
import { resourceKey } from "../../engine/recovery/resource-key.ts";
import { scenarioOf } from "../scenario.ts";
import { allowedHere } from "../allowed-here.ts";
import { lookUp } from "../find-item.ts";
import type { Services } from "../services.ts";

/** @throws NotFound */
export async function findPlan({ records }: Pick<Services, "records">, id: ArmId): Promise<RecoveryPlan> {
  const found = (await records.plansOfRecovery.get(resourceKey(id)))?.value;
  if (!found || !sameArmId(found.id, id)) throw new LeewardError("NotFound", `there is no ${id}`);
  return found;
}

/** ASR's RecoveryPlan. */
export async function planView(
  services: Pick<Services, "records" | "peer">,
  plan: RecoveryPlan,
): Promise<RecoveryPlanView> {
  const { records } = services;
  const { id, primaryFabricId, recoveryFabricId, groups, succeeded = {} } = plan;
  const wanted = groups.flatMap(({ items }) => items);
  const found = await Promise.all(wanted.map((item) => lookUp({ records }, item)));
  const items = new Map(
    found.flatMap((one) => (one ? [[one.value.id.toLowerCase(), one.value] as const] : [])),
  );
  return {
    id,
    name: lastSegment(id),
    type: "Microsoft.RecoveryServices/vaults/replicationRecoveryPlans",
    properties: {
      friendlyName: lastSegment(id),
      primaryFabricId,
      primaryFabricFriendlyName: lastSegment(primaryFabricId),
      recoveryFabricId,
      recoveryFabricFriendlyName: lastSegment(recoveryFabricId),
      failoverDeploymentModel: "ResourceManager",
      replicationProviders: ["A2A"],
      allowedOperations: allowedOf(services, plan, [...items.values()]),
      lastPlannedFailoverTime: timeOf(succeeded.PlannedFailover),
      lastUnplannedFailoverTime: timeOf(succeeded.UnplannedFailover),
      lastTestFailoverTime: timeOf(succeeded.TestFailover),
      currentScenario: scenario(plan),
      currentScenarioStatus: plan.run && !plan.run.ended ? "InProgress" : null,
      currentScenarioStatusDescription: null,
      groups: groups.map(({ groupType, items: ids, start, end }) => ({
        groupType,
        replicationProtectedItems: ids.map((item) => ({
          id: item,
          virtualMachineId: items.get(item.toLowerCase())?.vmId ?? null,
        })),
        startGroupActions: start.map(actionView),
        endGroupActions: end.map(actionView),
      })),
      providerSpecificDetails: [
        {
          instanceType: "A2A",
          primaryZone: null,
          recoveryZone: null,
          primaryExtendedLocation: null,
          recoveryExtendedLocation: null,
        },
      ],
    },
  };
}

/** The query of an address may be a secret. */
function actionView(action: PlanAction) {
  const { customDetails } = action;
  if (customDetails.instanceType !== "ScriptActionDetails") return action;
  const { origin, pathname } = new URL(customDetails.path);
  return { ...action, customDetails: { ...customDetails, path: `${origin}${pathname}` } };
}

/** What some item allows: those that are there already are passed over. */
function allowedOf(
  services: Pick<Services, "peer">,
  plan: RecoveryPlan,
  items: readonly ItemRecord[],
): string[] {
  if (plan.run && !plan.run.ended) return [];
  const all = new Set<string>(items.flatMap((item) => allowedHere(services, item)));
  return RUNS.filter((type) => all.has(type));
}

const timeOf = (time: Micros | undefined): string | null => (time === undefined ? null : toIso(time));

function scenario({ id, run }: RecoveryPlan) {
  const jobs = `${vaultOf(id)}/replicationJobs`;
  if (!run || run.ended)
    return { scenarioName: "None", jobId: `${jobs}/None`, startTime: "1753-01-01T01:01:01Z" };
  const [scenarioName] = scenarioOf({ kind: "recoveryPlan", run: run.type });
  return { scenarioName, jobId: `${jobs}/${run.operation}`, startTime: toIso(run.startTime) };
}
