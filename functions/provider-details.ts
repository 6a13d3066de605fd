import { isOutdated } from "../engine/contract/agent-version.ts";
import type { ProtectedItem } from "../engine/contract/protected-item.ts";
import { toIso } from "../engine/core/clock.ts";
import type { Micros } from "../engine/core/units.ts";
import { sizeOf } from "../engine/recovery/build-choice.ts";
import type { GroupRecord } from "../engine/recovery/group.ts";
import type { Known } from "../engine/recovery/health.ts";
import { type ItemRecord, isOver, lastSegment } from "../engine/recovery/item.ts";
import type { ReadinessRecord } from "../engine/recovery/readiness.ts";
import { STATES } from "../engine/recovery/state.ts";
import { testMachine } from "../engine/recovery/target-names.ts";
import type { JobStatus } from "../orchestrations/job-status.ts";
import { type Monitoring, diskDetails } from "./disk-details.ts";
import { idFrom } from "./item-envelope.ts";
import { stateWords } from "./state-words.ts";
import { vmNics } from "./vm-nics.ts";

type Details = ProtectedItem["properties"]["providerSpecificDetails"];

/** ASR's A2AReplicationDetails. What Azure to Azure has and Leeward has not is null. */
export function providerDetails(
  known: Known,
  now: Micros,
  job: JobStatus | undefined,
  {
    group,
    readiness,
  }: { readonly group: GroupRecord | undefined; readonly readiness: ReadinessRecord | undefined },
): Details {
  const { item, agent } = known;
  const { source, target } = item;
  const monitoring = monitoringOf(known, job);
  const words = stateWords(item.state);
  return {
    instanceType: "A2A",
    fabricObjectId: item.vmId,
    ...directionOf(item),
    ...groupDetails(group),
    managementId: idFrom(item.machine),
    protectedDisks: null,
    unprotectedDisks:
      readiness?.unprotected?.map((diskLunId) => ({ diskLunId, diskAutoProtectionStatus: "Disabled" })) ??
      null,
    protectedManagedDisks: source?.disks.map((disk) => diskDetails(known, disk, monitoring)) ?? [],
    ...targetOf(item),
    osType: source?.disks[0]?.osType ?? null,
    selectedTfoAzureNetworkId: item.test?.place.network ?? null,
    vmNics: vmNics(item),
    vmSyncedConfigDetails: { tags: source?.tags ?? {}, inputEndpoints: [] },
    ...monitoring,
    lastHeartbeat: agent?.heardAt === undefined ? null : toIso(agent.heardAt),
    agentVersion: agent?.version ?? null,
    agentExpiryDate: null,
    isReplicationAgentUpdateRequired: agent ? isOutdated(agent.version) : false,
    agentCertificateExpiryDate: null,
    isReplicationAgentCertificateUpdateRequired: false,
    recoveryFabricObjectId: isOver(item) ? (target?.vm ?? null) : null,
    vmProtectionState: item.state === "Enabling" ? "UnprotectedStatesBegin" : words.state,
    vmProtectionStateDescription: words.description,
    lifecycleId: idFrom(item.machine),
    testFailoverRecoveryFabricObjectId: item.test?.place.vm ?? null,
    ...pointsOf(known, now),
    rtoInSeconds: item.failover?.rtoSeconds ?? null,
    vmEncryptionType: "NotEncrypted",
    tfoAzureVMName: target ? lastSegment(testMachine(target)) : null,
    autoProtectionOfDataDisk: "Disabled",
    churnOptionSelected: item.policy.churn,
    // Of shared disks, which are not supported.
    protectionClusterId: null,
    isClusterInfraReady: null,
  };
}

/** Where it comes from and where it goes. */
function directionOf({ source, target }: ItemRecord) {
  const from = source?.region ?? null;
  const to = target?.region ?? null;
  return {
    initialPrimaryZone: source?.zone ?? "",
    initialPrimaryFabricLocation: from,
    initialRecoveryZone: target?.zone ?? "",
    initialPrimaryExtendedLocation: null,
    initialRecoveryExtendedLocation: null,
    initialRecoveryFabricLocation: to,
    primaryFabricLocation: from,
    recoveryFabricLocation: to,
    primaryAvailabilityZone: source?.zone ?? null,
    recoveryAvailabilityZone: target?.zone ?? null,
    primaryExtendedLocation: null,
    recoveryExtendedLocation: null,
  };
}

/** The machine that a failover builds. */
function targetOf(item: ItemRecord) {
  const { source, target, request } = item;
  const size = source && target ? sizeOf(item) : (request.size ?? source?.vmSize ?? null);
  return {
    recoveryBootDiagStorageAccountId:
      target?.bootDiagnosticsAccount ?? request.bootDiagnosticsAccount ?? null,
    recoveryAzureVMSize: size,
    recoveryAzureVMName: target ? lastSegment(target.vm) : (request.vmName ?? lastSegment(item.vmId)),
    recoveryAzureResourceGroupId: request.resourceGroup,
    recoveryCloudService: null,
    recoveryAvailabilitySet: target?.availabilitySet ?? null,
    selectedRecoveryAzureNetworkId: target?.network ?? null,
    recoveryAzureGeneration: source?.disks[0]?.hyperVGeneration ?? null,
    recoveryProximityPlacementGroupId: target?.proximityPlacementGroup ?? null,
    recoveryVirtualMachineScaleSetId: target?.scaleSet ?? null,
    recoveryCapacityReservationGroupId: target?.capacityReservationGroup ?? null,
  };
}

/** ASR's words for a machine with common points. */
const groupDetails = (group: GroupRecord | undefined) => ({
  multiVmGroupId: group?.group ?? null,
  multiVmGroupName: group ? lastSegment(group.id) : null,
  multiVmGroupCreateOption: group ? "UserSpecified" : null,
});

/** How old the newest point is, as of now and not of some minutes ago. Of a machine that is not replicated it says nothing. */
function pointsOf({ item, progress }: Known, now: Micros) {
  const point = STATES[item.state].replicating ? progress?.point : undefined;
  return {
    rpoInSeconds: point ? Math.max(Math.round((now - point.time) / 1e6), 0) : null,
    lastRpoCalculatedTime: point ? toIso(now) : null,
  };
}

/** A first copy, a comparison, or a job that is at work. */
function monitoringOf({ item, agent, progress }: Known, job: JobStatus | undefined): Monitoring {
  const copy = agent?.heartbeat?.initialCopy;
  const percentage = copy && copy.total > 0 ? Math.floor((100 * copy.done) / copy.total) : 0;
  if (item.state === "InitialReplication")
    return { monitoringPercentageCompletion: percentage, monitoringJobType: "InitialReplication" };
  if (item.state === "Protected" && progress?.resync && progress.resync.endedAt === undefined)
    return { monitoringPercentageCompletion: percentage, monitoringJobType: "Resynchronization" };
  if (item.state === "Protected")
    return { monitoringPercentageCompletion: 100, monitoringJobType: "InitialReplication" };
  return { monitoringPercentageCompletion: job?.percentComplete ?? null, monitoringJobType: null };
}
