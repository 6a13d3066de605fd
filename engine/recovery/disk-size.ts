import { type Bytes, type Generation, generation } from "../core/units.ts";
import { type ItemRecord, type SourceDisk, everyDisk, sourceOf } from "./item.ts";
import { endedFor } from "./resync.ts";
import type { ResyncReason } from "./resync-request.ts";

/** A disk as somebody found it at the source. */
export interface FoundSize {
  readonly index: number;
  readonly size: Bytes;
}

/** How large the disk is in this generation: a disk grows between two, and its points stay as large as they were. */
const sizeIn = ({ size, former = [] }: SourceDisk, of: Generation): Bytes =>
  former.find(({ before }) => of < before)?.size ?? size;

/** The machine's disks as they are in this generation: those that are in it, in index order. */
export const disksIn = (item: ItemRecord, of: Generation): SourceDisk[] =>
  everyDisk(item)
    .filter(({ since, until }) => (since ?? 1) <= of && of < (until ?? Infinity))
    .map((one) => {
      const { until: _, ...disk } = one;
      return { ...disk, size: sizeIn(disk, of) };
    });

/** Whether a disk is of another size in the later generation than in the earlier one; in the first, when that is undefined. */
export function grewBetween(item: ItemRecord, earlier: Generation | undefined, later: Generation): boolean {
  const before = new Map(disksIn(item, earlier ?? generation(1)).map(({ index, size }) => [index, size]));
  return disksIn(item, later).some(({ index, size }) => size !== (before.get(index) ?? size));
}

/** The disks that are larger than what is known of them. */
export const grownAmong = <Found extends FoundSize>(item: ItemRecord, found: readonly Found[]): Found[] =>
  found.filter(({ index, size }) => size > (knownSize(item, index) ?? Infinity));

const knownSize = (item: ItemRecord, index: number): Bytes | undefined =>
  item.source?.disks.find((disk) => disk.index === index)?.size;

/**
 * The item whose disks were found larger: its generation has ended, and the next one has them as they are now. What is found
 * smaller, or as it is known, changes nothing.
 */
export function withGrown(
  old: ItemRecord,
  found: readonly FoundSize[],
  requestedAt: NonNullable<ItemRecord["resync"]>["requestedAt"],
): ItemRecord {
  const grown = new Map(grownAmong(old, found).map(({ index, size }) => [index, size]));
  if (grown.size === 0) return old;
  const source = sourceOf(old);
  const before = generation(old.generation + 1);
  const reason: ResyncReason = "resize";
  const disks = source.disks.map((disk) => grownDisk(disk, grown.get(disk.index), before));
  return { ...endedFor(old, { reason, requestedAt }), source: { ...source, disks } };
}

function grownDisk(disk: SourceDisk, size: Bytes | undefined, before: Generation): SourceDisk {
  if (size === undefined) return disk;
  return { ...disk, size, former: [...(disk.former ?? []), { size: disk.size, before }] };
}
