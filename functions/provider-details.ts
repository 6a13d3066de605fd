import { toIso } from "../engine/core/clock.ts";
import { MIB, type Micros } from "../engine/core/units.ts";
import type { ProtectedItem } from "../engine/contract/protected-item.ts";
import type { Known } from "../engine/recovery/health.ts";
import { type ItemRecord, type SourceDisk, isOver, lastSegment } from "../engine/recovery/item.ts";
import { targetDisk } from "../engine/recovery/target-names.ts";
import type { JobStatus } from "../orchestrations/job-status.ts";

type Details = ProtectedItem["properties"]["providerSpecificDetails"];

/** ASR's A2AReplicationDetails. */
export function providerDetails(known: Known, now: Micros, job: JobStatus | undefined): Details {
  const { item, agent, progress } = known;
  const { source, target } = item;
  const { point } = progress ?? {};
  const percentage = percentageOf(known, job);
  const failedOver = isOver(item);
  return {
    instanceType: "A2A",
    fabricObjectId: item.vmId,
    primaryFabricLocation: source?.region ?? null,
    recoveryFabricLocation: target?.region ?? null,
    osType: source?.disks[0]?.osType ?? null,
    recoveryAzureVMSize: source?.vmSize ?? null,
    recoveryAzureVMName: lastSegment(item.vmId),
    recoveryAzureResourceGroupId: item.request.resourceGroup,
    recoveryAvailabilitySet: target?.availabilitySet ?? null,
    selectedRecoveryAzureNetworkId: target?.network ?? null,
    protectedManagedDisks: source?.disks.map((disk) => diskDetails(known, disk, percentage)) ?? [],
    vmNics: [],
    lastHeartbeat: agent?.heardAt === undefined ? null : toIso(agent.heardAt),
    agentVersion: agent?.version ?? null,
    monitoringPercentageCompletion: percentage,
    monitoringJobType: percentage === null ? null : "InitialReplication",
    vmProtectionState: item.state === "Protected" ? "Protected" : item.state,
    vmProtectionStateDescription: item.state,
    rpoInSeconds: point ? Math.max(Math.round((now - point.time) / 1e6), 0) : null,
    lastRpoCalculatedTime: point ? toIso(now) : null,
    rtoInSeconds: item.failover?.rtoSeconds ?? null,
    testFailoverRecoveryFabricObjectId: item.test?.place.vm ?? null,
    selectedTfoAzureNetworkId: item.test?.place.network ?? null,
    recoveryFabricObjectId: failedOver ? (target?.vm ?? null) : null,
  };
}

function percentageOf({ item, agent }: Known, job: JobStatus | undefined): number | null {
  const copy = agent?.heartbeat?.initialCopy;
  if (item.state === "Protected") return 100;
  if (item.state !== "InitialReplication" || !copy) return job ? 0 : null;
  return copy.total > 0 ? Math.floor((100 * copy.done) / copy.total) : 0;
}

function diskDetails({ item, agent, progress }: Known, disk: SourceDisk, percentage: number | null) {
  const beat = agent?.heartbeat;
  const arrived = progress?.arrived;
  const waiting = beat && arrived?.generation === beat.generation ? beat.cached.bytes - arrived.bytes : 0;
  return {
    diskId: disk.id,
    diskName: disk.name,
    diskCapacityInBytes: disk.size,
    diskType: disk.osType ? "OperatingSystem" : "Data",
    primaryStagingAzureStorageAccountId: item.target?.cache.id ?? null,
    recoveryResourceGroupId: item.request.resourceGroup,
    recoveryTargetDiskId: failoverDisk(item, disk),
    recoveryTargetDiskAccountType: disk.sku,
    monitoringPercentageCompletion: percentage,
    // Of the machine: its disks share one journal.
    dataPendingAtSourceAgentInMB: (beat?.backlog.bytes ?? 0) / MIB,
    dataPendingInStagingStorageAccountInMB: Math.max(waiting, 0) / MIB,
    resyncRequired: progress !== undefined && progress.arrived.generation !== item.generation,
    allowedDiskLevelOperation: [],
  };
}

const failoverDisk = ({ failover, target }: ItemRecord, disk: SourceDisk): string | null =>
  failover && target ? targetDisk(target, disk.name, failover.point) : null;
