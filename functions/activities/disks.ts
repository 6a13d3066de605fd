import { closeDisk, ensureDisk, getDisk, openDisk } from "../../engine/azure/disk.ts";
import { vhdFooter } from "../../engine/azure/vhd-footer.ts";
import { LeewardError, hasCode } from "../../engine/core/errors.ts";
import type { ArmId, BarrierId } from "../../engine/core/ids.ts";
import type { Bytes, DiskIndex } from "../../engine/core/units.ts";
import { importName, replicaName } from "../../engine/journal/names.ts";
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
import { restorePoint } from "../../engine/replication/restore.ts";
import type { Services } from "../services.ts";
import { diskSink } from "./disk-sink.ts";
import { uniqueId } from "./journal.ts";
import { healing } from "./healing.ts";
import { placeOf } from "./place.ts";
import { checkpointAt } from "./replication.ts";
import { sent } from "./target.ts";
import { type Implementations, itemOf } from "./tools.ts";

/** Azure's SAS of a disk ends by itself after this time, should this process die. */
const ACCESS_SECONDS = 6 * 3600;

export const diskActivities = {
  async checkpointTo({ machine, point }, { services }) {
    const item = await itemOf(services, machine);
    const bring = () =>
      healing(services, machine, async () =>
        checkpointAt(services, item, await placeOf(services, item, point)),
      );
    try {
      await bring();
    } catch (error) {
      // One that was being started when the failover began may take the fence once; the next finds a failover.
      if (!hasCode(error, "FenceLost")) throw error;
      await bring();
    }
    return null;
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
    const disks = sourceOf(item).disks.map((disk) => ({
      disk,
      target: targetDisk(targetOf(item), disk.name, id),
    }));
    const open = await Promise.all(disks.map(({ target }) => waitsForUpload(services, target)));
    // Disks are closed only after all of them were written: one that is closed says that the point is in all of them.
    if (!open.includes(true)) return null;
    const key = await services.keyOf(machine);
    const sinkFor = async ({ index, size }: { readonly index: DiskIndex; readonly size: Bytes }) => {
      const target = targetDisk(targetOf(item), diskOf(item, index).name, id);
      const access = { access: "Write" as const, seconds: ACCESS_SECONDS };
      const sas = await openDisk(services.arm.urgent, target, access, services.clock);
      return diskSink(sas, lastSegment(target), size, vhdFooter(size, uniqueId(`${machine}/${index}`)));
    };
    // What was written before an object was found damaged is right, and is written again.
    await healing(services, machine, () => restorePoint({ objects: services.target, key, point, sinkFor }));
    for (const { target } of disks) await closed(services, target);
    return null;
  },
} satisfies Partial<Implementations>;

const diskOf = (item: ItemRecord, index: DiskIndex): SourceDisk => {
  const found = sourceOf(item).disks.find((disk) => disk.index === index);
  if (!found) throw new LeewardError("NotFound", `machine ${item.machine} has no disk ${index}`);
  return found;
};

function diskSpec(item: ItemRecord, index: DiskIndex, point: BarrierId) {
  const target = targetOf(item);
  const { name, sku, osType, hyperVGeneration } = diskOf(item, index);
  return {
    id: targetDisk(target, name, point),
    location: target.region,
    sku,
    osType,
    hyperVGeneration,
    owner: { machine: item.machine, role: "target-disk" },
  };
}

const waitsForUpload = async ({ arm }: Pick<Services, "arm">, disk: ArmId): Promise<boolean> =>
  ["ReadyToUpload", "ActiveUpload"].includes((await getDisk(arm.urgent, disk)).properties.diskState);

/** Ends the upload and waits for it, since only then the disk can be attached. */
async function closed({ arm, clock }: Services, disk: ArmId): Promise<void> {
  if (!(await waitsForUpload({ arm }, disk))) return;
  let { operation } = await closeDisk(arm.urgent, disk);
  while (operation) {
    await clock.sleep(operation.retryAfter);
    const polled = await arm.poll(operation);
    operation = polled.done ? undefined : polled.operation;
  }
}
