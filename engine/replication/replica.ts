import type { MachineId } from "../core/ids.ts";
import { type Bytes, type DiskIndex, SECTOR, bytes } from "../core/units.ts";
import { checkpointsPrefix, replicaName, replicaRebuildName, replicaStateName } from "../journal/names.ts";
import type { ObjectStore, PageStore } from "../storage/store.ts";

/**
 * Creates the warm disk: a page blob of zeros with the footer of a fixed VHD behind its `size` bytes. Nothing happens
 * when it exists.
 * @param footer 512 bytes
 * @throws ObjectExists when one of another size exists
 */
export async function createReplica(
  pages: PageStore,
  machine: MachineId,
  disk: { readonly index: DiskIndex; readonly size: Bytes },
  footer: Uint8Array,
): Promise<void> {
  if (footer.length !== SECTOR)
    throw new RangeError(`a VHD footer has ${SECTOR} bytes, not ${footer.length}`);
  const name = replicaName(machine, disk.index);
  await pages.create(name, bytes(disk.size + SECTOR));
  // Looked at first, so that a second run does not take the fence from a checkpoint.
  if ((await pages.read(name, disk.size, bytes(SECTOR))).equals(footer)) return;
  const fence = await pages.takeFence(name);
  await pages.write(name, fence, disk.size, footer);
  await pages.releaseFence(name, fence);
}

/** Deletes the warm disks with their snapshots; first what names them. May run twice. */
export async function deleteReplica(
  objects: ObjectStore,
  pages: PageStore,
  machine: MachineId,
  disks: readonly DiskIndex[],
): Promise<void> {
  const documents: string[] = [];
  for await (const { name } of objects.list(checkpointsPrefix(machine))) documents.push(name);
  await objects.delete(documents);
  for (const index of disks) await pages.delete(replicaName(machine, index));
  await objects.delete([replicaRebuildName(machine), replicaStateName(machine)]);
}
