import { hasCode } from "../../engine/core/errors.ts";
import type { MachineId } from "../../engine/core/ids.ts";
import { type Generation, generation } from "../../engine/core/units.ts";
import { replicaName, replicaRebuildName } from "../../engine/journal/names.ts";
import { disksIn, grewBetween } from "../../engine/recovery/disk-size.ts";
import type { ItemRecord } from "../../engine/recovery/item.ts";
import type { ProgressRecord } from "../../engine/recovery/progress.ts";
import type { SizedDisk } from "../../engine/replication/blocks.ts";
import { listCheckpoints } from "../../engine/replication/checkpoints.ts";
import { createReplica, deleteReplica } from "../../engine/replication/replica.ts";
import type { ObjectStore, PageStore } from "../../engine/storage/store.ts";
import { diskFooter } from "./disk-footer.ts";

/** Makes the warm disks that are not there. @throws ObjectExists when one of another size is */
export async function createReplicas(
  pages: PageStore,
  machine: MachineId,
  disks: readonly SizedDisk[],
): Promise<void> {
  for (const disk of disks) await createReplica(pages, machine, disk, diskFooter(machine, disk));
}

/** Disks of the point that the replica cannot have yet: they came to the set behind what it holds. */
export const cameSince = (
  item: ItemRecord,
  { applied }: ProgressRecord,
  { disks }: { readonly disks: readonly SizedDisk[] },
): SizedDisk[] => {
  const from = applied?.generation ?? generation(1);
  const had = disksIn(item, from).map(({ index }) => index);
  return disks.filter(({ index }) => !had.includes(index));
};

/** Deletes the warm disks that were taken out of the protection, once no checkpoint has them. May run twice. */
export async function dropFormerReplicas(
  { target, pages }: { readonly target: ObjectStore; readonly pages: PageStore },
  { machine, source }: ItemRecord,
): Promise<void> {
  const removed = source?.removed ?? [];
  if (removed.length === 0) return;
  const held = (await listCheckpoints(target, machine)).flatMap(({ disks }) =>
    disks.map(({ index }) => index),
  );
  for (const { index } of removed) if (!held.includes(index)) await pages.delete(replicaName(machine, index));
}

/** Whether the replica holds disks of other sizes than those of this generation. It was made for the first. */
export const isOutgrown = (item: ItemRecord, { applied }: ProgressRecord, of: Generation): boolean =>
  grewBetween(item, applied?.generation, of);

/**
 * Makes a replica anew whose disks have grown: a page blob could grow too, but its footer stands where there are data then, and
 * its snapshots would be of two sizes. What the journal holds is enough. May run twice, and die anywhere.
 */
export async function fitReplicas(
  { target, pages }: { readonly target: ObjectStore; readonly pages: PageStore },
  machine: MachineId,
  disks: readonly SizedDisk[],
): Promise<void> {
  try {
    await createReplicas(pages, machine, disks);
  } catch (error) {
    if (!hasCode(error, "ObjectExists")) throw error;
    // First what would bring the new one to a point of the old sizes.
    await target.delete([replicaRebuildName(machine)]);
    await deleteReplica(
      target,
      pages,
      machine,
      disks.map(({ index }) => index),
    );
    await createReplicas(pages, machine, disks);
  }
}
