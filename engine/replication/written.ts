import { BLOCK } from "../core/units.ts";
import type { DataKey } from "../journal/key.ts";
import type { RecoveryPoint } from "../journal/manifest.ts";
import { startOf } from "../journal/position.ts";
import type { CheckedSegment } from "../journal/segment.ts";
import type { ObjectStore } from "../storage/store.ts";
import { type Blocks, noBlocks } from "./blocks.ts";
import { readBackward } from "./journal-reader.ts";
import { lengthOf, newestWrites } from "./merge.ts";
import type { Moment } from "./moment.ts";
import { listPoints, readPointAt } from "./points.ts";
import { nameOf } from "./reach.ts";

/** The last recovery point of the moment's generation that is not behind it. @throws ManifestDamaged */
export async function pointBefore(
  objects: ObjectStore,
  { machine, generation, sequence }: Pick<Moment, "machine" | "generation" | "sequence">,
): Promise<RecoveryPoint | undefined> {
  const places = await listPoints(objects, machine);
  const place = places.findLast((each) => each.generation === generation && each.sequence <= sequence);
  return place && readPointAt(objects, nameOf(place));
}

export interface WrittenRequest {
  readonly objects: ObjectStore;
  readonly key: DataKey;
  readonly moment: Pick<Moment, "machine" | "generation" | "sequence" | "position" | "disks">;
  /** Of the same generation, not behind the moment. */
  readonly point: RecoveryPoint;
  readonly signal?: AbortSignal;
}

/**
 * The blocks that writes behind the point touch, up to the moment. Reads the segments between the two.
 * @throws SegmentMissing, ChainBroken, SegmentDamaged, KeyWrong; the signal's reason
 */
export async function writtenSince({ objects, key, moment, point, signal }: WrittenRequest): Promise<Blocks> {
  const blocks = noBlocks(moment.disks);
  const segments = segmentsBetween(objects, moment, point);
  const range = { upTo: new Map([[moment.generation, moment.sequence]]), above: point.sequence };
  for await (const { writes } of newestWrites({ segments, key, ...range, disks: moment.disks })) {
    signal?.throwIfAborted();
    for (const record of writes)
      blocks
        .get(record.disk)
        ?.add(Math.floor(record.offset / BLOCK), Math.ceil((record.offset + lengthOf(record)) / BLOCK));
  }
  return blocks;
}

async function* segmentsBetween(
  objects: ObjectStore,
  { machine, generation, position }: WrittenRequest["moment"],
  { sequence }: RecoveryPoint,
): AsyncGenerator<CheckedSegment> {
  const range = { objects, machine, from: startOf(generation, sequence), to: position, parallel: 2 };
  for await (const segment of readBackward(range)) {
    if (segment.header.to <= sequence) return;
    yield segment;
  }
}
