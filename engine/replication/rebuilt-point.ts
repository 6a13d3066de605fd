import { LeewardError } from "../core/errors.ts";
import type { DiskIndex } from "../core/units.ts";
import type { DataKey } from "../journal/key.ts";
import { openLayerPart } from "../journal/layer.ts";
import type { RecoveryPoint } from "../journal/manifest.ts";
import { type PointPlace, pointName } from "../journal/names.ts";
import type { JournalPosition } from "../journal/position.ts";
import type { BarrierRecord, JournalRecord, ProofRecord } from "../journal/record.ts";
import type { ObjectStore } from "../storage/store.ts";
import { journalStart, readOn } from "./journal-reader.ts";
import { listLayers, readParts } from "./layers.ts";
import { listPoints, marksOf, readPointAt } from "./points.ts";

export interface RebuildRequest {
  readonly objects: ObjectStore;
  readonly key: DataKey;
  readonly place: PointPlace;
  /** Of the disks, which the journal does not hold; those of other points stand in for what is missing. */
  readonly names?: ReadonlyMap<DiskIndex, string>;
}

/** A barrier with its proof, and where that is. */
interface Proved {
  readonly barrier: BarrierRecord;
  readonly proof: ProofRecord;
  readonly position: JournalPosition;
}

/**
 * What the journal says of a point whose manifest is damaged or gone: all of it but the losses. From the layer that ends
 * there, if there is one, or from its barrier and proof, on the chain from the last place before it that is known.
 * Undefined when neither is to be had. @throws storage errors, KeyWrong
 */
export async function rebuildPoint(s: RebuildRequest): Promise<RecoveryPoint | undefined> {
  const { machine, generation, sequence, id } = s.place;
  const others = await soundPoints(s);
  const found =
    (await unlessDamaged(() => inLayers(s))) ?? (await unlessDamaged(() => inSegments(s, others)));
  if (!found || found.barrier.sequence !== sequence) return undefined;
  const { barrier, proof, position } = found;
  const names = new Map(
    others.flatMap(({ disks }) => disks.map(({ index, name }) => [index, name] as const)),
  );
  const disks = proof.roots.map(({ disk: index, size, root }) => {
    const name = s.names?.get(index) ?? names.get(index) ?? `disk ${index}`;
    return { index, name, size, root };
  });
  const { time, consistency } = barrier;
  return { format: 2, machine, generation, id, sequence, time, consistency, position, disks, losses: null };
}

/** Of the machine, ascending. */
async function soundPoints({ objects, place }: RebuildRequest): Promise<RecoveryPoint[]> {
  const points: RecoveryPoint[] = [];
  for (const { machine, generation, sequence, id } of await listPoints(objects, place.machine)) {
    const point = await unlessDamaged(() =>
      readPointAt(objects, pointName(machine, generation, sequence, id)),
    );
    if (point) points.push(point);
  }
  return points;
}

/** Undefined when what is read is damaged, gone or of a version that is not known. */
async function unlessDamaged<Result>(read: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof LeewardError && error.code !== "KeyWrong" && error.class !== "retry")
      return undefined;
    throw error;
  }
}

async function inLayers({ objects, key, place }: RebuildRequest): Promise<Proved | undefined> {
  const layers = await listLayers(objects, place.machine, place.generation);
  for (const layer of layers.filter(({ end }) => end.id === place.id)) {
    const records: JournalRecord[] = [];
    for await (const part of readParts(objects, [layer], { only: "marks", parallel: 1 })) {
      records.push(...(await openLayerPart(part, key)));
      break;
    }
    const barrier = records.find((record) => record.kind === "barrier");
    const proof = records.find((record) => record.kind === "proof");
    if (barrier && proof) return { barrier, proof, position: layer.end.position };
  }
  return undefined;
}

/** A barrier bears the number of the last write before it, so it lies behind whatever ends at a lower number. */
async function inSegments(s: RebuildRequest, others: readonly RecoveryPoint[]): Promise<Proved | undefined> {
  const { objects, key, place } = s;
  const { machine, id } = place;
  let barrier: BarrierRecord | undefined;
  for await (const { segment, after } of readOn({ objects, machine, from: await startBefore(s, others) })) {
    if (segment.header.from > place.sequence && !barrier) return undefined;
    for (const record of await marksOf(segment, key)) {
      if (record.kind === "barrier" && record.id === id) barrier = record;
      if (record.kind === "proof" && record.barrier === id && barrier)
        return { barrier, proof: record, position: after };
    }
  }
  return undefined;
}

async function startBefore(
  { objects, place }: RebuildRequest,
  others: readonly RecoveryPoint[],
): Promise<JournalPosition> {
  const { machine, generation } = place;
  const layers = await listLayers(objects, machine, generation);
  const known = [...others.map(({ position }) => position), ...layers.map(({ tail }) => tail)];
  const before = known.filter((at) => at.generation === generation && at.sequence < place.sequence);
  const last = before.toSorted((a, b) => a.next - b.next).at(-1);
  return last ?? journalStart(objects, machine, generation);
}
