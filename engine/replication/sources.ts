import { LeewardError } from "../core/errors.ts";
import type { BarrierId } from "../core/ids.ts";
import { NO_POINT } from "../journal/layer-header.ts";
import type { Layer } from "../journal/layer-document.ts";
import type { RecoveryPoint } from "../journal/manifest.ts";
import { type JournalPosition, startOf } from "../journal/position.ts";
import type { ObjectStore } from "../storage/store.ts";
import { readBackward } from "./journal-reader.ts";
import { pathTo } from "./layer-path.ts";
import { type ReadOptions, readParts } from "./layers.ts";
import type { Sealed } from "./sealed.ts";
import { standingLayers } from "./standing.ts";

/** From what a point is rebuilt. */
export interface Sources {
  readonly objects: ObjectStore;
  readonly point: SourcePoint;
  /** Oldest first, each beginning where the one before ends. */
  readonly layers: readonly Layer[];
  /** What comes behind the layers, newest first: the walk ends where each range begins. */
  readonly ranges: readonly { readonly from: JournalPosition; readonly to: JournalPosition }[];
}

export type SourcePoint = Pick<RecoveryPoint, "machine" | "generation" | "id" | "sequence" | "position">;

/**
 * Finds what leads to the point, with as little to read as there is: layers as far as they reach, then segments.
 * Storage calls: those of `standingLayers`.
 * @throws LayerDamaged, LayerVersionUnknown
 */
export const sourcesOf = async (objects: ObjectStore, point: SourcePoint): Promise<Sources> =>
  sourcesAmong(objects, point, await standingLayers(objects, point.machine, point.generation));

/**
 * The same among these layers.
 * @param begin a point at which one of the layers ends, when only what comes behind it is wanted
 * @throws ChainBroken when the way ends in another journal than the point's
 */
export function sourcesAmong(
  objects: ObjectStore,
  point: SourcePoint,
  all: readonly Layer[],
  begin: BarrierId = NO_POINT,
): Sources {
  const layers = pathTo(all, begin, point);
  const last = layers.at(-1) ?? all.find(({ end }) => end.id === begin);
  if (!last && begin !== NO_POINT) throw new RangeError(`no layer ends at point ${begin}`);
  return { objects, point, layers, ranges: last ? rangesBehind(last, point) : [wholeRange(point)] };
}

const wholeRange = ({ generation, sequence, position }: SourcePoint) => ({
  from: startOf(generation, sequence),
  to: position,
});

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

/**
 * Everything that the sources hold, newest first, each checked.
 * @throws what `readBackward` and `readParts` throw
 */
export async function* readSources(
  { objects, point, layers, ranges }: Sources,
  options: ReadOptions = {},
): AsyncGenerator<Sealed> {
  for (const range of ranges) yield* readBackward({ objects, machine: point.machine, ...range, ...options });
  for (const layer of layers.toReversed()) yield* readParts(objects, layer, options);
}

/** Segments and parts of layers that `readSources` gives. */
export const countOf = ({ layers, ranges }: Sources): number =>
  layers.reduce((sum, { parts }) => sum + parts.length, 0) +
  ranges.reduce((sum, { from, to }) => sum + to.next - from.next, 0);
