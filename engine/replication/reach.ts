import { toIso } from "../core/clock.ts";
import { LeewardError, messageOf } from "../core/errors.ts";
import type { BarrierId, MachineId } from "../core/ids.ts";
import { type Generation, type Micros, type Sequence, micros } from "../core/units.ts";
import { NO_POINT } from "../journal/layer-header.ts";
import type { Layer } from "../journal/layer-document.ts";
import type { RecoveryPoint } from "../journal/manifest.ts";
import { type PointPlace, journalPrefix, parseSegmentName, pointName } from "../journal/names.ts";
import type { JournalPosition } from "../journal/position.ts";
import type { ObjectStore } from "../storage/store.ts";
import { readDoom } from "./doom.ts";
import { readOn } from "./journal-reader.ts";
import { pathTo } from "./layer-path.ts";
import { listPoints, readPointAt } from "./points.ts";
import { readableLayers } from "./standing.ts";

/** A state at one end of a reach. */
export interface Edge {
  readonly sequence: Sequence;
  /** By the source's clock. */
  readonly time: Micros;
}

/** Any write of a generation, from `first` to `last`, can be restored to: both are states as well. */
export interface Reach {
  readonly generation: Generation;
  /** A recovery point, or the end of a layer. Before the first one of a generation its disks were being copied. */
  readonly first: Edge;
  /** The newest write that has arrived. Its time is at least that of the newest point, which knows that nothing came after. */
  readonly last: Edge;
  /** Behind the segment of `last`, or a later one that ends its change. */
  readonly end: JournalPosition;
  /** Why nothing is read beyond `last`, when it is not that nothing has arrived. */
  readonly stop: string | undefined;
}

/** What is known of a generation before its journal is read. */
export interface Ground {
  readonly objects: ObjectStore;
  readonly machine: MachineId;
  readonly generation: Generation;
  /** Ascending; at least one. */
  readonly places: readonly PointPlace[];
  readonly layers: readonly Layer[];
  readonly reach: Reach;
}

/** A recovery point or the end of a layer: from there the journal can be followed. */
export interface Landmark {
  readonly id: BarrierId;
  readonly sequence: Sequence;
  readonly position: JournalPosition;
}

/**
 * What can be restored besides recovery points, ascending by generation: nothing of a generation whose first copy is not
 * complete. Reads the journal behind the newest point of each generation.
 * Storage calls: one listing of points, and for each generation two more and one GET per layer, and of what is read.
 * @throws LayerDamaged, LayerVersionUnknown, ManifestDamaged
 */
export async function groundsOf(objects: ObjectStore, machine: MachineId): Promise<Ground[]> {
  const places = await listPoints(objects, machine);
  const grounds: Ground[] = [];
  for (const generation of new Set(places.map((place) => place.generation))) {
    const here = places.filter((place) => place.generation === generation);
    const { standing: layers } = await readableLayers(objects, machine, generation);
    const ground = { objects, machine, generation, places: here, layers };
    const reach = await reachOf(ground);
    if (reach) grounds.push({ ...ground, reach });
  }
  return grounds;
}

/** Undefined when only its points, and no write between them, can be rebuilt. */
async function reachOf(ground: Omit<Ground, "reach">): Promise<Reach | undefined> {
  const newest = ground.places.at(-1);
  const first = await firstOf(ground);
  if (!newest || !first) return undefined;
  const { time, position } = await readPointAt(ground.objects, nameOf(newest));
  const { end, stop } = await endOf(ground, position);
  const last = { sequence: end.sequence, time: micros(Math.max(time, end.time)) };
  return { generation: ground.generation, first, last, end, stop };
}

/** The oldest state behind which all segments are there. */
async function firstOf({
  objects,
  machine,
  generation,
  places,
  layers,
}: Omit<Ground, "reach">): Promise<Edge | undefined> {
  const oldest = await oldestSegment(objects, machine, generation);
  const [place] = places;
  if (oldest === undefined || !place) return undefined;
  const known = layers.find(({ tail, end }) => tail.next >= oldest && isWhole(layers, end));
  if (known && (oldest > 0 || known.end.sequence < place.sequence)) {
    const point = places.find(({ id }) => id === known.end.id);
    const time = point ? (await readPointAt(objects, nameOf(point))).time : known.end.position.time;
    return { sequence: known.end.sequence, time };
  }
  if (oldest > 0) return undefined;
  const { sequence, time } = await readPointAt(objects, nameOf(place));
  return { sequence, time };
}

/** Whether layers lead to this end from the beginning. */
const isWhole = (layers: readonly Layer[], end: Layer["end"]): boolean =>
  pathTo(layers, NO_POINT, end).at(-1)?.end.id === end.id;

/** From this one on they are there, and not given up; the next one to arrive when all were. */
async function oldestSegment(
  objects: ObjectStore,
  machine: MachineId,
  generation: Generation,
): Promise<number | undefined> {
  const { doom } = await readDoom(objects, machine, generation);
  const below = doom.segments.at(-1)?.below ?? 0;
  for await (const { name } of objects.list(journalPrefix(machine, generation))) {
    const place = parseSegmentName(name);
    if (place) return Math.max(place.ordinal, below);
  }
  return below > 0 ? below : undefined;
}

/** Damage ends the walk as a hole does: what lies before it can be used. */
async function endOf({ objects, machine }: Omit<Ground, "reach">, from: JournalPosition) {
  let end = from;
  try {
    // No state lies at the end of a segment whose change goes on.
    for await (const { segment, after } of readOn({ objects, machine, from }))
      if (!segment.header.continues) end = after;
    return { end, stop: undefined };
  } catch (error) {
    if (error instanceof LeewardError && error.class !== "retry") return { end, stop: messageOf(error) };
    throw error;
  }
}

export const nameOf = ({ machine, generation, sequence, id }: PointPlace): string =>
  pointName(machine, generation, sequence, id);

/** The last place at or before the write from which the journal leads on to it. */
export async function landmarkBefore(ground: Ground, sequence: Sequence): Promise<Landmark> {
  const layer = ground.layers.findLast(({ end }) => end.sequence <= sequence)?.end;
  const place = ground.places.findLast((point) => point.sequence <= sequence);
  if (place && place.sequence >= (layer?.sequence ?? 0)) return readPointAt(ground.objects, nameOf(place));
  if (layer) return layer;
  throw unreachable([ground], `write ${sequence}`, "before everything that is kept");
}

/** The disks are the same throughout a generation. */
export async function disksOf({ objects, places }: Ground): Promise<RecoveryPoint["disks"]> {
  const newest = places.at(-1);
  return newest ? (await readPointAt(objects, nameOf(newest))).disks : [];
}

/** Says what was wanted, why it cannot be had, and what can. */
export const unreachable = (grounds: readonly Ground[], wanted: string, why: string): LeewardError =>
  new LeewardError("MomentUnreachable", `${wanted} is ${why}; reachable: ${reachable(grounds)}`);

export const reachable = (grounds: readonly Ground[]): string =>
  grounds.length === 0
    ? "nothing but recovery points"
    : grounds.map(({ reach }) => describeReach(reach)).join("; ");

const describeReach = ({ generation, first, last }: Reach): string =>
  `writes ${first.sequence} to ${last.sequence} of generation ${generation}, ${toIso(first.time)} to ${toIso(last.time)}`;
