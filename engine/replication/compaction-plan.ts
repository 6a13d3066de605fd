import type { BarrierId } from "../core/ids.ts";
import { NO_POINT } from "../journal/layer-header.ts";
import type { Layer } from "../journal/layer-document.ts";
import { type PathEnd, layerBytes, pathTo, standsAlone, standsOnBase } from "./layer-path.ts";

/** The next layer to build: from the point `begin`, or the beginning of the generation, to the point `end`. */
export interface Compaction<Point extends PathEnd> {
  readonly begin: BarrierId | undefined;
  readonly end: Point;
  /** It takes in what the generation stands on: nothing lies under it. So it is, too, where there is no such thing. */
  readonly alone: boolean;
}

/** What the layers to a point may hold, as a multiple of its base: with documents and digests reading stays under 1.2. */
const MOST = 1.15;
/** Of a generation, above its base; the newest of more are merged into one, so that each write is merged again log times. */
const MOST_LAYERS = 8;
/** Above the base that stands alone, in all generations of the way. */
export const MOST_ON_THE_WAY = 2 * MOST_LAYERS;

/**
 * What to build next, if anything: a base for the oldest point; then to each point one layer from as far as layers lead
 * to it, and one over all those that lie between two points, whatever was thinned in between; one layer over the newest
 * few where they have become many; then, for the first point whose way has become too long, a new base that stands alone:
 * the way through older generations counts, and ends there. So every point is a base and a few layers, and no way reads
 * more than `MOST` times its base. To be asked again after each build until there is none.
 *
 * Nothing is built over a gap between layers that no longer has its segments: the way to a point behind it goes by a base.
 * @param points the kept ones that no longer change much, in the order of the journal
 * @param under the way to what the generation stands on, oldest first
 * @param leftBase the generation does without what it stands on for good: a base that begins with that would not be read
 * @param isBusy whether the layer is being built over several turns: what does not need it comes first. Of a way that ends
 *   there nothing behind is built, which would take as long.
 */
export function nextCompaction<Point extends PathEnd>(
  points: readonly Point[],
  layers: readonly Layer[],
  under: readonly Layer[] = [],
  isBusy: (next: Compaction<Point>) => boolean = () => false,
  leftBase = false,
): Compaction<Point> | undefined {
  let last: Point | undefined;
  for (const end of points) {
    const way = pathTo(layers, NO_POINT, end);
    const leads = endsAt(way, end);
    const next = leads
      ? better({ layers, under, last, end, way })
      : { begin: way.at(-1)?.end.id, end, alone: leftBase && way.length === 0 };
    const busy = next !== undefined && isBusy(next);
    if (next && !busy) return next;
    if (!leads) return undefined;
    last = end;
  }
  return undefined;
}

const endsAt = (way: readonly Layer[], { id }: PathEnd): boolean => way.at(-1)?.end.id === id;

interface Way<Point> {
  readonly layers: readonly Layer[];
  readonly under: readonly Layer[];
  /** The point before. */
  readonly last: Point | undefined;
  readonly end: Point;
  readonly way: readonly Layer[];
}

/** What makes a way that is there shorter. */
function better<Point extends PathEnd>(s: Way<Point>): Compaction<Point> | undefined {
  const { layers, under, last, end, way } = s;
  const whole = way.some(standsOnBase) ? [...under, ...way] : way;
  const base = { begin: undefined, end, alone: true };
  if (isHeavy(whole) && !layers.some((layer) => standsAlone(layer) && endsAt([layer], end))) return base;
  const merged = way.length > MOST_LAYERS + 1 ? way.at(-MOST_LAYERS) : undefined;
  if (merged) return { begin: merged.begin.id, end, alone: false };
  if (whole.length > MOST_ON_THE_WAY + 1) return base;
  if (!last || layers.some(({ begin, end: to }) => begin.id === NO_POINT && to.id === end.id))
    return undefined;
  const between = pathTo(layers, last.id, end);
  const isMany = endsAt(between, end) && between.length > 1;
  return isMany && !layers.some(({ begin, end: to }) => begin.id === last.id && to.id === end.id)
    ? { begin: last.id, end, alone: false }
    : undefined;
}

function isHeavy(path: readonly Layer[]): boolean {
  const sizes = path.map(layerBytes);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  return total > MOST * (sizes[0] ?? 0);
}
