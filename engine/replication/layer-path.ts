import { NO_DIGEST } from "../core/digest.ts";
import type { BarrierId } from "../core/ids.ts";
import { type Bytes, KIB, bytes } from "../core/units.ts";
import type { Layer } from "../journal/layer-document.ts";
import { NO_POINT } from "../journal/layer-header.ts";
import type { RecoveryPoint } from "../journal/manifest.ts";

/** What must be known of a point to find its way. */
export type PathEnd = Pick<RecoveryPoint, "id" | "sequence" | "position">;

/** As stored, all parts together. */
export const layerBytes = ({ parts }: Layer): Bytes => bytes(parts.reduce((sum, { size }) => sum + size, 0));

/** Begins with empty disks, so nothing lies under it: neither in its generation nor in one that this stands on. */
export const standsAlone = ({ begin }: Layer): boolean =>
  begin.id === NO_POINT && begin.position.chain === NO_DIGEST;

/** Begins with what a point of an older generation held. */
export const standsOnBase = (layer: Layer): boolean => layer.begin.id === NO_POINT && !standsAlone(layer);

/**
 * The layers, oldest first, that lead from a point (or NO_POINT) as far towards `to` as any do; of those ways one that
 * needs no older generation, then the cheapest to read. None when no layer begins there. What is missing behind the last
 * one is in segments.
 */
export function pathTo(layers: readonly Layer[], from: BarrierId, to: PathEnd): Layer[] {
  const ways = waysFrom(
    from,
    layers.filter(({ end }) => leadsTo(end, to)),
  );
  let best: Way | undefined;
  for (const way of ways.values()) if (!best || isCloser(way, best, to)) best = way;
  return best ? layersOf(best) : [];
}

interface Way {
  readonly last: Layer;
  readonly before: Way | undefined;
  readonly cost: number;
}

/** A request costs as much time as so many bytes. */
const PART_COST = 64 * KIB;

/** More than any way within a generation costs: what lies under its base comes on top. */
const BASE_COST = 2 ** 50;

const costOf = (layer: Layer): number =>
  layerBytes(layer) + layer.parts.length * PART_COST + (standsOnBase(layer) ? BASE_COST : 0);

/**
 * Whether what comes behind the end of a layer leads to the point. Proofs come in the order of their barriers; of two
 * points of an idle machine that one segment proves neither leads to the other.
 */
export const leadsTo = (end: PathEnd, to: PathEnd): boolean =>
  end.id === to.id ||
  (end.sequence <= to.sequence && end.position.next < to.position.next) ||
  (end.sequence < to.sequence && end.position.next === to.position.next);

/** The cheapest way to the end of each layer that can be reached. */
function waysFrom(from: BarrierId, layers: readonly Layer[]): ReadonlyMap<BarrierId, Way> {
  const ways = new Map<BarrierId, Way>();
  for (let better = true; better;) {
    better = false;
    for (const last of layers) {
      const before = ways.get(last.begin.id);
      if (!before && last.begin.id !== from) continue;
      const cost = (last.begin.id === from ? 0 : (before?.cost ?? 0)) + costOf(last);
      if (cost >= (ways.get(last.end.id)?.cost ?? Infinity)) continue;
      ways.set(last.end.id, { last, before: last.begin.id === from ? undefined : before, cost });
      better = true;
    }
  }
  return ways;
}

/** Of points of an idle machine that one segment proves, the one behind which least is to be read. */
function isCloser({ last: a }: Way, { last: b }: Way, to: PathEnd): boolean {
  if (a.end.id === to.id || b.end.id === to.id) return a.end.id === to.id;
  const ahead =
    a.end.sequence - b.end.sequence || a.end.position.next - b.end.position.next || a.tail.next - b.tail.next;
  return ahead > 0;
}

function layersOf(way: Way): Layer[] {
  const layers: Layer[] = [];
  for (let at: Way | undefined = way; at; at = at.before) layers.push(at.last);
  return layers.toReversed();
}
