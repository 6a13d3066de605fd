import { z } from "zod";
import { digestOf } from "../core/digest.ts";
import { LeewardError, hasCode } from "../core/errors.ts";
import { type BarrierId, barrierId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { generation, sequence } from "../core/units.ts";
import { encodeDigested } from "../journal/digested.ts";
import { parseDocument } from "../journal/json-document.ts";
import { replicaStateName } from "../journal/names.ts";
import type { JournalPosition } from "../journal/position.ts";
import type { ETag, ObjectStore } from "../storage/store.ts";
import { type SourcePoint, type Stretch, lineageOf } from "./lineage.ts";
import { rereading } from "./reread.ts";
import { leadsOn } from "./sources.ts";

const place = {
  generation: z.number().transform(checked(generation)),
  /** The point that the replica was being brought to. */
  id: z.string().transform(checked(barrierId)),
  /** Writes up to this one may be in the replica, whole or in part. */
  sequence: z.number().transform(checked(sequence)),
};
const reach = z.strictObject({ format: z.literal(2), ...place });
const withDigest = reach.extend({ digest: z.string().transform(checked(digestOf)) });
const NEWEST = 2;

/** Up to where writes may be in the replica. */
export type Reach = Pick<z.infer<typeof reach>, "generation" | "sequence"> & {
  /** Of the point; the record does not know it. */
  readonly id?: BarrierId;
};

export interface ReserveRequest {
  readonly objects: ObjectStore;
  /** Where the checkpoint starts; a new generation is rebuilt from its start. */
  readonly from: JournalPosition;
  readonly point: SourcePoint;
  /** What the record of progress says, the point itself included: it stands in for a document that is damaged or gone. */
  readonly reserved?: Reach | undefined;
}

/**
 * Writes down that the replica is about to get writes up to this point: a checkpoint that dies half-way leaves some of
 * them behind, and a later one to an older point must not call the mixture a point. To be called after the fences were
 * taken and before the first page is written. It is never lowered, not even to rebuild everything: a run to the later
 * point may already have its snapshots, and what it is about to say that the replica holds would become untrue.
 * @throws StateNotAllowed when the replica may hold writes behind the point; ObjectChanged; ManifestDamaged when neither
 *   the document nor the record says what it holds, unless it is rebuilt
 */
export async function reserveReplica({
  objects,
  from,
  point,
  reserved,
}: ReserveRequest): Promise<Reservation> {
  const name = replicaStateName(point.machine);
  const { found, etag } = await readReach(objects, name);
  if (found === "damaged" && !reserved && from.next > 0)
    throw new LeewardError("ManifestDamaged", `${name} does not say how far the replica is`);
  for (const before of [found, reserved])
    if (before !== undefined && before !== "damaged") await checkReach(objects, before, from, point);
  const condition = etag === undefined ? "absent" : { unchangedSince: etag };
  try {
    const put = await objects.put(name, encode(point), condition);
    return reservationOf(objects, name, encode(point), put);
  } catch (error) {
    if (!hasCode(error, "ObjectExists")) throw error;
    // Someone else's first, or our own whose answer was lost: the next run reads it. That passes by itself.
    throw new LeewardError("ObjectChanged", `${name} appeared at the same time`, error);
  }
}

/** What a run has put last, as far as it knows. */
export interface Reservation {
  /**
   * Puts the same once more, in the place of itself: whoever has read it, and is about to put its own, comes too late.
   * @throws ObjectChanged when another run has reserved the replica since
   */
  readonly confirm: () => Promise<void>;
}

function reservationOf(objects: ObjectStore, name: string, document: Buffer, put: ETag): Reservation {
  let etag = put;
  return {
    async confirm() {
      etag = await objects.put(name, document, { unchangedSince: etag });
    },
  };
}

const encode = ({ generation: of, id, sequence: upTo }: SourcePoint): Buffer =>
  encodeDigested(reach.parse({ format: 2, generation: of, id, sequence: upTo }));

/**
 * Whether a replica that was brought to this position can go on to the point: the point stands on it, and on everything
 * that may be in the replica besides. A replica that cannot is rebuilt. `unknown`: the document is damaged, gone or older
 * than the record of progress, which the next reservation replaces; so that it must be rebuilt is to be written down first.
 * @param reserved as the record says, before it is told of this point
 * @throws ManifestDamaged, ManifestVersionUnknown
 */
export async function standsOn(
  objects: ObjectStore,
  point: SourcePoint,
  applied: JournalPosition,
  reserved?: Reach,
): Promise<"yes" | "no" | "unknown"> {
  const { found } = await readReach(objects, replicaStateName(point.machine));
  const lineage = await lineageOf(objects, point);
  const end = lineage.find((stretch) => stretch.point.generation === applied.generation)?.point;
  if (!end || !leadsOn(applied, end)) return "no";
  if (found === undefined || found === "damaged") return "unknown";
  if (!isIn(lineage, found)) return "no";
  if (!reserved || isIn(lineage, reserved)) return "yes";
  return reserved.generation < point.generation ? "unknown" : "no";
}

/** Whether a replica that is brought to the reach can go on to the point from there. @throws as `lineageOf` */
export const leadsBy = async (objects: ObjectStore, point: SourcePoint, reach: Reach): Promise<boolean> =>
  isIn(await lineageOf(objects, point), reach);

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
    `the replica of ${point.machine} was being brought to point ${before.id ?? "of the record"} (generation ${before.generation},` +
      ` write ${before.sequence}), so it cannot go on to point ${point.id} (generation ${point.generation}, write` +
      ` ${point.sequence}): bring it to that point or a later one`,
  );
}

type Found = Reach | "damaged" | undefined;

/** A document of format 1 has no digest: what it says may have been changed. @throws ManifestVersionUnknown */
async function readReach(
  objects: ObjectStore,
  name: string,
): Promise<{ readonly found: Found; readonly etag: ETag | undefined }> {
  let etag: ETag | undefined;
  try {
    return await rereading(async () => {
      const object = await objects.get(name);
      etag = object?.etag;
      return { found: object && decode(name, object.body), etag };
    });
  } catch (error) {
    if (hasCode(error, "ManifestDamaged")) return { found: "damaged", etag };
    throw error;
  }
}

function decode(name: string, body: Buffer): Reach {
  const { digest: _, ...found } = parseDocument(name, withDigest, body, undefined, NEWEST);
  if (encodeDigested(found).equals(body)) return found;
  throw new LeewardError("ManifestDamaged", `${name} does not fit its digest`);
}
