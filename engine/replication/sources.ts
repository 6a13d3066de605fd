import { NO_DIGEST } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";
import type { BarrierId } from "../core/ids.ts";
import { type Bytes, type Generation, type Sequence, bytes } from "../core/units.ts";
import { NO_POINT } from "../journal/layer-header.ts";
import type { Layer } from "../journal/layer-document.ts";
import type { JournalPosition } from "../journal/position.ts";
import type { ObjectStore } from "../storage/store.ts";
import { readBackward } from "./journal-reader.ts";
import { layerBytes, pathTo, standsAlone } from "./layer-path.ts";
import { type ReadOptions, readParts } from "./layers.ts";
import { type LinkedStretch, type SourcePoint, type Stretch, lineageOf, stretchTo } from "./lineage.ts";
import type { Sealed } from "./sealed.ts";
import { layersTo, readableLayers } from "./standing.ts";

/** From what a point is rebuilt. */
export interface Sources {
  readonly objects: ObjectStore;
  readonly point: SourcePoint;
  /** Oldest first, each beginning where the one before ends. */
  readonly layers: readonly Layer[];
  /** So many parts of the newest of them, from the first on, are to be read; all when absent. */
  readonly left?: number;
  /** What comes behind the layers, newest first: the walk ends where each range begins. */
  readonly ranges: readonly { readonly from: JournalPosition; readonly to: JournalPosition }[];
  /** What leads to the base that the point's generation stands on; undefined where the way begins with empty disks. */
  readonly below?: Sources | undefined;
}

/**
 * Finds what leads to the point, through the generations that it stands on, with as little to read as there is: layers as
 * far as they reach, then segments; no generation below one with a layer that stands alone. Storage calls for each
 * generation: one GET of its base document, and those of `readableLayers`.
 * @throws LayerDamaged, LayerVersionUnknown, ManifestDamaged, ManifestVersionUnknown, ChainBroken, BaseMissing
 */
export async function sourcesOf(objects: ObjectStore, point: SourcePoint): Promise<Sources> {
  const ways: Sources[] = [];
  for (let end: SourcePoint | undefined = point; end;) {
    const { stretch, base }: LinkedStretch = await stretchTo(objects, end);
    const way: Sources = await sourcesIn(objects, stretch, undefined);
    ways.push(way);
    end = way.layers.some(standsAlone) ? undefined : base;
  }
  return linked(ways);
}

/** @param ways newest first, at least one */
function linked([newest, ...older]: readonly Sources[]): Sources {
  if (!newest) throw new RangeError("no way leads to the point");
  return older.length === 0 ? newest : { ...newest, below: linked(older) };
}

/**
 * The same without what a replica holds that was brought to this position, in segments only as long as its generation
 * lasts; undefined when the point does not stand on it.
 */
export async function sourcesSince(
  objects: ObjectStore,
  point: SourcePoint,
  from: JournalPosition,
): Promise<Sources | undefined> {
  let found: Sources | undefined;
  for (const stretch of await lineageOf(objects, point)) {
    const { point: end } = stretch;
    if (found) found = await sourcesIn(objects, stretch, found);
    else if (leadsOn(from, end)) found = { objects, point: end, layers: [], ranges: rangesFrom(from, end) };
  }
  return found;
}

/**
 * Whether what was brought to the position, in the generation of the point, needs only what comes behind to be that point.
 * The proof of an idle machine's later point may lie farther on: nothing was written between the two.
 */
export const leadsOn = (from: JournalPosition, { generation, position, sequence }: SourcePoint): boolean =>
  from.generation === generation && (from.next <= position.next || from.sequence <= sequence);

const rangesFrom = (from: JournalPosition, { position: to }: SourcePoint): Sources["ranges"] =>
  from.next <= to.next ? [{ from, to }] : [];

const sourcesIn = async (
  objects: ObjectStore,
  stretch: Stretch,
  below: Sources | undefined,
): Promise<Sources> => {
  const { machine, generation } = stretch.point;
  const layers = layersTo(await readableLayers(objects, machine, generation), stretch.point);
  return { ...sourcesAmong(objects, stretch, layers), below };
};

/**
 * What leads to the end of a stretch, among these layers and within its generation.
 * @param begin a point at which one of the layers ends, when only what comes behind it is wanted
 * @throws ChainBroken when the way ends in another journal than the point's, or begins on another base; BaseMissing
 */
export function sourcesAmong(
  objects: ObjectStore,
  { from, point }: Stretch,
  all: readonly Layer[],
  begin: BarrierId = NO_POINT,
): Sources {
  const layers = pathTo(all, begin, point);
  const [first] = layers;
  if (first && begin === NO_POINT) checkBase(first, from);
  const last = layers.at(-1) ?? all.find(({ end }) => end.id === begin);
  if (!last && begin !== NO_POINT) throw new RangeError(`no layer ends at point ${begin}`);
  const ranges = last ? rangesBehind(last, point) : [{ from, to: point.position }];
  return { objects, point, layers, ranges };
}

/** A layer that stands for segment 0 knows what that one named, but for one that took in the base itself. */
function checkBase(first: Layer, from: JournalPosition): void {
  const { machine, generation, begin } = first;
  const { chain } = begin.position;
  if (chain === from.chain || standsAlone(first)) return;
  throw new LeewardError(
    from.chain === NO_DIGEST ? "BaseMissing" : "ChainBroken",
    `a layer of ${machine}, generation ${generation}, stands on base ${chain}, not ${from.chain}`,
  );
}

/**
 * Up to the end's proof, then up to its barrier. The first walk ends at the chain that the layer names, which binds both
 * to one journal; the second meets writes and marks that came between barrier and proof.
 */
function rangesBehind({ end, tail }: Layer, point: SourcePoint): Sources["ranges"] {
  if (end.id !== point.id)
    return [
      { from: end.position, to: point.position },
      { from: tail, to: end.position },
    ];
  if (end.position.chain === point.position.chain) return [];
  throw new LeewardError(
    "ChainBroken",
    `a layer of ${point.machine} ends at point ${point.id} with chain ${end.position.chain}, not ${point.position.chain}`,
  );
}

/** These, and then those below them: one generation after the other, newest first. */
export function* generationsOf(sources: Sources): Generator<Sources> {
  for (let each: Sources | undefined = sources; each; each = each.below) yield each;
}

/**
 * Everything that the sources hold, newest first, each checked; so the last writes of an older generation may be among
 * them that are no part of its base: see `lastWrites`.
 * @throws what `readBackward` and `readParts` throw
 */
export async function* readSources(sources: Sources, options: ReadOptions = {}): AsyncGenerator<Sealed> {
  for (const each of generationsOf(sources)) yield* readGeneration(each, options);
}

/** The same of the newest generation alone. */
export async function* readGeneration(
  { objects, point, layers, left, ranges }: Sources,
  options: ReadOptions = {},
): AsyncGenerator<Sealed> {
  for (const range of ranges) yield* readBackward({ objects, machine: point.machine, ...range, ...options });
  yield* readParts(objects, layers.toReversed(), { ...options, left });
}

/** For each generation the last write that counts: what came behind a base is no part of what stands on it. */
export const lastWrites = (sources: Sources): ReadonlyMap<Generation, Sequence> =>
  new Map([...generationsOf(sources)].map(({ point }) => [point.generation, point.sequence]));

/** Segments and parts of layers that `readSources` gives. */
export const countOf = (sources: Sources): number =>
  [...generationsOf(sources)].reduce(
    (sum, { layers, ranges }) => sum + partsIn(layers) + segmentsIn(ranges),
    0,
  );

/** The same of what holds marks, as far as that is known before it is read. */
export const marksIn = (sources: Sources): number =>
  [...generationsOf(sources)].reduce(
    (sum, { layers, ranges }) =>
      sum + layers.flatMap(({ parts }) => parts.filter(({ marks }) => marks)).length + segmentsIn(ranges),
    0,
  );

/** Bytes to be read: of segments as the guest wrote them, of layers as they are stored. */
export const bytesOf = (sources: Sources): Bytes =>
  bytes([...generationsOf(sources)].reduce((sum, part) => sum + bytesIn(part), 0));

const bytesIn = ({ ranges, layers }: Sources): number =>
  ranges.reduce((sum, { from, to }) => sum + to.bytes - from.bytes, 0) +
  layers.reduce((sum, layer) => sum + layerBytes(layer), 0);

const partsIn = (layers: Sources["layers"]): number =>
  layers.reduce((sum, { parts }) => sum + parts.length, 0);

const segmentsIn = (ranges: Sources["ranges"]): number =>
  ranges.reduce((sum, { from, to }) => sum + to.next - from.next, 0);
