import { z } from "zod";
import { LeewardError, hasCode } from "../core/errors.ts";
import { barrierId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { generation, sequence } from "../core/units.ts";
import { replicaStateName } from "../journal/names.ts";
import type { JournalPosition } from "../journal/position.ts";
import type { ObjectStore } from "../storage/store.ts";
import { type SourcePoint, type Stretch, lineageOf } from "./lineage.ts";
import { leadsOn } from "./sources.ts";

const reach = z.strictObject({
  format: z.literal(1),
  generation: z.number().transform(checked(generation)),
  /** The point that the replica was being brought to. */
  id: z.string().transform(checked(barrierId)),
  /** Writes up to this one may be in the replica, whole or in part. */
  sequence: z.number().transform(checked(sequence)),
});
type Reach = z.infer<typeof reach>;

/**
 * Writes down that the replica is about to get writes up to this point: a checkpoint that dies half-way leaves some of
 * them behind, and a later one to an older point must not call the mixture a point. To be called after the fences were
 * taken and before the first page is written. It is never lowered, not even to rebuild everything: a run to the later
 * point may already have its snapshots, and what it is about to say that the replica holds would become untrue.
 * @param from where the checkpoint starts; a new generation is rebuilt from its start
 * @throws StateNotAllowed when the replica may hold writes behind the point; ObjectChanged, ManifestDamaged
 */
export async function reserveReplica(
  objects: ObjectStore,
  from: JournalPosition,
  point: SourcePoint,
): Promise<void> {
  const name = replicaStateName(point.machine);
  const object = await objects.get(name);
  if (object) await checkReach(objects, parse(name, object.body), from, point);
  try {
    await objects.put(name, encode(reachOf(point)), object ? { unchangedSince: object.etag } : "absent");
  } catch (error) {
    if (!hasCode(error, "ObjectExists")) throw error;
    // Someone else's first, or our own whose answer was lost: the next run reads it. That passes by itself.
    throw new LeewardError("ObjectChanged", `${name} appeared at the same time`, error);
  }
}

const reachOf = ({ generation: of, id, sequence: upTo }: SourcePoint): Reach => ({
  format: 1,
  generation: of,
  id,
  sequence: upTo,
});

const encode = (value: Reach): Buffer => Buffer.from(`${JSON.stringify(value)}\n`);

/**
 * Whether a replica that was brought to this position can go on to the point: the point stands on it, and on everything
 * that may be in the replica besides. A replica that cannot is rebuilt.
 * @throws ManifestDamaged, ManifestVersionUnknown
 */
export async function standsOn(
  objects: ObjectStore,
  point: SourcePoint,
  applied: JournalPosition,
): Promise<boolean> {
  const name = replicaStateName(point.machine);
  const object = await objects.get(name);
  const lineage = await lineageOf(objects, point);
  const end = lineage.find((stretch) => stretch.point.generation === applied.generation)?.point;
  if (!end || !leadsOn(applied, end)) return false;
  return object === undefined || isIn(lineage, parse(name, object.body));
}

const isIn = (lineage: readonly Stretch[], { generation: of, sequence: at }: Reach): boolean =>
  lineage.some(({ point }) => point.generation === of && at <= point.sequence);

async function checkReach(
  objects: ObjectStore,
  before: Reach,
  from: JournalPosition,
  point: SourcePoint,
): Promise<void> {
  const rebuilt = from.next === 0 && before.generation < point.generation;
  if (rebuilt || isIn(await lineageOf(objects, point), before)) return;
  throw new LeewardError(
    "StateNotAllowed",
    `the replica of ${point.machine} was being brought to point ${before.id} (generation ${before.generation}, write` +
      ` ${before.sequence}), so it cannot go on to point ${point.id} (generation ${point.generation}, write` +
      ` ${point.sequence}): bring it to that point or a later one`,
  );
}

function parse(name: string, body: Buffer): Reach {
  try {
    return reach.parse(JSON.parse(body.toString("utf8")));
  } catch (error) {
    throw new LeewardError("ManifestDamaged", `${name} does not say how far the replica is`, error);
  }
}
