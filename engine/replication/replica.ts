import { z } from "zod";
import { LeewardError } from "../core/errors.ts";
import { type MachineId, barrierId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { type Bytes, type DiskIndex, SECTOR, bytes, generation, sequence } from "../core/units.ts";
import type { RecoveryPoint } from "../journal/manifest.ts";
import { checkpointsPrefix, replicaName, replicaStateName } from "../journal/names.ts";
import type { JournalPosition } from "../journal/position.ts";
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
  await objects.delete([replicaStateName(machine)]);
}

const replicaState = z.strictObject({
  format: z.literal(1),
  generation: z.number().transform(checked(generation)),
  id: z.string().transform(checked(barrierId)),
  /** Writes up to this one may be in the replica, whole or in part. */
  sequence: z.number().transform(checked(sequence)),
});

/**
 * Writes down that the replica is about to get writes up to this point: a checkpoint that dies half-way leaves some of
 * them behind, and a later one to an older point must not call the mixture a point. To be called after the fences were
 * taken and before the first page is written.
 * @param from where the checkpoint starts; from the start of a generation everything is rewritten, so anything goes
 * @throws StateNotAllowed when the replica may hold writes behind the point; ObjectChanged
 */
export async function reserveReplica(
  objects: ObjectStore,
  from: JournalPosition,
  point: RecoveryPoint,
): Promise<void> {
  const name = replicaStateName(point.machine);
  const object = await objects.get(name);
  const state = object && parseState(name, object.body);
  if (state) checkReserve(state, from, point);
  const next = { format: 1, generation: point.generation, id: point.id, sequence: point.sequence };
  await objects.put(
    name,
    Buffer.from(`${JSON.stringify(next)}\n`),
    object ? { unchangedSince: object.etag } : "absent",
  );
}

function checkReserve(
  state: z.infer<typeof replicaState>,
  from: JournalPosition,
  point: RecoveryPoint,
): void {
  const rebuilt = from.next === 0;
  const older = state.generation > point.generation;
  const mixed = !rebuilt && (state.generation !== point.generation || state.sequence > point.sequence);
  if (older || mixed)
    throw new LeewardError(
      "StateNotAllowed",
      `the replica of ${point.machine} was being brought to point ${state.id} (generation ${state.generation},` +
        ` write ${state.sequence}), which is not before point ${point.id} (generation ${point.generation},` +
        ` write ${point.sequence}): bring it to that or a later one, or rebuild it from the start of the generation`,
    );
}

function parseState(name: string, body: Buffer): z.infer<typeof replicaState> {
  try {
    return replicaState.parse(JSON.parse(body.toString("utf8")));
  } catch (error) {
    throw new LeewardError("ManifestDamaged", `${name} does not say how far the replica is`, error);
  }
}
