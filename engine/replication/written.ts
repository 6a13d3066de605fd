import { ExtentSet } from "../core/extent.ts";
import { BLOCK, type Sequence } from "../core/units.ts";
import type { DataKey } from "../journal/key.ts";
import type { RecoveryPoint } from "../journal/manifest.ts";
import { startOf } from "../journal/position.ts";
import type { CheckedSegment } from "../journal/segment.ts";
import type { ObjectStore } from "../storage/store.ts";
import type { Blocks } from "./blocks.ts";
import { readBackward } from "./journal-reader.ts";
import { type Coverage, emptyCoverage, lengthOf, newestWrites } from "./merge.ts";
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
  /** The last write that is not asked for; of the same generation, not behind the moment. */
  readonly after: Sequence;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The bytes of each disk that writes behind `after` touch, up to the moment. Reads the segments between the two.
 * @throws SegmentMissing, ChainBroken, SegmentDamaged, KeyWrong; the signal's reason
 */
export async function writtenSince(s: WrittenRequest): Promise<Coverage> {
  const { key, moment, after, signal } = s;
  const written = emptyCoverage(moment.disks);
  const upTo = new Map([[moment.generation, moment.sequence]]);
  const request = { segments: segmentsSince(s), key, upTo, above: after, disks: moment.disks };
  for await (const { writes } of newestWrites(request)) {
    signal?.throwIfAborted();
    for (const record of writes)
      written.get(record.disk)?.add(record.offset, record.offset + lengthOf(record));
  }
  return written;
}

/** The segments that hold these writes, newest first. @throws as `readBackward` */
export async function* segmentsSince({
  objects,
  moment: { machine, generation, position },
  after,
}: Pick<WrittenRequest, "objects" | "after"> & {
  readonly moment: Pick<Moment, "machine" | "generation" | "position">;
}): AsyncGenerator<CheckedSegment> {
  const range = { objects, machine, from: startOf(generation, after), to: position, parallel: 2 };
  // What lies before may be gone, since a layer ends there.
  if (position.sequence <= after) return;
  for await (const segment of readBackward(range)) {
    if (segment.header.to > after) yield segment;
    if (segment.header.from <= after) return;
  }
}

/** The blocks of 64 KiB that hold these bytes. */
export const blocksWith = (written: Coverage): Blocks =>
  new Map(
    [...written].map(([disk, extents]) => [
      disk,
      ExtentSet.of(
        [...extents].map(({ start, end }) => ({
          start: Math.floor(start / BLOCK),
          end: Math.ceil(end / BLOCK),
        })),
      ),
    ]),
  );
