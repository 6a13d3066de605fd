import { LeewardError, hasCode } from "../core/errors.ts";
import type { BarrierId, MachineId } from "../core/ids.ts";
import type { Bytes, DiskIndex, Generation } from "../core/units.ts";
import type { DataKey } from "../journal/key.ts";
import { type Loss, type RecoveryPoint, decodeManifest, encodeManifest } from "../journal/manifest.ts";
import { type PointPlace, parsePointName, pointName, pointsPrefix } from "../journal/names.ts";
import { openSegment } from "../journal/open.ts";
import type { JournalPosition } from "../journal/position.ts";
import type { BarrierRecord, JournalRecord, ProofRecord } from "../journal/record.ts";
import type { CheckedSegment } from "../journal/segment.ts";
import type { ObjectStore } from "../storage/store.ts";
import { readBackward, readForward } from "./journal-reader.ts";
import { generationStart } from "./lineage.ts";

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
  /** `to` of the cut before, or the start of the generation. */
  readonly after: JournalPosition;
  /** How far the target was shipped. */
  readonly to: JournalPosition;
  /** What the cut before returned. */
  readonly pending: readonly BarrierRecord[];
  /** Both losses as they stand for a barrier. Asked once for each new point. */
  readonly lossesAt: (barrier: BarrierRecord) => Losses;
}

export interface Cut {
  /** Points whose proofs lie in the window, oldest first; those that an earlier run created are among them. */
  readonly points: readonly RecoveryPoint[];
  /** Barriers still without a proof. Plain numbers and strings; to be persisted with `to`, as the next `after`. */
  readonly pending: readonly BarrierRecord[];
}

/** A barrier whose proof is this far behind was abandoned by its agent; should the proof come, it is looked for. */
const MOST_PENDING = 64;

/**
 * Makes a recovery point of each barrier whose proof lies in [after, to).
 *
 * Reads the whole window back from the target and checks it, so a point is never cut over a segment that is not there.
 * The manifest is put last and only if absent; where it exists, the existing one is returned.
 * Storage calls: one listing and one GET per object of the window (each window is read once in all), then for each
 * point one PUT, and one GET more when it exists already. Only a proof whose barrier is in neither the window nor
 * `pending` costs a walk back.
 * @throws SegmentMissing, ChainBroken, SegmentDamaged, KeyWrong; ManifestDamaged
 */
export async function cut(s: CutRequest): Promise<Cut> {
  const barriers = new Map(s.pending.map((barrier) => [barrier.id, barrier]));
  const points: RecoveryPoint[] = [];
  const range = { objects: s.target, machine: s.machine, from: s.after, to: s.to };
  for await (const { segment, after } of readForward(range))
    for (const record of await marksOf(segment, s.key)) {
      if (record.kind === "barrier") barriers.set(record.id, record);
      if (record.kind !== "proof") continue;
      const barrier = barriers.get(record.barrier) ?? (await findBarrier(s, record.barrier));
      points.push(await createPoint(s.target, pointOf(s, barrier, record, after)));
      barriers.delete(record.barrier);
    }
  return { points, pending: [...barriers.values()].slice(-MOST_PENDING) };
}

/** The records of a segment that holds marks; none of any other, which is not even opened. */
export const marksOf = async (segment: CheckedSegment, key: DataKey): Promise<JournalRecord[]> =>
  segment.header.marks ? openSegment(segment, key) : [];

async function findBarrier(s: CutRequest, id: BarrierId): Promise<BarrierRecord> {
  const from = await generationStart(s.target, s.machine, s.after.generation);
  for await (const segment of readBackward({ objects: s.target, machine: s.machine, from, to: s.after }))
    for (const record of await marksOf(segment, s.key))
      if (record.kind === "barrier" && record.id === id) return record;
  throw new LeewardError(
    "ChainBroken",
    `the journal of ${s.machine}, generation ${s.after.generation}, proves barrier ${id}, which it does not hold`,
  );
}

function pointOf(
  s: CutRequest,
  barrier: BarrierRecord,
  proof: ProofRecord,
  position: JournalPosition,
): RecoveryPoint {
  return {
    format: 1,
    machine: s.machine,
    generation: position.generation,
    id: barrier.id,
    sequence: barrier.sequence,
    time: barrier.time,
    consistency: barrier.consistency,
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

async function createPoint(target: ObjectStore, point: RecoveryPoint): Promise<RecoveryPoint> {
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

/** One listing and one GET. @throws NotFound, ManifestDamaged, ManifestVersionUnknown */
export async function readPoint(
  target: ObjectStore,
  machine: MachineId,
  id: BarrierId,
): Promise<RecoveryPoint> {
  const place = (await listPoints(target, machine)).find((point) => point.id === id);
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

/** The manifest of this name, which must say what its name says. */
export async function readPointAt(target: ObjectStore, name: string): Promise<RecoveryPoint> {
  const object = await target.get(name);
  if (!object) throw new LeewardError("NotFound", `there is no recovery point ${name}`);
  const point = decodeManifest(object.body);
  if (pointName(point.machine, point.generation, point.sequence, point.id) !== name)
    throw new LeewardError("ManifestDamaged", `${name} is the manifest of another point, ${point.id}`);
  return point;
}
