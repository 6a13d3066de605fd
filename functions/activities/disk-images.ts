import { hash } from "node:crypto";
import { openDisk } from "../../engine/azure/disk.ts";
import { type Snapshot, ensureSnapshot, findSnapshot } from "../../engine/azure/snapshot.ts";
import type { DiskImage, ImageName, Images, Look } from "../../engine/capture/image.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import { type ArmId, type MachineId, armId, groupOf } from "../../engine/core/ids.ts";
import { inParallel } from "../../engine/core/in-order.ts";
import { type DiskIndex, micros, millis } from "../../engine/core/units.ts";
import { type ItemRecord, type SourceDisk, lastSegment, sourceOf } from "../../engine/recovery/item.ts";
import type { StoragePipelineOptions } from "@azure/storage-blob";
import type { Services } from "../services.ts";
import { closeImage, imageOwner, sweepImages } from "./image-sweep.ts";
import { snapshotReader } from "./snapshot-reader.ts";

/** Azure's SAS ends by itself after this time, should this process die. */
const ACCESS_SECONDS = 3600;
/** Disks that are dealt with at the same time. */
const PARALLEL = 8;
const SOON = millis(3000);
/** Of those that are filled in the background. */
const LATER = millis(15_000);

/** Whose disks, and where. */
export interface ImagedMachine {
  readonly machine: MachineId;
  readonly vmId: ArmId;
  readonly region: string;
  readonly disks: readonly Pick<SourceDisk, "index" | "id">[];
}

export const imagedIn = (item: ItemRecord): ImagedMachine => ({
  machine: item.machine,
  vmId: item.vmId,
  region: sourceOf(item).region,
  disks: sourceOf(item).disks,
});

/** The name says machine, image and disk, and is no longer than Azure takes. */
function snapshotIdOf(of: ImagedMachine, { generation, number }: ImageName, disk: DiskIndex): ArmId {
  const key = hash("sha256", of.machine).slice(0, 12);
  const name = `leeward-${key}-${generation}-${number}-${disk}`;
  // Where the disks are, there is the right to snapshots of them.
  return armId(`${groupOf(of.vmId)}/providers/Microsoft.Compute/snapshots/${name}`);
}

/**
 * Images of a machine's disks as incremental snapshots of managed disks, one of each disk. No SAS leaves this process, and
 * each is revoked by `close`.
 * @param pipeline how snapshots are reached, where the process's own way does not lead there
 */
export function diskImages(
  { arm, clock }: Pick<Services, "arm" | "clock">,
  of: ImagedMachine,
  pipeline?: StoragePipelineOptions,
): Images {
  const { machine, region, disks } = of;
  const opened = new Map<ArmId, string>();
  const each = <Result>(work: (disk: ImagedMachine["disks"][number]) => Promise<Result>) =>
    inParallel(disks, PARALLEL, work);

  async function sasOf(id: ArmId): Promise<string> {
    const known =
      opened.get(id) ?? (await openDisk(arm, id, { access: "Read", seconds: ACCESS_SECONDS }, clock));
    opened.set(id, known);
    return known;
  }

  async function close(id: ArmId): Promise<void> {
    await closeImage({ arm, clock }, id);
    opened.delete(id);
  }

  return {
    async take(image) {
      await each((disk) => {
        const id = snapshotIdOf(of, image, disk.index);
        return ensureSnapshot(arm, { id, location: region, disk: disk.id, owner: imageOwner(machine) });
      });
    },

    async look(image) {
      const found = await each(async ({ index }) => ({
        disk: index,
        snapshot: await findSnapshot(arm, snapshotIdOf(of, image, index)),
      }));
      return lookAt(found);
    },

    async open(image, since, disk) {
      const id = snapshotIdOf(of, image, disk);
      const before = since && snapshotIdOf(of, since, disk);
      if (before && !(await findSnapshot(arm, before)))
        throw new LeewardError("ImageLost", `the snapshot ${lastSegment(before)} is gone`);
      return snapshotReader(await sasOf(id), before && (await sasOf(before)), lastSegment(id), pipeline);
    },

    async close(images) {
      await each(async ({ index }) => {
        for (const image of images) await close(snapshotIdOf(of, image, index));
      });
    },

    async sweep(kept) {
      const needed = kept.flatMap((image) => disks.map(({ index }) => snapshotIdOf(of, image, index)));
      await sweepImages({ arm, clock }, { machine, group: groupOf(of.vmId) }, needed);
    },
  };
}

interface Found {
  readonly disk: DiskIndex;
  readonly snapshot: Snapshot | undefined;
}

function lookAt(found: readonly Found[]): Look {
  const images: DiskImage[] = [];
  let pending = false;
  let filled = true;
  for (const { disk, snapshot } of found) {
    if (!snapshot) return { state: "gone" };
    const { provisioningState, completionPercent = 100 } = snapshot.properties;
    if (["Failed", "Canceled", "Deleting"].includes(provisioningState)) return { state: "gone" };
    pending ||= provisioningState !== "Succeeded";
    filled &&= completionPercent >= 100;
    images.push(imageOf(disk, snapshot));
  }
  if (pending) return { state: "pending", wait: SOON };
  return filled ? { state: "ready", disks: images } : { state: "pending", wait: LATER };
}

function imageOf(disk: DiskIndex, { properties }: Snapshot): DiskImage {
  const { diskSizeBytes: size, timeCreated, creationData, incrementalSnapshotFamilyId } = properties;
  return {
    disk,
    size,
    source: creationData.sourceUniqueId ?? "",
    family: incrementalSnapshotFamilyId ?? "",
    taken: micros(timeCreated === undefined ? 0 : Date.parse(timeCreated) * 1000),
  };
}
