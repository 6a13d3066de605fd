import { z } from "zod";
import { applyRecoveryPointRequest } from "../engine/contract/apply-recovery-point.ts";
import { addDisksRequest, removeDisksRequest } from "../engine/contract/item-disks.ts";
import { discoverRequest, switchProviderRequest } from "../engine/contract/other-providers.ts";
import { plannedFailoverRequest } from "../engine/contract/planned-failover.ts";
import {
  planCleanupRequest,
  planFailoverRequest,
  planPlannedFailoverRequest,
  planTestRequest,
  recoveryPlanRequest,
  recoveryPlanUpdate,
} from "../engine/contract/recovery-plan.ts";
import { recoveryPlanView } from "../engine/contract/recovery-plan-view.ts";
import { resolveHealthRequest } from "../engine/contract/resolve-health.ts";
import { reprotectRequest, switchProtectionRequest } from "../engine/contract/switch-protection.ts";
import { updateItemRequest } from "../engine/contract/update-item.ts";
import { forgetRequest, takeOverPlan, takeOverRequest } from "../engine/recovery/peer-call.ts";
import { armError } from "../engine/contract/arm-error.ts";
import { bisectRequest, bisectResult } from "../engine/contract/bisect.ts";
import {
  containerMappingRemoval,
  containerMappingRequest,
  containerMappingUpdate,
  containerMappingView,
} from "../engine/contract/container-mapping.ts";
import {
  disableProtectionRequest,
  updateMobilityServiceRequest,
} from "../engine/contract/disable-protection.ts";
import { drillRequest, drillVerdictView } from "../engine/contract/drill.ts";
import { eligibilityResults } from "../engine/contract/eligibility.ts";
import { enableProtectionRequest } from "../engine/contract/enable-protection.ts";
import { eventView } from "../engine/contract/event.ts";
import { containerRequest, containerView, fabricRequest, fabricView } from "../engine/contract/fabric.ts";
import { groupFailoverRequest, groupResource, joinGroupRequest } from "../engine/contract/group.ts";
import { exportRequest, job, resumeRequest } from "../engine/contract/job.ts";
import { lossesResource } from "../engine/contract/losses.ts";
import {
  networkMappingRequest,
  networkMappingUpdate,
  networkMappingView,
} from "../engine/contract/network-mapping.ts";
import { operationStatus } from "../engine/contract/operation-status.ts";
import { plan } from "../engine/contract/plan.ts";
import { policyRequest, policyUpdate, policyView } from "../engine/contract/policy.ts";
import { protectedItem } from "../engine/contract/protected-item.ts";
import { intentRequest, intentView } from "../engine/contract/protection-intent.ts";
import { damagedPoint, recoveryPointResource } from "../engine/contract/recovery-point.ts";
import { testFailoverCleanupRequest, testFailoverRequest } from "../engine/contract/test-failover.ts";
import { unplannedFailoverRequest } from "../engine/contract/unplanned-failover.ts";
import {
  alertRequest,
  alertView,
  vaultHealthView,
  vaultSettingRequest,
  vaultSettingView,
} from "../engine/contract/vault.ts";

/** What a route takes and gives; of what is absent nothing is said. */
interface RouteSchemas {
  readonly body?: z.ZodType;
  /** With 200. */
  readonly answer?: z.ZodType;
  /** With 202: a long-running write. */
  readonly goesOn?: true;
}

/** What answers have in common, by the names that the description gives it. */
export const COMPONENTS: Readonly<Record<string, z.ZodType>> = {
  Error: armError,
  Fabric: fabricView,
  ProtectionContainer: containerView,
  Policy: policyView,
  ProtectionContainerMapping: containerMappingView,
  NetworkMapping: networkMappingView,
  ReplicationProtectionIntent: intentView,
  Job: job,
  Event: eventView,
  ProtectedItem: protectedItem,
  RecoveryPoint: recoveryPointResource,
  Group: groupResource,
};

const listOf = (entry: z.ZodType) => z.object({ value: z.array(entry), nextLink: z.string().nullable() });
const written = (body?: z.ZodType, answer?: z.ZodType): RouteSchemas => ({
  ...(body && { body }),
  ...(answer && { answer }),
  goesOn: true,
});

/** By the names of routes. */
export const SCHEMAS: Readonly<Record<string, RouteSchemas>> = {
  listFabrics: { answer: listOf(fabricView) },
  getFabric: { answer: fabricView },
  putFabric: written(fabricRequest),
  removeFabric: written(),
  purgeFabric: written(),
  checkFabric: written(),
  fabricResult: { answer: fabricView },
  listContainers: { answer: listOf(containerView) },
  listContainersOfFabric: { answer: listOf(containerView) },
  getContainer: { answer: containerView },
  putContainer: written(containerRequest),
  removeContainer: written(),
  containerResult: { answer: containerView },
  listPolicies: { answer: listOf(policyView) },
  getPolicy: { answer: policyView },
  putPolicy: written(policyRequest),
  patchPolicy: written(policyUpdate),
  deletePolicy: written(),
  policyResult: { answer: policyView },
  listContainerMappings: { answer: listOf(containerMappingView) },
  listMappingsOfContainer: { answer: listOf(containerMappingView) },
  getContainerMapping: { answer: containerMappingView },
  putContainerMapping: written(containerMappingRequest),
  patchContainerMapping: written(containerMappingUpdate),
  removeContainerMapping: written(containerMappingRemoval),
  purgeContainerMapping: written(),
  containerMappingResult: { answer: containerMappingView },
  listNetworkMappings: { answer: listOf(networkMappingView) },
  listMappingsOfNetwork: { answer: listOf(networkMappingView) },
  getNetworkMapping: { answer: networkMappingView },
  putNetworkMapping: written(networkMappingRequest),
  patchNetworkMapping: written(networkMappingUpdate),
  deleteNetworkMapping: written(),
  networkMappingResult: { answer: networkMappingView },
  listIntents: { answer: listOf(intentView) },
  getIntent: { answer: intentView },
  putIntent: { body: intentRequest, answer: intentView },
  listJobs: { answer: listOf(job) },
  getJob: { answer: job },
  jobResult: { answer: job },
  cancelJob: written(),
  restartJob: written(),
  resumeJob: written(resumeRequest),
  exportJobs: written(exportRequest),
  downloadExport: { answer: z.object({ value: z.array(job) }) },
  operationStatus: { answer: operationStatus },
  listEvents: { answer: listOf(eventView) },
  getEvent: { answer: eventView },
  listAlertSettings: { answer: listOf(alertView) },
  getAlertSetting: { answer: alertView },
  putAlertSetting: { body: alertRequest, answer: alertView },
  listVaultSettings: { answer: listOf(vaultSettingView) },
  getVaultSetting: { answer: vaultSettingView },
  putVaultSetting: written(vaultSettingRequest),
  vaultSettingResult: { answer: vaultSettingView },
  getVaultHealth: { answer: vaultHealthView },
  refreshVaultHealth: written(),
  vaultHealthResult: { answer: vaultHealthView },
  getEligibility: { answer: eligibilityResults },
  listEligibility: { answer: z.object({ value: z.array(eligibilityResults) }) },
  putProtectedItem: written(enableProtectionRequest, protectedItem),
  getProtectedItem: { answer: protectedItem },
  listProtectedItems: { answer: listOf(protectedItem) },
  listContainerItems: { answer: listOf(protectedItem) },
  removeProtectedItem: written(disableProtectionRequest),
  purgeProtectedItem: written(),
  operationResult: { answer: protectedItem },
  unplannedFailover: written(unplannedFailoverRequest),
  failoverCancel: written(),
  plannedFailover: written(plannedFailoverRequest),
  applyRecoveryPoint: written(applyRecoveryPointRequest),
  failoverCommit: written(),
  patchProtectedItem: { body: updateItemRequest, answer: protectedItem },
  resolveHealthErrors: { body: resolveHealthRequest, answer: protectedItem },
  addDisks: written(addDisksRequest),
  removeDisks: written(removeDisksRequest),
  switchProvider: { body: switchProviderRequest },
  discoverProtectableItem: { body: discoverRequest },
  switchProtection: written(switchProtectionRequest),
  reProtect: written(reprotectRequest),
  peerTakeOver: { body: takeOverRequest, answer: takeOverPlan },
  peerForget: { body: forgetRequest },
  listRecoveryPlans: { answer: listOf(recoveryPlanView) },
  getRecoveryPlan: { answer: recoveryPlanView },
  putRecoveryPlan: written(recoveryPlanRequest),
  patchRecoveryPlan: written(recoveryPlanUpdate),
  removeRecoveryPlan: written(),
  recoveryPlanResult: { answer: recoveryPlanView },
  "recoveryPlan-unplannedFailover": written(planFailoverRequest),
  "recoveryPlan-plannedFailover": written(planPlannedFailoverRequest),
  "recoveryPlan-failoverCommit": written(),
  "recoveryPlan-failoverCancel": written(),
  "recoveryPlan-reProtect": written(),
  "recoveryPlan-testFailover": written(planTestRequest),
  "recoveryPlan-testFailoverCleanup": written(planCleanupRequest),
  beginTestFailover: written(testFailoverRequest),
  beginTestFailoverCleanup: written(testFailoverCleanupRequest),
  beginDrill: written(drillRequest),
  listDrills: { answer: listOf(drillVerdictView) },
  updateMobilityService: written(updateMobilityServiceRequest),
  repairReplication: { answer: protectedItem },
  verifyItem: { answer: protectedItem },
  bisectItem: { body: bisectRequest, answer: bisectResult },
  planProtection: { body: enableProtectionRequest, answer: plan },
  itemLosses: { answer: lossesResource },
  listRecoveryPoints: {
    answer: listOf(recoveryPointResource).extend({ leewardDamaged: z.array(damagedPoint) }),
  },
  getRecoveryPoint: { answer: recoveryPointResource },
  listGroups: { answer: listOf(groupResource) },
  getGroup: { answer: groupResource },
  putGroup: { answer: groupResource },
  joinGroup: { body: joinGroupRequest, answer: protectedItem },
  failOverGroup: written(groupFailoverRequest),
};
