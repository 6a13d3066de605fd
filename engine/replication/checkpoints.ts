import { z } from "zod";
import { digestOf } from "../core/digest.ts";
import { LeewardError, hasCode } from "../core/errors.ts";
import { type BarrierId, type MachineId, barrierId, machineId } from "../core/ids.ts";
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
import { encodeDigested } from "../journal/digested.ts";
import { checkpointName, checkpointsPrefix, replicaName } from "../journal/names.ts";
import { parseDocument } from "../journal/json-document.ts";
import { journalPosition } from "../journal/position.ts";
import { type ObjectStore, type PageStore, type SnapshotId, snapshotId } from "../storage/store.ts";
import { rereading } from "./reread.ts";

const checkpoint = z.strictObject({
  format: z.literal(2),
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

const withDigest = checkpoint.extend({ digest: z.string().transform(checked(digestOf)) });
const NEWEST = 2;

type CheckpointId = Pick<Checkpoint, "machine" | "generation" | "sequence" | "id">;

const nameOf = ({ machine, generation: of, sequence: at, id }: CheckpointId): string =>
  checkpointName(machine, of, at, id);

/** Puts the document if there is none, or none that can be read; otherwise the one that is there holds. */
export async function createCheckpoint(objects: ObjectStore, made: Checkpoint): Promise<Checkpoint> {
  const name = nameOf(made);
  const document = encodeDigested(checkpoint.parse(made));
  try {
    await objects.put(name, document, "absent");
    return made;
  } catch (error) {
    if (!hasCode(error, "ObjectExists")) throw error;
  }
  const there = await look(objects, name);
  if (there !== "damaged") return there ?? made;
  const object = await objects.get(name);
  if (object) await objects.put(name, document, { unchangedSince: object.etag });
  return made;
}

/**
 * The checkpoint of this point, if one was made and not dropped. A document that cannot be read is none: the replica is a
 * cache of the journal, and whoever wants the point takes the other road, or makes the checkpoint anew.
 * @throws ManifestVersionUnknown
 */
export async function readCheckpoint(
  objects: ObjectStore,
  point: CheckpointId,
): Promise<Checkpoint | undefined> {
  const found = await look(objects, nameOf(point));
  return found === "damaged" ? undefined : found;
}

/** Newest first, without what cannot be read. @throws ManifestVersionUnknown */
export async function listCheckpoints(objects: ObjectStore, machine: MachineId): Promise<Checkpoint[]> {
  return (await lookAtAll(objects, machine)).sound;
}

async function lookAtAll(
  objects: ObjectStore,
  machine: MachineId,
): Promise<{ sound: Checkpoint[]; damaged: string[] }> {
  const sound: Checkpoint[] = [];
  const damaged: string[] = [];
  for await (const { name } of objects.list(checkpointsPrefix(machine))) {
    const made = await look(objects, name);
    if (made === "damaged") damaged.push(name);
    else if (made) sound.push(made);
  }
  return { sound: sound.toReversed(), damaged };
}

/**
 * Drops all but the newest, and the one of `held`, oldest first: each document before its snapshots, so that no document names one that is gone.
 * Documents that cannot be read go as well, and their snapshots a day later, see `sweepSnapshots`.
 * Returns what was dropped. May run twice.
 */
export async function dropCheckpoints(
  objects: ObjectStore,
  pages: PageStore,
  machine: MachineId,
  keep: number,
  held?: BarrierId,
): Promise<Checkpoint[]> {
  const { sound, damaged } = await lookAtAll(objects, machine);
  if (damaged.length > 0) await objects.delete(damaged);
  const old = sound
    .slice(keep)
    .filter(({ id }) => id !== held)
    .toReversed();
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

/** Undefined when there is none. */
const look = (objects: ObjectStore, name: string): Promise<Checkpoint | "damaged" | undefined> =>
  rereading(() => readOnce(objects, name)).catch((error: unknown) => {
    if (hasCode(error, "ManifestDamaged")) return "damaged";
    throw error;
  });

/** One of format 1, which had no digest, is not believed: a changed byte in it would import another snapshot. */
async function readOnce(objects: ObjectStore, name: string): Promise<Checkpoint | undefined> {
  const object = await objects.get(name);
  if (!object) return undefined;
  const { digest: _, ...found } = parseDocument(name, withDigest, object.body, undefined, NEWEST);
  if (!encodeDigested(found).equals(object.body))
    throw new LeewardError("ManifestDamaged", `${name} does not fit its digest`);
  if (nameOf(found) !== name)
    throw new LeewardError("ManifestDamaged", `${name} is the checkpoint of another point, ${found.id}`);
  return found;
}
