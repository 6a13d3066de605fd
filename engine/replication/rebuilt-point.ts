import { LeewardError } from "../core/errors.ts";
import type { BarrierId, MachineId } from "../core/ids.ts";
import type { DiskIndex, Generation } from "../core/units.ts";
import type { DataKey } from "../journal/key.ts";
import { openLayerPart } from "../journal/layer.ts";
import type { RecoveryPoint } from "../journal/manifest.ts";
import { type PointPlace, pointName } from "../journal/names.ts";
import type { JournalPosition } from "../journal/position.ts";
import type { BarrierRecord, JournalRecord, ProofRecord } from "../journal/record.ts";
import type { ObjectStore } from "../storage/store.ts";
import { journalStart, readOn } from "./journal-reader.ts";
import { listLayers, readParts } from "./layers.ts";
import type { HeldPoint } from "./lineage.ts";
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
  const disks = disksOf(proof).map(({ index, size, root }) => {
    const name = s.names?.get(index) ?? names.get(index) ?? `disk ${index}`;
    return { index, name, size, root };
  });
  const { time, consistency, spread } = barrier;
  const said = { time, consistency, ...(spread !== undefined && { spread }) };
  return { format: 2, machine, generation, id, sequence, ...said, position, disks, losses: null };
}

/** What every proof in the generation's segments closes, in their order, as far as they can be read. @throws storage errors, KeyWrong */
export async function* provedPoints(
  s: Omit<RebuildRequest, "place" | "names"> & {
    readonly machine: MachineId;
    readonly generation: Generation;
  },
): AsyncGenerator<HeldPoint> {
  const { objects, key, machine, generation } = s;
  const from = await start(objects, s);
  if (!from) return;
  const barriers = new Map<BarrierId, BarrierRecord>();
  const segments = readOn({ objects, machine, from });
  for (
    let next = await unlessDamaged(() => segments.next());
    next !== undefined && next.done !== true;
    next = await unlessDamaged(() => segments.next())
  ) {
    const { segment, after: position } = next.value;
    for (const record of await marksOf(segment, key)) {
      if (record.kind === "barrier") barriers.set(record.id, record);
      const barrier = record.kind === "proof" ? barriers.get(record.barrier) : undefined;
      if (!barrier || record.kind !== "proof") continue;
      const { id, sequence } = barrier;
      yield { machine, generation, id, sequence, position, disks: disksOf(record) };
    }
  }
}

const disksOf = ({ roots }: ProofRecord) =>
  roots.map(({ disk: index, size, root }) => ({ index, size, root }));

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

async function inSegments(s: RebuildRequest, others: readonly RecoveryPoint[]): Promise<Proved | undefined> {
  for (const from of await startsBefore(s, others)) {
    const found = await unlessDamaged(() => behind(s, from));
    if (found) return found;
  }
  return undefined;
}

async function behind(
  { objects, key, place }: RebuildRequest,
  from: JournalPosition,
): Promise<Proved | undefined> {
  const { machine, id } = place;
  let barrier: BarrierRecord | undefined;
  for await (const { segment, after } of readOn({ objects, machine, from })) {
    if (segment.header.from > place.sequence && !barrier) return undefined;
    for (const record of await marksOf(segment, key)) {
      if (record.kind === "barrier" && record.id === id) barrier = record;
      if (record.kind === "proof" && record.barrier === id && barrier)
        return { barrier, proof: record, position: after };
    }
  }
  return undefined;
}

/**
 * A barrier bears the number of the last write before it, so it lies behind whatever ends at a lower number. Between what
 * ends at the same number nothing was written: it may lie behind any of these, of which only the newest may have their segments.
 */
async function startsBefore(
  { objects, place }: RebuildRequest,
  others: readonly RecoveryPoint[],
): Promise<JournalPosition[]> {
  const { machine, generation } = place;
  const layers = await listLayers(objects, machine, generation);
  const known = [...others.map(({ position }) => position), ...layers.map(({ tail }) => tail)]
    .filter((at) => at.generation === generation && at.sequence <= place.sequence)
    .toSorted((a, b) => a.next - b.next);
  const lower = known.findLast((at) => at.sequence < place.sequence);
  const same = known.filter((at) => at.sequence === place.sequence);
  return [lower ?? (await start(objects, place)), ...same].filter((at) => at !== undefined);
}

/** Undefined when the first segment is gone. */
const start = (
  objects: ObjectStore,
  { machine, generation }: Pick<PointPlace, "machine" | "generation">,
): Promise<JournalPosition | undefined> => unlessDamaged(() => journalStart(objects, machine, generation));
