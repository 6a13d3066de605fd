import { type Disk, closeDisk, ensureDisk, getDisk, openDisk } from "../../engine/azure/disk.ts";
import { isThere, remove } from "../../engine/azure/resource.ts";
import { type Digest, sha256 } from "../../engine/core/digest.ts";
import type { ArmClient } from "../../engine/azure/arm.ts";
import type { Clock } from "../../engine/core/clock.ts";
import { LeewardError, hasCode } from "../../engine/core/errors.ts";
import type { ArmId, BarrierId } from "../../engine/core/ids.ts";
import { type Bytes, type DiskIndex, bytes } from "../../engine/core/units.ts";
import type { RecoveryPoint } from "../../engine/journal/manifest.ts";
import { disksRebuildName, importName, replicaName } from "../../engine/journal/names.ts";
import {
  type ItemRecord,
  type SourceDisk,
  type TargetMachine,
  endpointOf,
  everyDisk,
  lastSegment,
  targetOf,
} from "../../engine/recovery/item.ts";
import { copyDisks } from "../../engine/recovery/disk-set.ts";
import { roleIn, targetDisk } from "../../engine/recovery/target-names.ts";
import { copyOf } from "../../engine/recovery/test-target.ts";
import { readCheckpoint } from "../../engine/replication/checkpoints.ts";
import { dropRebuilds } from "../../engine/replication/rebuilds.ts";
import { restoreTurn } from "../../engine/replication/restore.ts";
import type { AtPoint, Turned } from "../../orchestrations/contract.ts";
import type { Services } from "../services.ts";
import { bringTo } from "./checkpoint.ts";
import { diskFooter } from "./disk-footer.ts";
import { diskSink } from "./disk-sink.ts";
import { healing } from "./healing.ts";
import { type Place, placeOf } from "./place.ts";
import { sent } from "./target.ts";
import { type Implementations, armFor, itemOf } from "./tools.ts";
import { turnOf } from "./turn.ts";

/** Azure's SAS of a disk ends by itself after this time, should this process die. */
const ACCESS_SECONDS = 6 * 3600;

export const diskActivities = {
  async checkpointTo({ machine, point: id }, { services }) {
    return bringDisksTo(services, { machine, point: id }, turnOf(services.clock));
  },

  /** Promoted and sent in one go: the copy is made inside the account, and its URL is needed only here. */
  async importDisk({ machine, test, disk, point }, { services }) {
    const item = await itemOf(services, machine);
    const arm = armFor(services, { test });
    const target = copyOf(item, { test });
    const { replica } = target;
    if (!replica) throw new LeewardError("NotFound", `machine ${machine} has no replica`);
    const made = await readCheckpoint(services.target, await placeOf(services, item, point));
    const held = made?.disks.find(({ index }) => index === disk);
    if (!held) throw new LeewardError("NotFound", `the replica of ${machine} does not hold point ${point}`);
    const blobUrl = await services
      .pagesAt(endpointOf(replica))
      .promote(replicaName(machine, disk), held.snapshot, importName(machine, disk, point, target.purpose));
    const source = { from: "import" as const, blobUrl, storageAccount: replica.id };
    return sent(await ensureDisk(arm, { ...diskSpec(item, target, { disk, point }), source }));
  },

  async deletePromoted({ machine, test, disk, point }, { services }) {
    const target = copyOf(await itemOf(services, machine), { test });
    const { replica } = target;
    if (replica)
      await services.pagesAt(endpointOf(replica)).delete(importName(machine, disk, point, target.purpose));
    return null;
  },

  async createUploadDisk({ machine, test, disk, point }, { services }) {
    const item = await itemOf(services, machine);
    const source = { from: "upload" as const, size: await sizeAt(services, item, { disk, point }) };
    const spec = diskSpec(item, copyOf(item, { test }), { disk, point });
    return sent(await ensureDisk(armFor(services, { test }), { ...spec, source }));
  },

  async dropDisk({ machine, disk, point }, { services }) {
    const item = await itemOf(services, machine);
    const target = targetOf(item);
    if (target.replica)
      await services.pagesAt(endpointOf(target.replica)).delete(importName(machine, disk, point));
    const { id, owner } = diskSpec(item, target, { disk, point });
    if (!(await isThere(services.arm.urgent, id, owner))) return {};
    await abandonUpload(services, item, { index: disk, id });
    return sent(await remove(services.arm.urgent, id, owner));
  },

  async restoreDisks({ machine, test, point: id }, { services }) {
    const item = await itemOf(services, machine);
    const arm = armFor(services, { test });
    const target = copyOf(item, { test });
    const point = await healing(services, machine, () => placeOf(services, item, id));
    const built = copyDisks(item, { test }).map(({ name }) => targetDisk(target, name, id));
    const disks = await Promise.all(built.map((disk) => getDisk(arm, disk)));
    // Disks are closed only after all of them were written: one that is closed says that the point is in all of them.
    const turned = disks.every(waitsForUpload)
      ? await restored(services, { item, target, point }, disks)
      : WRITTEN;
    if (!turned.complete) return { more: true, done: turned.done, total: turned.total };
    for (const disk of built) await closed(arm, services.clock, disk);
    if (test) await services.target.delete([disksRebuildName(machine, id, target.purpose)]);
    else await dropRebuilds(services.target, machine);
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

/** Ends an upload that was broken off, so that the disk can be deleted: Azure ends none without a footer. */
export async function abandonUpload(
  services: Services,
  item: ItemRecord,
  { index, id }: UploadDisk,
): Promise<void> {
  const { arm, clock } = services;
  const { diskState, diskSizeBytes: size } = (await getDisk(arm, id)).properties;
  if (diskState !== "ActiveUpload") return;
  const sas = await openDisk(arm, id, { access: "Write", seconds: ACCESS_SECONDS }, clock);
  await diskSink(sas, lastSegment(id), size, diskFooter(item.machine, { index, size })).finish();
  await closed(arm, clock, id);
}

interface UploadDisk {
  readonly index: DiskIndex;
  readonly id: ArmId;
}

/** A disk has the size that it had at the point; only of one that has grown since that must be looked up. */
async function sizeAt(services: Services, item: ItemRecord, { disk, point: id }: DiskOfCopy): Promise<Bytes> {
  const { former, size } = diskOf(item, disk);
  if (!former) return size;
  const { disks } = await healing(services, item.machine, () => placeOf(services, item, id));
  return disks.find(({ index }) => index === disk)?.size ?? size;
}

const diskOf = (item: ItemRecord, index: DiskIndex): SourceDisk => {
  const found = everyDisk(item).find((disk) => disk.index === index);
  if (!found) throw new LeewardError("NotFound", `machine ${item.machine} has no disk ${index}`);
  return found;
};

interface DiskOfCopy {
  readonly disk: DiskIndex;
  readonly point: BarrierId;
}

function diskSpec(item: ItemRecord, target: TargetMachine, { disk: index, point }: DiskOfCopy) {
  const disk = diskOf(item, index);
  const wanted = target.disks?.find((one) => one.index === index);
  const sku = wanted?.sku ?? disk.sku;
  return {
    id: targetDisk(target, disk.name, point),
    location: target.region,
    sku,
    // A disk that is kept in all zones is in none of them.
    ...(target.zone && !sku.endsWith("_ZRS") && { zones: [target.zone] }),
    osType: disk.osType,
    hyperVGeneration: disk.hyperVGeneration,
    securityType: disk.securityType,
    architecture: disk.architecture,
    controllers: disk.controllers,
    purchasePlan: disk.purchasePlan,
    encryptionSet: wanted?.encryptionSet,
    owner: { machine: item.machine, role: roleIn(target, "disk") },
  };
}

const WRITTEN = { complete: true, done: bytes(0), total: bytes(0) };

interface Rebuilt {
  readonly item: ItemRecord;
  readonly target: TargetMachine;
  readonly point: Place | RecoveryPoint;
}

/** One turn of rebuilding the point into disks that are open for upload. */
async function restored(
  services: Services,
  { item, target, point }: Rebuilt,
  disks: readonly Disk[],
): Promise<typeof WRITTEN> {
  const { machine } = item;
  const { target: objects, clock } = services;
  const arm = armFor(services, { test: target.purpose && true });
  const key = await services.keyOf(machine);
  const sinkFor = async ({ index, size }: { readonly index: DiskIndex; readonly size: Bytes }) => {
    const disk = targetDisk(target, diskOf(item, index).name, point.id);
    const access = { access: "Write" as const, seconds: ACCESS_SECONDS };
    const sas = await openDisk(arm, disk, access, clock);
    return diskSink(sas, lastSegment(disk), size, diskFooter(item.machine, { index, size }));
  };
  const name = disksRebuildName(machine, point.id, target.purpose);
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
async function closed(arm: ArmClient, clock: Clock, disk: ArmId): Promise<void> {
  if (!waitsForUpload(await getDisk(arm, disk))) return;
  let { operation } = await closeDisk(arm, disk);
  while (operation) {
    await clock.sleep(operation.retryAfter);
    const polled = await arm.poll(operation);
    operation = polled.done ? undefined : polled.operation;
  }
}
