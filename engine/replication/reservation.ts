import { z } from "zod";
import { LeewardError, hasCode } from "../core/errors.ts";
import { barrierId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { generation, sequence } from "../core/units.ts";
import type { RecoveryPoint } from "../journal/manifest.ts";
import { replicaStateName } from "../journal/names.ts";
import type { JournalPosition } from "../journal/position.ts";
import type { ETag, ObjectStore } from "../storage/store.ts";

const reach = z.strictObject({
  format: z.literal(1),
  generation: z.number().transform(checked(generation)),
  /** The point that the replica was being brought to. */
  id: z.string().transform(checked(barrierId)),
  /** Writes up to this one may be in the replica, whole or in part. */
  sequence: z.number().transform(checked(sequence)),
});
type Reach = z.infer<typeof reach>;

export interface Reservation {
  readonly reach: Reach;
  readonly etag: ETag;
}

/**
 * Writes down that the replica is about to get writes up to this point: a checkpoint that dies half-way leaves some of
 * them behind, and a later one to an older point must not call the mixture a point. To be called after the fences were
 * taken and before the first page is written. It never lowers what was reserved: whoever reserved it may have taken the
 * fences since and be writing.
 * @param from where the checkpoint starts; from the start of a generation everything is rewritten, so any point goes
 * @throws StateNotAllowed when the replica may hold writes behind the point; ObjectChanged, ManifestDamaged
 */
export async function reserveReplica(
  objects: ObjectStore,
  from: JournalPosition,
  point: RecoveryPoint,
): Promise<Reservation> {
  const name = replicaStateName(point.machine);
  const object = await objects.get(name);
  const before = object && parse(name, object.body);
  if (before) checkReach(before, from, point);
  const next = before && isBehind(before, point) ? before : reachOf(point);
  const etag = await objects.put(name, encode(next), object ? { unchangedSince: object.etag } : "absent");
  return { reach: next, etag };
}

/**
 * Says that the replica, rebuilt, holds nothing behind the point any more. To be called once every disk's snapshot was
 * taken, which proves that the fences held. Nothing happens when someone else has reserved it since.
 */
export async function settleReplica(
  objects: ObjectStore,
  { reach: reserved, etag }: Reservation,
  point: RecoveryPoint,
): Promise<void> {
  if (!isBehind(reserved, point)) return;
  try {
    await objects.put(replicaStateName(point.machine), encode(reachOf(point)), { unchangedSince: etag });
  } catch (error) {
    if (!hasCode(error, "ObjectChanged")) throw error;
  }
}

const reachOf = ({ generation: of, id, sequence: upTo }: RecoveryPoint): Reach => ({
  format: 1,
  generation: of,
  id,
  sequence: upTo,
});

const encode = (value: Reach): Buffer => Buffer.from(`${JSON.stringify(value)}\n`);

const isBehind = (a: Reach, b: Pick<Reach, "generation" | "sequence">): boolean =>
  a.generation === b.generation ? a.sequence > b.sequence : a.generation > b.generation;

function checkReach(before: Reach, from: JournalPosition, point: RecoveryPoint): void {
  const rebuilt = from.next === 0 && before.generation <= point.generation;
  const goesOn = before.generation === point.generation && !isBehind(before, point);
  if (rebuilt || goesOn) return;
  throw new LeewardError(
    "StateNotAllowed",
    `the replica of ${point.machine} was being brought to point ${before.id} (generation ${before.generation}, write` +
      ` ${before.sequence}), so it cannot go on to point ${point.id} (generation ${point.generation}, write` +
      ` ${point.sequence}): bring it to that point or a later one, or rebuild it from the start of the generation`,
  );
}

function parse(name: string, body: Buffer): Reach {
  try {
    return reach.parse(JSON.parse(body.toString("utf8")));
  } catch (error) {
    throw new LeewardError("ManifestDamaged", `${name} does not say how far the replica is`, error);
  }
}
