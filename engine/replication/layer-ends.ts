import { MIB } from "../core/units.ts";
import type { Layer } from "../journal/layer-document.ts";
import type { PathEnd } from "./layer-path.ts";

export interface EndingPoint extends PathEnd {
  /** It is kept for long: its neighbours were thinned, or the segments behind it are to go. */
  readonly settled: boolean;
}

/** Behind the last layer a point is rebuilt from segments: at most so many, or of so much data. */
const MOST_SEGMENTS = 240;
const MOST_BYTES = 256 * MIB;

/**
 * The kept points at which layers should end, in the order given, which is the journal's: those that are settled, and of
 * the dense ones before them as many as keep the way from the last layer short. Those that have a layer stay among them.
 */
export function layerEnds<Point extends EndingPoint>(
  points: readonly Point[],
  layers: readonly Layer[],
): Point[] {
  const ended = new Set(layers.map(({ end }) => end.id));
  const ends = layers.map(({ end }) => end.position).toSorted((a, b) => a.next - b.next);
  let reach = { next: 0, bytes: 0 };
  return points.filter((point) => {
    const { position } = point;
    const last = ends.findLast(({ next }) => next <= position.next);
    if (last && last.next > reach.next) reach = last;
    const far = position.next - reach.next >= MOST_SEGMENTS || position.bytes - reach.bytes >= MOST_BYTES;
    const chosen = point.settled || ended.has(point.id) || far;
    if (chosen) reach = position;
    return chosen;
  });
}
