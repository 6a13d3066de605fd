import { LeewardError } from "../core/errors.ts";
import { type ArmId, sameArmId } from "../core/ids.ts";
import { type DiskIndex, MOST_DISKS, diskIndex, generation } from "../core/units.ts";
import { disksIn } from "./disk-size.ts";
import {
  type ItemRecord,
  type SourceDisk,
  type SourceMachine,
  everyDisk,
  lastSegment,
  sourceOf,
} from "./item.ts";
import type { ResyncReason } from "./resync-request.ts";
import { endedFor } from "./resync.ts";

/*
 * A generation is of one set of disks. Another set begins another generation, which stands on a point of the set before: disks
 * that are in both go on from there, and a new one is copied as from empty. Points keep the disks that they have.
 */

/** The disks that a failover, or a test, builds: those that its point has. Before it has one, those of today. */
export function copyDisks(item: ItemRecord, { test }: { readonly test?: boolean | undefined }): SourceDisk[] {
  const of = test ? item.test?.chosen?.generation : item.failover?.generation;
  return of === undefined ? sourceOf(item).disks : disksIn(item, of);
}

/** The lowest index that no disk of the machine ever had. @throws StateNotAllowed when there is none left */
export function nextIndex(item: ItemRecord): DiskIndex {
  const next = Math.max(...everyDisk(item).map(({ index }) => index)) + 1;
  if (next < MOST_DISKS) return diskIndex(next);
  throw new LeewardError(
    "StateNotAllowed",
    `${lastSegment(item.id)} has had ${MOST_DISKS} disks: remove its protection, with keepPoints where the points are to stay, and enable it again`,
  );
}

/** What ends the generation with the set of disks that it was of. */
type Asked = Omit<NonNullable<ItemRecord["resync"]>, "reason">;

/** The item with further disks: the next generation has them. @param added with indexes from `nextIndex` on, of no disk of its own */
export function withAdded(old: ItemRecord, added: readonly SourceDisk[], asked: Asked): ItemRecord {
  const since = generation(old.generation + 1);
  const { disks, ...source } = sourceOf(old);
  const all = [...disks, ...added.map((disk) => ({ ...disk, since }))];
  return withSet(old, { ...source, disks: all.toSorted((a, b) => a.index - b.index) }, asked);
}

/**
 * The item without these disks: the next generation does without them, and points that have them keep them.
 * @throws InvalidRequest for the OS disk, and for one that it does not have
 */
export function withRemoved(old: ItemRecord, ids: readonly ArmId[], asked: Asked): ItemRecord {
  const until = generation(old.generation + 1);
  const { disks, removed = [], ...source } = sourceOf(old);
  const isGone = ({ id }: SourceDisk) => ids.some((one) => sameArmId(one, id));
  const unknown = ids.find((one) => !disks.some(({ id }) => sameArmId(one, id)));
  if (unknown) throw new LeewardError("InvalidRequest", `${lastSegment(unknown)} is none of its disks`);
  const boot = disks.find((disk) => disk.osType !== undefined && isGone(disk));
  if (boot)
    throw new LeewardError(
      "InvalidRequest",
      `${boot.name} is the disk that the machine boots from: without it nothing can be built`,
    );
  const gone = disks.filter(isGone).map((disk) => ({ ...disk, until }));
  const rest = disks.filter((disk) => !isGone(disk));
  return withSet(old, { ...source, disks: rest, removed: [...removed, ...gone] }, asked);
}

function withSet(old: ItemRecord, source: SourceMachine, asked: Asked): ItemRecord {
  const reason: ResyncReason = "disks";
  return { ...endedFor(old, { reason, ...asked }), source };
}
