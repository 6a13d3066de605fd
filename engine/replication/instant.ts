import { toIso } from "../core/clock.ts";
import { mapInOrder } from "../core/in-order.ts";
import type { Micros, Sequence } from "../core/units.ts";
import type { DataKey } from "../journal/key.ts";
import type { RecoveryPoint } from "../journal/manifest.ts";
import { openSegment } from "../journal/open.ts";
import { startOf } from "../journal/position.ts";
import type { CheckedSegment } from "../journal/segment.ts";
import { readBackward, readOn } from "./journal-reader.ts";
import { readPointAt } from "./points.ts";
import { type Ground, type Landmark, nameOf, unreachable } from "./reach.ts";

/**
 * The last write at an instant of the source's clock: the one before the first write that is later. Writes of the very
 * instant are in, all of them.
 *
 * The clock may have been stepped. Then an instant has come twice, or never, and the answer errs to the older side: it
 * is looked for behind the last point before the first point that is later, and there before the first write that is
 * later. So nothing is in the result that was made after the instant by the clock's own word, as long as the clock was
 * not stepped back over it between two points. Where that matters, a sequence number says it without a clock.
 * @param ground in whose reach the instant lies
 */
export async function momentBehind(ground: Ground, key: DataKey, at: Micros): Promise<Sequence> {
  const points = await pointsOf(ground);
  const later = points.find(({ time }) => time > at);
  const from = startFor(ground, points, later, at);
  let last = from.sequence;
  for await (const segment of segmentsFrom(ground, from))
    for (const record of await openSegment(segment, key)) {
      const isWrite = record.kind === "data" || record.kind === "zero";
      if (!isWrite || record.sequence <= from.sequence) continue;
      if (record.time > at || (later && record.sequence > later.sequence)) return last;
      last = record.sequence;
    }
  return last;
}

const PARALLEL = 8;

async function pointsOf({ objects, places }: Ground): Promise<RecoveryPoint[]> {
  const points: RecoveryPoint[] = [];
  for await (const point of mapInOrder(places, PARALLEL, (place) => readPointAt(objects, nameOf(place))))
    points.push(point);
  return points;
}

/** The last landmark all of whose writes are surely in. */
function startFor(
  ground: Ground,
  points: readonly RecoveryPoint[],
  later: RecoveryPoint | undefined,
  at: Micros,
): Landmark {
  const { layers, reach } = ground;
  const most = later ? later.sequence : reach.last.sequence;
  const before = later ? points.slice(0, points.indexOf(later)) : points;
  const ends = layers
    .filter(({ end }) => end.position.time <= at && end.sequence <= most)
    .map(({ end }) => end);
  const all: Landmark[] = [...before, ...ends].toSorted((a, b) => a.sequence - b.sequence);
  const last = all.at(-1);
  if (last) return last;
  throw unreachable([ground], `instant ${toIso(at)}`, "before everything that is kept");
}

/** The segments that hold writes behind the landmark: it may lie inside one, and before its proof. */
async function* segmentsFrom({ objects, machine }: Ground, from: Landmark): AsyncGenerator<CheckedSegment> {
  const inside: CheckedSegment[] = [];
  const start = startOf(from.position.generation, from.sequence);
  for await (const segment of readBackward({
    objects,
    machine,
    from: start,
    to: from.position,
    parallel: 1,
  })) {
    if (segment.header.to <= from.sequence) break;
    inside.push(segment);
  }
  yield* inside.toReversed();
  for await (const { segment } of readOn({ objects, machine, from: from.position })) yield segment;
}
