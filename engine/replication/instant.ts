import { toIso } from "../core/clock.ts";
import { mapInOrder } from "../core/in-order.ts";
import type { Micros, Sequence } from "../core/units.ts";
import type { DataKey } from "../journal/key.ts";
import { NO_POINT } from "../journal/layer-header.ts";
import type { RecoveryPoint } from "../journal/manifest.ts";
import { openSegment } from "../journal/open.ts";
import type { CheckedSegment } from "../journal/segment.ts";
import { readOn } from "./journal-reader.ts";
import { pathTo } from "./layer-path.ts";
import { readPointAt } from "./points.ts";
import { segmentsSince } from "./written.ts";
import { type Ground, type Landmark, nameOf, unreachable } from "./reach.ts";

/**
 * The last write at an instant of the source's clock: the one before the first write that is later. Writes of the very
 * instant are in, all of them.
 *
 * The clock may have been stepped. Then an instant has come twice, or never, and the answer errs to the older side: it
 * is looked for behind the layers that hold no later write, there behind the last point before the first point that is
 * later, and there before the first write that is later. So of points only those are read that come behind such layers,
 * up to the first that is later. So nothing is in the result that was made after the instant by the clock's own word, as long as the clock was
 * not stepped back over it between two points. Where that matters, a sequence number says it without a clock.
 * @param ground in whose reach the instant lies
 */
export async function momentBehind(ground: Ground, key: DataKey, at: Micros): Promise<Sequence> {
  const sure = sureEnd(ground, at);
  const { before, later } = await pointsAround(ground, at, sure?.sequence ?? -1);
  const from = startFor(ground, at, [before, sure], later?.sequence);
  // What has arrived of a change that is not there as a whole is no state, whatever its time.
  const most = Math.min(later?.sequence ?? Infinity, ground.reach.last.sequence);
  let last = from.sequence;
  for await (const segment of segmentsFrom(ground, from))
    for (const record of await openSegment(segment, key)) {
      const isWrite = record.kind === "data" || record.kind === "zero";
      if (!isWrite || record.sequence <= from.sequence) continue;
      if (record.time > at || record.sequence > most) return last;
      last = record.sequence;
    }
  return last;
}

/** How far layers lead in which no write is later: what points there are before that need not be read. */
function sureEnd({ layers }: Ground, at: Micros): Landmark | undefined {
  const farthest = layers.toSorted((a, b) => a.end.sequence - b.end.sequence).at(-1);
  const way = farthest ? pathTo(layers, NO_POINT, farthest.end) : [];
  const later = way.findIndex(({ latest }) => latest > at);
  return way.slice(0, later < 0 ? way.length : later).at(-1)?.end;
}

const PARALLEL = 8;

/** The first point behind the write that is later, and the one before it, if it too is behind. */
async function pointsAround(
  { objects, places }: Ground,
  at: Micros,
  behind: number,
): Promise<{ readonly before?: RecoveryPoint | undefined; readonly later?: RecoveryPoint }> {
  let before: RecoveryPoint | undefined;
  const wanted = places.filter((place) => place.sequence > behind);
  for await (const point of mapInOrder(wanted, PARALLEL, (place) => readPointAt(objects, nameOf(place)))) {
    if (point.time > at) return { before, later: point };
    before = point;
  }
  return { before };
}

/** The last landmark all of whose writes are surely in. */
function startFor(
  ground: Ground,
  at: Micros,
  known: readonly (Landmark | undefined)[],
  later: Sequence | undefined,
): Landmark {
  const { layers, reach } = ground;
  const most = later ?? reach.last.sequence;
  const ends = layers
    .filter(({ end }) => end.position.time <= at && end.sequence <= most)
    .map(({ end }) => end);
  const all = [...known.filter((each) => each !== undefined), ...ends];
  const last = all.toSorted((a, b) => a.sequence - b.sequence).at(-1);
  if (last) return last;
  throw unreachable([ground], `instant ${toIso(at)}`, "before everything that is kept");
}

/** The segments that hold writes behind the landmark: it may lie inside one, and before its proof. */
async function* segmentsFrom({ objects, machine }: Ground, from: Landmark): AsyncGenerator<CheckedSegment> {
  const inside: CheckedSegment[] = [];
  const moment = { machine, generation: from.position.generation, position: from.position };
  for await (const segment of segmentsSince({ objects, moment, after: from.sequence })) inside.push(segment);
  yield* inside.toReversed();
  for await (const { segment } of readOn({ objects, machine, from: from.position })) yield segment;
}
