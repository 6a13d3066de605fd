import { MIB } from "../engine/core/units.ts";
import type { Known } from "../engine/recovery/health.ts";
import { type ItemRecord, type SourceDisk, isOver, lastSegment } from "../engine/recovery/item.ts";
import { ACCOUNT_SKU } from "../engine/recovery/protection-request.ts";
import { targetDisk } from "../engine/recovery/target-names.ts";
import { copyOf } from "../engine/recovery/test-target.ts";

/** How far what is being copied is. */
export interface Monitoring {
  readonly monitoringPercentageCompletion: number | null;
  readonly monitoringJobType: string | null;
}

/** ASR's A2AProtectedManagedDiskDetails, with its spelling. */
export function diskDetails(known: Known, disk: SourceDisk, monitoring: Monitoring) {
  const { item, progress } = known;
  const { target, request } = item;
  const own = target?.disks?.find(({ index }) => index === disk.index);
  const kind = own?.sku ?? disk.sku;
  const { built, tested } = disksOf(item, disk);
  return {
    diskId: disk.id,
    recoveryResourceGroupId: request.resourceGroup,
    recoveryTargetDiskId: built && isOver(item) ? built : null,
    // The replica is a page blob, and no managed disk.
    recoveryReplicaDiskId: null,
    recoveryOrignalTargetDiskId: null,
    recoveryReplicaDiskAccountType:
      item.policy.replica === "warm" ? (item.request.replicaSku ?? ACCOUNT_SKU) : null,
    recoveryTargetDiskAccountType: kind,
    recoveryDiskEncryptionSetId: own?.encryptionSet ?? null,
    primaryDiskEncryptionSetId: null,
    diskName: disk.name,
    diskCapacityInBytes: disk.size,
    primaryStagingAzureStorageAccountId: target?.cache.id ?? null,
    diskType: disk.osType ? "OperatingSystem" : "Data",
    resyncRequired: progress !== undefined && progress.arrived.generation !== item.generation,
    ...monitoring,
    ...pendingOf(known, disk),
    diskState: stateOf(known),
    allowedDiskLevelOperation: [],
    isDiskEncrypted: false,
    secretIdentifier: null,
    dekKeyVaultArmId: null,
    isDiskKeyEncrypted: false,
    keyIdentifier: null,
    kekKeyVaultArmId: null,
    failoverDiskName: built ? lastSegment(built) : null,
    tfoDiskName: tested ? lastSegment(tested) : null,
  };
}

/** What a failover, and a test, made of a disk; undefined before that. */
export function disksOf(item: ItemRecord, { name }: SourceDisk) {
  const { target, failover, test } = item;
  return {
    built: failover && target ? targetDisk(target, name, failover.point) : undefined,
    tested:
      test?.chosen && target ? targetDisk(copyOf(item, { test: true }), name, test.chosen.point) : undefined,
  };
}

/**
 * All disks of a machine share one journal, and only its backlog is known. Each disk is given the part that it wrote of what was
 * written lately, so that the disks add up to the machine.
 */
function pendingOf({ agent, progress }: Known, disk: SourceDisk) {
  const beat = agent?.heartbeat;
  const arrived = progress?.arrived;
  const staged = beat && arrived?.generation === beat.generation ? beat.cached.bytes - arrived.bytes : 0;
  const share = shareOf(agent?.flow?.disks ?? [], disk);
  return {
    dataPendingInStagingStorageAccountInMB: (share * Math.max(staged, 0)) / MIB,
    dataPendingAtSourceAgentInMB: (share * (beat?.backlog.bytes ?? 0)) / MIB,
  };
}

type Flows = NonNullable<NonNullable<Known["agent"]>["flow"]>["disks"];

/** Of the OS disk all, as long as nothing is known of any. */
function shareOf(flows: Flows, { index }: SourceDisk): number {
  const all = flows.reduce((sum, { bytes }) => sum + bytes.perSecond, 0);
  const own = flows.find((flow) => flow.index === index)?.bytes.perSecond ?? 0;
  if (all > 0) return own / all;
  return index === 0 ? 1 : 0;
}

/** ASR's words, as far as they were seen of it. */
function stateOf({ item, progress }: Known): string {
  if (item.state === "InitialReplication") return "InitialReplicationInProgress";
  if (item.state !== "Protected") return "Unavailable";
  return progress?.resync && progress.resync.endedAt === undefined ? "ResyncInProgress" : "Protected";
}
