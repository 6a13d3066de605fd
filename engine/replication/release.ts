import type { MachineId } from "../core/ids.ts";
import { ordinal } from "../core/units.ts";
import { journalPrefix, parseSegmentName, segmentName } from "../journal/names.ts";
import type { JournalPosition } from "../journal/position.ts";
import type { ObjectStore } from "../storage/store.ts";

const BATCH = 256;

/**
 * Deletes the segments of [from, to) from the cache. Only after `to`, which `ship` returned, was persisted: a shipper
 * that starts again from an older position finds them in the target. May run twice.
 * @throws RangeError when the two are of different generations.
 */
export async function releaseCache(
  cache: ObjectStore,
  machine: MachineId,
  from: JournalPosition,
  to: JournalPosition,
): Promise<void> {
  if (from.generation !== to.generation)
    throw new RangeError(`generations ${from.generation} and ${to.generation} have no segments between them`);
  for (let first: number = from.next; first < to.next; first += BATCH) {
    const count = Math.min(BATCH, to.next - first);
    await cache.delete(
      Array.from({ length: count }, (_, i) => segmentName(machine, to.generation, ordinal(first + i))),
    );
  }
}

/**
 * Deletes what runs that died between persisting and releasing left in the cache: every segment of the generation
 * before the position. One listing of what is there.
 */
export async function sweepCache(
  cache: ObjectStore,
  machine: MachineId,
  before: JournalPosition,
): Promise<void> {
  let batch: string[] = [];
  for await (const { name } of cache.list(journalPrefix(machine, before.generation))) {
    const place = parseSegmentName(name);
    if (!place || place.ordinal >= before.next) continue;
    if (batch.push(name) < BATCH) continue;
    await cache.delete(batch);
    batch = [];
  }
  if (batch.length > 0) await cache.delete(batch);
}
