import type { BarrierId } from "../core/ids.ts";
import { NO_POINT } from "../journal/layer-header.ts";
import type { Layer } from "../journal/layer-document.ts";
import { type PathEnd, layerBytes, leadsTo, pathTo } from "./layer-path.ts";

/** The next layer to build: from the point `begin`, or the beginning of the generation, to the point `end`. */
export interface Compaction<Point extends PathEnd> {
  readonly begin: BarrierId | undefined;
  readonly end: Point;
}

/** What the layers to a point may hold, as a multiple of its base: with documents and digests reading stays under 1.2. */
const MOST = 1.15;
/** Layers above the base; the newest of more are merged into one, so that each write is merged again log times. */
const MOST_LAYERS = 8;

/**
 * What to build next, if anything: a base for the oldest point; then from each point to the next, in one layer whatever
 * was thinned in between; one layer over the newest few where they have become many; then a new base for the first point
 * whose way has become too long. So every point is a base and a few layers, and no way reads more than `MOST` times its
 * base. To be asked again after each build until there is none.
 * @param points the kept ones that no longer change much, in the order of the journal
 */
export function nextCompaction<Point extends PathEnd>(
  points: readonly Point[],
  layers: readonly Layer[],
): Compaction<Point> | undefined {
  const has = (begin: BarrierId, end: Point) =>
    layers.some((layer) => layer.begin.id === begin && layer.end.id === end.id);
  let last: Point | undefined;
  for (const end of points) {
    const path = pathTo(layers, NO_POINT, end);
    const arrives = path.at(-1)?.end.id === end.id;
    if (arrives && isLong(path) && !has(NO_POINT, end)) return { begin: undefined, end };
    const merged = path.length > MOST_LAYERS + 1 ? path.at(-MOST_LAYERS) : undefined;
    if (arrives && merged) return { begin: merged.begin.id, end };
    if (!last && !arrives) return { begin: undefined, end };
    const before = last && beginFor(layers, last, end);
    if (before !== undefined && !has(before, end) && !has(NO_POINT, end))
      return { begin: before === NO_POINT ? undefined : before, end };
    if (arrives) last = end;
  }
  return undefined;
}

/** The point before, or where its own layer begins when one segment proves both at one write: there no layer fits between. */
const beginFor = <Point extends PathEnd>(
  layers: readonly Layer[],
  last: Point,
  end: Point,
): BarrierId | undefined => (leadsTo(last, end) ? last.id : pathTo(layers, NO_POINT, last).at(-1)?.begin.id);

function isLong(path: readonly Layer[]): boolean {
  const sizes = path.map(layerBytes);
  return sizes.reduce((sum, size) => sum + size, 0) > MOST * (sizes[0] ?? 0);
}
