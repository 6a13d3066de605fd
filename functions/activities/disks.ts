import { type Disk, closeDisk, ensureDisk, getDisk, openDisk } from "../../engine/azure/disk.ts";
import { vhdFooter } from "../../engine/azure/vhd-footer.ts";
import { type Digest, sha256 } from "../../engine/core/digest.ts";
import { LeewardError, hasCode } from "../../engine/core/errors.ts";
import type { ArmId, BarrierId } from "../../engine/core/ids.ts";
import { type Bytes, type DiskIndex, bytes } from "../../engine/core/units.ts";
import type { RecoveryPoint } from "../../engine/journal/manifest.ts";
import { disksRebuildName, importName, replicaName, replicaRebuildName } from "../../engine/journal/names.ts";
import {
  type ItemRecord,
  type SourceDisk,
  endpointOf,
  lastSegment,
  sourceOf,
  targetOf,
} from "../../engine/recovery/item.ts";
import { targetDisk } from "../../engine/recovery/target-names.ts";
import { readCheckpoint } from "../../engine/replication/checkpoints.ts";
import { dropRebuilds } from "../../engine/replication/rebuilds.ts";
import { restoreTurn } from "../../engine/replication/restore.ts";
import type { AtPoint, Turned } from "../../orchestrations/contract.ts";
import type { Services } from "../services.ts";
import { bringTo } from "./checkpoint.ts";
import { diskSink } from "./disk-sink.ts";
import { uniqueId } from "./journal.ts";
import { healing } from "./healing.ts";
import { type Place, placeOf } from "./place.ts";
import { sent } from "./target.ts";
import { type Implementations, itemOf } from "./tools.ts";
import { turnOf } from "./turn.ts";

/** Azure's SAS of a disk ends by itself after this time, should this process die. */
const ACCESS_SECONDS = 6 * 3600;

export const diskActivities = {
  async checkpointTo({ machine, point: id }, { services }) {
    return bringDisksTo(services, { machine, point: id }, turnOf(services.clock));
  },

  /** Promoted and sent in one go: the copy is made inside the account, and its URL is needed only here. */
  async importDisk({ machine, disk, point }, { services }) {
    const item = await itemOf(services, machine);
    const { replica } = targetOf(item);
    if (!replica) throw new LeewardError("NotFound", `machine ${machine} has no replica`);
    const made = await readCheckpoint(services.target, await placeOf(services, item, point));
    const held = made?.disks.find(({ index }) => index === disk);
    if (!held) throw new LeewardError("NotFound", `the replica of ${machine} does not hold point ${point}`);
    const blobUrl = await services
      .pagesAt(endpointOf(replica))
      .promote(replicaName(machine, disk), held.snapshot, importName(machine, disk, point));
    const source = { from: "import" as const, blobUrl, storageAccount: replica.id };
    return sent(await ensureDisk(services.arm.urgent, { ...diskSpec(item, disk, point), source }));
  },

  async deletePromoted({ machine, disk, point }, { services }) {
    const item = await itemOf(services, machine);
    const { replica } = targetOf(item);
    if (replica) await services.pagesAt(endpointOf(replica)).delete(importName(machine, disk, point));
    return null;
  },

  async createUploadDisk({ machine, disk, point }, { services }) {
    const item = await itemOf(services, machine);
    const source = { from: "upload" as const, size: diskOf(item, disk).size };
    return sent(await ensureDisk(services.arm.urgent, { ...diskSpec(item, disk, point), source }));
  },

  async restoreDisks({ machine, point: id }, { services }) {
    const item = await itemOf(services, machine);
    const point = await healing(services, machine, () => placeOf(services, item, id));
    const targets = sourceOf(item).disks.map(({ name }) => targetDisk(targetOf(item), name, id));
    const disks = await Promise.all(targets.map((target) => getDisk(services.arm.urgent, target)));
    // Disks are closed only after all of them were written: one that is closed says that the point is in all of them.
    const turned = disks.every(waitsForUpload) ? await restored(services, item, point, disks) : WRITTEN;
    if (!turned.complete) return { more: true, done: turned.done, total: turned.total };
    for (const target of targets) await closed(services, target);
    await dropRebuilds(services.target, machine, [replicaRebuildName(machine)]);
    return { more: false, done: turned.done, total: turned.total };
  },
} satisfies Partial<Implementations>;

/** One turn of bringing the replica to the point of a failover. */
export async function bringDisksTo(
  services: Services,
  { machine, point: id }: AtPoint,
  enough: () => boolean,
): Promise<NonNullable<Turned>> {
  const item = await itemOf(services, machine);
  const point = await healing(services, machine, () => placeOf(services, item, id));
  const bring = () => bringTo(services, item, point, enough);
  return bring().catch((error: unknown) => {
    // One that was being started when the failover began may take the fence once; the next finds a failover.
    if (!hasCode(error, "FenceLost")) throw error;
    return bring();
  });
}

const diskOf = (item: ItemRecord, index: DiskIndex): SourceDisk => {
  const found = sourceOf(item).disks.find((disk) => disk.index === index);
  if (!found) throw new LeewardError("NotFound", `machine ${item.machine} has no disk ${index}`);
  return found;
};

function diskSpec(item: ItemRecord, index: DiskIndex, point: BarrierId) {
  const target = targetOf(item);
  const { name, sku, osType, hyperVGeneration, securityType } = diskOf(item, index);
  return {
    id: targetDisk(target, name, point),
    location: target.region,
    sku,
    osType,
    hyperVGeneration,
    securityType,
    owner: { machine: item.machine, role: "target-disk" },
  };
}

const WRITTEN = { complete: true, done: bytes(0), total: bytes(0) };

/** One turn of rebuilding the point into disks that are open for upload. */
async function restored(
  services: Services,
  item: ItemRecord,
  point: Place | RecoveryPoint,
  disks: readonly Disk[],
): Promise<typeof WRITTEN> {
  const { machine } = item;
  const { target: objects, clock } = services;
  const key = await services.keyOf(machine);
  const sinkFor = async ({ index, size }: { readonly index: DiskIndex; readonly size: Bytes }) => {
    const target = targetDisk(targetOf(item), diskOf(item, index).name, point.id);
    const access = { access: "Write" as const, seconds: ACCESS_SECONDS };
    const sas = await openDisk(services.arm.urgent, target, access, clock);
    return diskSink(sas, lastSegment(target), size, vhdFooter(size, uniqueId(`${machine}/${index}`)));
  };
  const name = disksRebuildName(machine, point.id);
  const turn = { name, bound: identityOf(disks), enough: turnOf(clock) };
  // What was written before an object was found damaged is right, and is written again.
  return healing(services, machine, () => restoreTurn({ objects, key, point, sinkFor }, turn));
}

/** A disk that was deleted and made again is empty, whatever was written to the one before. @throws ArmFailed */
function identityOf(disks: readonly Disk[]): Digest {
  const ids = disks.map(({ id, properties }) => {
    if (properties.uniqueId === undefined) throw new LeewardError("ArmFailed", `${id} has no uniqueId`);
    return properties.uniqueId;
  });
  return sha256(Buffer.from(JSON.stringify(ids)));
}

const waitsForUpload = ({ properties }: Disk): boolean =>
  ["ReadyToUpload", "ActiveUpload"].includes(properties.diskState);

/** Ends the upload and waits for it, since only then the disk can be attached. */
async function closed({ arm, clock }: Services, disk: ArmId): Promise<void> {
  if (!waitsForUpload(await getDisk(arm.urgent, disk))) return;
  let { operation } = await closeDisk(arm.urgent, disk);
  while (operation) {
    await clock.sleep(operation.retryAfter);
    const polled = await arm.poll(operation);
    operation = polled.done ? undefined : polled.operation;
  }
}
