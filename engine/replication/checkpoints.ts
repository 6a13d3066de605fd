import { z } from "zod";
import { LeewardError, hasCode } from "../core/errors.ts";
import { type MachineId, barrierId, machineId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import {
  type DiskIndex,
  type Micros,
  bytes,
  diskIndex,
  generation,
  micros,
  millis,
  sequence,
} from "../core/units.ts";
import { checkpointName, checkpointsPrefix, replicaName } from "../journal/names.ts";
import { parseDocument } from "../journal/json-document.ts";
import { journalPosition } from "../journal/position.ts";
import { type ObjectStore, type PageStore, type SnapshotId, snapshotId } from "../storage/store.ts";
import { rereading } from "./reread.ts";

const checkpoint = z.strictObject({
  format: z.literal(1),
  machine: z.string().transform(checked(machineId)),
  generation: z.number().transform(checked(generation)),
  /** The point that the snapshots hold, to the byte. */
  id: z.string().transform(checked(barrierId)),
  sequence: z.number().transform(checked(sequence)),
  time: z.number().transform(checked(micros)),
  /** Where the next checkpoint goes on: the newest position before which everything is in the replica. */
  applied: journalPosition.strict(),
  disks: z
    .array(
      z.strictObject({
        index: z.number().transform(checked(diskIndex)),
        /** Of the disk, without the footer. */
        size: z.number().transform(checked(bytes)),
        snapshot: z.string().min(1).max(200).transform(snapshotId),
      }),
    )
    .min(1)
    .max(64),
});
export type Checkpoint = z.infer<typeof checkpoint>;

/** There was never another format. */
const FAULTS = { damaged: "ManifestDamaged", unknown: "ManifestDamaged" } as const;

type CheckpointId = Pick<Checkpoint, "machine" | "generation" | "sequence" | "id">;

const nameOf = ({ machine, generation: of, sequence: at, id }: CheckpointId): string =>
  checkpointName(machine, of, at, id);

/** Puts the document if there is none; otherwise the one that is there holds. */
export async function createCheckpoint(objects: ObjectStore, made: Checkpoint): Promise<Checkpoint> {
  try {
    await objects.put(nameOf(made), Buffer.from(`${JSON.stringify(made, undefined, 2)}\n`), "absent");
    return made;
  } catch (error) {
    if (!hasCode(error, "ObjectExists")) throw error;
    return (await readCheckpoint(objects, made)) ?? made;
  }
}

/** The checkpoint of this point, if one was made and not dropped. @throws ManifestDamaged */
export const readCheckpoint = (objects: ObjectStore, point: CheckpointId): Promise<Checkpoint | undefined> =>
  readAt(objects, nameOf(point));

/** Newest first. @throws ManifestDamaged */
export async function listCheckpoints(objects: ObjectStore, machine: MachineId): Promise<Checkpoint[]> {
  const found: Checkpoint[] = [];
  for await (const { name } of objects.list(checkpointsPrefix(machine))) {
    const made = await readAt(objects, name);
    if (made) found.push(made);
  }
  return found.toReversed();
}

/**
 * Drops all but the newest, oldest first: each document before its snapshots, so that no document names one that is gone.
 * Returns what was dropped. May run twice.
 */
export async function dropCheckpoints(
  objects: ObjectStore,
  pages: PageStore,
  machine: MachineId,
  keep: number,
): Promise<Checkpoint[]> {
  const old = (await listCheckpoints(objects, machine)).slice(keep).toReversed();
  for (const made of old) {
    await objects.delete([nameOf(made)]);
    for (const { index, snapshot } of made.disks)
      await pages.deleteSnapshot(replicaName(machine, index), snapshot);
  }
  return old;
}

/** So long after its snapshots were taken a document may still be put. */
export const DOCUMENT_WITHIN = millis(60 * 60 * 1000);
/** By then no run is left that could. The storage's clock may differ from ours. */
const UNNAMED_FOR = 24 * DOCUMENT_WITHIN;

/**
 * Deletes the snapshots that no checkpoint names and no run will: of a run that died between snapshot and document, or
 * between dropping a document and its snapshots. Storage calls: a listing for each disk, and those of `listCheckpoints`
 * when there is an old snapshot. May run twice.
 */
export async function sweepSnapshots(
  objects: ObjectStore,
  pages: PageStore,
  {
    machine,
    disks,
  }: { readonly machine: MachineId; readonly disks: readonly { readonly index: DiskIndex }[] },
  now: Micros,
): Promise<void> {
  const old: { name: string; id: SnapshotId }[] = [];
  for (const { index } of disks) {
    const name = replicaName(machine, index);
    for (const { id, taken } of await pages.snapshots(name))
      if (now - taken > UNNAMED_FOR * 1000) old.push({ name, id });
  }
  if (old.length === 0) return;
  const made = await listCheckpoints(objects, machine);
  const named = new Set(made.flatMap((each) => each.disks.map(({ snapshot }) => snapshot)));
  for (const { name, id } of old) if (!named.has(id)) await pages.deleteSnapshot(name, id);
}

const readAt = (objects: ObjectStore, name: string): Promise<Checkpoint | undefined> =>
  rereading(() => readOnce(objects, name));

async function readOnce(objects: ObjectStore, name: string): Promise<Checkpoint | undefined> {
  const object = await objects.get(name);
  if (!object) return undefined;
  const found = parseDocument(name, checkpoint, object.body, FAULTS);
  if (nameOf(found) !== name)
    throw new LeewardError("ManifestDamaged", `${name} is the checkpoint of another point, ${found.id}`);
  return found;
}
