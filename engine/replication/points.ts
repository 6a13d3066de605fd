import { LeewardError, hasCode } from "../core/errors.ts";
import { mapInOrder } from "../core/in-order.ts";
import type { BarrierId, MachineId } from "../core/ids.ts";
import { type Bytes, type DiskIndex, type Generation, type Ordinal, bytes } from "../core/units.ts";
import type { DataKey } from "../journal/key.ts";
import { type Loss, type RecoveryPoint, decodeManifest, encodeManifest } from "../journal/manifest.ts";
import type { MarkedSegment } from "../journal/marked-segment.ts";
import { type PointPlace, parsePointName, pointName, pointsPrefix, segmentName } from "../journal/names.ts";
import { openSegment } from "../journal/open.ts";
import type { JournalPosition } from "../journal/position.ts";
import type { BarrierRecord, JournalRecord, ProofRecord } from "../journal/record.ts";
import type { CheckedSegment } from "../journal/segment.ts";
import type { ObjectStore } from "../storage/store.ts";
import { type PlacedSegment, readBackward } from "./journal-reader.ts";
import { generationStart } from "./lineage.ts";
import { segmentsOf } from "./pack.ts";
import { rereading } from "./reread.ts";

/** A disk of the machine as the control plane knows it. */
export interface MachineDisk {
  readonly index: DiskIndex;
  readonly name: string;
  readonly size: Bytes;
}

interface Losses {
  readonly vm: Loss;
  readonly region: Loss;
}

export interface CutRequest {
  readonly target: ObjectStore;
  readonly key: DataKey;
  readonly machine: MachineId;
  /** All disks, ascending by index. */
  readonly disks: readonly MachineDisk[];
  /** What `ship` noted behind the cut before, in order; all of one generation. */
  readonly marked: readonly MarkedSegment[];
  /** What the cut before returned. */
  readonly pending: readonly PlacedBarrier[];
  /** Both losses as they stand for a barrier. Asked once for each new point. */
  readonly lossesAt: (barrier: BarrierRecord) => Losses;
}

export interface Cut {
  /** Points whose proofs were among the marked, oldest first; those that an earlier run created are among them. */
  readonly points: readonly RecoveryPoint[];
  /** Barriers still without a proof. Plain numbers and strings; to be persisted when `marked` is forgotten. */
  readonly pending: PlacedBarrier[];
  /** Bytes of data up to the barrier of the newest point; undefined when that barrier had to be looked for. */
  readonly bytes: Bytes | undefined;
}

/** A barrier with the bytes of data in its generation up to it. */
type PlacedBarrier = BarrierRecord & { readonly bytes?: Bytes | undefined };

/** A barrier whose proof is this far behind was abandoned by its agent; should the proof come, it is looked for. */
const MOST_PENDING = 64;

/**
 * Makes a recovery point of each barrier whose proof is among the marked segments.
 *
 * Everything before them is in the target already: `ship` checked each segment on the bytes that it put there, and notes
 * none before those before it. Whether they are still there is for `verify` to say, which reads them all.
 * The manifest is put last and only if absent; where it exists, the existing one is returned.
 * Storage calls: one GET per object with a barrier or a proof, so at most two for a point, then one PUT, and one GET more
 * when the point exists already; whatever the size of the disks, and whatever was written in between. Only a proof whose
 * barrier is neither among the marked nor in `pending` costs a walk back.
 * @throws SegmentMissing, ChainBroken, SegmentDamaged, KeyWrong; ManifestDamaged
 */
export async function cut(s: CutRequest): Promise<Cut> {
  const barriers = new Map(s.pending.map((barrier) => [barrier.id, barrier]));
  const points: RecoveryPoint[] = [];
  let newest: PlacedBarrier | undefined;
  for await (const { segment, after } of readMarked(s)) {
    const records = await marksOf(segment, s.key);
    for (const record of records) {
      if (record.kind === "barrier") barriers.set(record.id, placed(record, records, after));
      if (record.kind !== "proof") continue;
      newest = barriers.get(record.barrier) ?? (await findBarrier(s, record.barrier, after));
      points.push(await createPoint(s.target, pointOf(s, newest, record, after)));
      barriers.delete(record.barrier);
    }
  }
  return { points, pending: [...barriers.values()].slice(-MOST_PENDING), bytes: newest?.bytes };
}

function placed(
  barrier: BarrierRecord,
  among: readonly JournalRecord[],
  behind: JournalPosition,
): PlacedBarrier {
  const later = among.reduce(
    (sum, one) => sum + (one.kind === "data" && one.sequence > barrier.sequence ? one.data.length : 0),
    0,
  );
  return { ...barrier, bytes: bytes(behind.bytes - later) };
}

/** Each object once: a barrier and its proof often lie in one. @throws SegmentMissing, ChainBroken, SegmentDamaged */
async function* readMarked({ target, machine, marked }: CutRequest): AsyncGenerator<PlacedSegment> {
  let read: { first: Ordinal; segments: readonly CheckedSegment[] } | undefined;
  for (const { first, position } of marked) {
    const { generation } = position;
    if (read?.first !== first)
      read = { first, segments: await segmentsOf(target, { machine, generation, first }) };
    const segment = read.segments.find(({ header }) => header.ordinal === position.next - 1);
    const name = segmentName(machine, generation, first);
    if (!segment)
      throw new LeewardError("SegmentMissing", `segment ${position.next - 1} is no longer in ${name}`);
    if (segment.digest !== position.chain)
      throw new LeewardError(
        "ChainBroken",
        `${name} holds segment ${position.next - 1} as ${segment.digest}; ${position.chain} was shipped`,
      );
    yield { segment, after: position };
  }
}

/** The records of a segment that holds marks; none of any other, which is not even opened. */
export const marksOf = async (segment: CheckedSegment, key: DataKey): Promise<JournalRecord[]> =>
  segment.header.marks ? openSegment(segment, key) : [];

async function findBarrier(s: CutRequest, id: BarrierId, to: JournalPosition): Promise<BarrierRecord> {
  const from = await generationStart(s.target, s.machine, to.generation);
  for await (const segment of readBackward({ objects: s.target, machine: s.machine, from, to }))
    for (const record of await marksOf(segment, s.key))
      if (record.kind === "barrier" && record.id === id) return record;
  throw new LeewardError(
    "ChainBroken",
    `the journal of ${s.machine}, generation ${to.generation}, proves barrier ${id}, which it does not hold`,
  );
}

function pointOf(
  s: CutRequest,
  barrier: PlacedBarrier,
  proof: ProofRecord,
  position: JournalPosition,
): RecoveryPoint {
  return {
    format: 1,
    machine: s.machine,
    generation: position.generation,
    id: barrier.id,
    sequence: barrier.sequence,
    ...(barrier.bytes === undefined ? {} : { bytes: barrier.bytes }),
    time: barrier.time,
    consistency: barrier.consistency,
    ...(barrier.spread !== undefined && { spread: barrier.spread }),
    position,
    disks: provedDisks(s, proof),
    losses: s.lossesAt(barrier),
  };
}

function provedDisks({ disks, machine }: CutRequest, proof: ProofRecord): RecoveryPoint["disks"] {
  if (proof.roots.length !== disks.length)
    throw new LeewardError(
      "ChainBroken",
      `barrier ${proof.barrier} of ${machine} proves ${proof.roots.length} disks of ${disks.length}`,
    );
  return disks.map(({ index, name, size }) => {
    const proved = proof.roots.find((root) => root.disk === index);
    if (proved?.size === size) return { index, name, size, root: proved.root };
    throw new LeewardError(
      "ChainBroken",
      `barrier ${proof.barrier} of ${machine} proves disk ${index} with ${proved?.size ?? "no"} bytes, not ${size}`,
    );
  });
}

/** Puts the manifest unless it is there, and returns the one that is. @throws ManifestDamaged when that is bound to another chain */
export async function createPoint(target: ObjectStore, point: RecoveryPoint): Promise<RecoveryPoint> {
  const name = pointName(point.machine, point.generation, point.sequence, point.id);
  try {
    await target.put(name, encodeManifest(point), "absent");
    return point;
  } catch (error) {
    if (!hasCode(error, "ObjectExists")) throw error;
  }
  const existing = await readPointAt(target, name);
  if (existing.position.chain !== point.position.chain)
    throw new LeewardError(
      "ManifestDamaged",
      `${name} is bound to chain ${existing.position.chain}, not to ${point.position.chain}`,
    );
  return existing;
}

/** Every point of the machine, ascending by generation, then by sequence. One listing; no manifest is read. */
export async function listPoints(target: ObjectStore, machine: MachineId): Promise<PointPlace[]> {
  const places: PointPlace[] = [];
  for await (const { name } of target.list(pointsPrefix(machine))) {
    const place = parsePointName(name);
    if (place) places.push(place);
  }
  return places;
}

/**
 * One listing and one GET. A barrier may have been set once more in a newer generation, when what made it a point died
 * before it said so: that one is meant. @throws NotFound, ManifestDamaged, ManifestVersionUnknown
 */
export async function readPoint(
  target: ObjectStore,
  machine: MachineId,
  id: BarrierId,
): Promise<RecoveryPoint> {
  const place = (await listPoints(target, machine)).findLast((point) => point.id === id);
  if (!place) throw new LeewardError("NotFound", `machine ${machine} has no recovery point ${id}`);
  return readPointAt(target, pointName(machine, place.generation, place.sequence, place.id));
}

/** The point with the most writes, of the newest generation that has any; undefined when there is none. */
export async function newestPoint(
  target: ObjectStore,
  machine: MachineId,
  generation?: Generation,
): Promise<RecoveryPoint | undefined> {
  const places = await listPoints(target, machine);
  const place = places.findLast((point) => generation === undefined || point.generation === generation);
  return place && readPointAt(target, pointName(machine, place.generation, place.sequence, place.id));
}

/**
 * Every point of the machine with its manifest, ascending by generation, then by sequence; those that are deleted
 * meanwhile are left out. One listing, and one GET per point.
 * @throws ManifestDamaged, ManifestVersionUnknown
 */
export async function readPoints(target: ObjectStore, machine: MachineId): Promise<RecoveryPoint[]> {
  const { points, unreadable } = await surveyPoints(target, machine);
  if (unreadable[0]) throw unreadable[0].error;
  return points;
}

/** A point whose manifest cannot be trusted, or is of a format that is not known. */
export interface UnreadablePoint {
  readonly place: PointPlace;
  readonly error: LeewardError;
}

/** As `readPoints`, with those that cannot be read named beside the others, in the same order. */
export async function surveyPoints(
  target: ObjectStore,
  machine: MachineId,
): Promise<{ readonly points: RecoveryPoint[]; readonly unreadable: UnreadablePoint[] }> {
  const points: RecoveryPoint[] = [];
  const unreadable: UnreadablePoint[] = [];
  const found = mapInOrder(await listPoints(target, machine), PARALLEL, (place) =>
    readPointAt(target, pointName(machine, place.generation, place.sequence, place.id)).catch(
      (error: unknown) => unreadableAt(place, error),
    ),
  );
  for await (const point of found) {
    if (!point) continue;
    if ("error" in point) unreadable.push(point);
    else points.push(point);
  }
  return { points, unreadable };
}

/** Undefined for one that was deleted since it was listed. @throws what is not about the manifest */
export function unreadableAt(place: PointPlace, error: unknown): UnreadablePoint | undefined {
  return isUnreadable(error) ? { place, error } : gone(error);
}

/** Whether a document was read, and cannot be believed or understood. */
export const isUnreadable = (error: unknown): error is LeewardError =>
  hasCode(error, "ManifestDamaged") || hasCode(error, "ManifestVersionUnknown");

const PARALLEL = 8;

function gone(error: unknown): undefined {
  if (!hasCode(error, "NotFound")) throw error;
}

/** Deletes the points' manifests, in this order: they are points no more, whatever stays of their data. */
export async function dropPoints(target: ObjectStore, points: readonly PointPlace[]): Promise<void> {
  const names = points.map(({ machine, generation, sequence, id }) =>
    pointName(machine, generation, sequence, id),
  );
  for (let at = 0; at < names.length; at += BATCH) await target.delete(names.slice(at, at + BATCH));
}

const BATCH = 256;

/** The manifest of this name, which must say what its name says. */
export const readPointAt = (target: ObjectStore, name: string): Promise<RecoveryPoint> =>
  rereading(() => readPointOnce(target, name));

async function readPointOnce(target: ObjectStore, name: string): Promise<RecoveryPoint> {
  const object = await target.get(name);
  if (!object) throw new LeewardError("NotFound", `there is no recovery point ${name}`);
  const point = decodeManifest(object.body, name);
  if (pointName(point.machine, point.generation, point.sequence, point.id) !== name)
    throw new LeewardError("ManifestDamaged", `${name} is the manifest of another point, ${point.id}`);
  return point;
}
