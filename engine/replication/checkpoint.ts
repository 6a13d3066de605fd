import { type Clock, systemClock } from "../core/clock.ts";
import { LeewardError } from "../core/errors.ts";
import { mapInOrder } from "../core/in-order.ts";
import { type Bytes, type DiskIndex, type Micros, SECTOR, bytes } from "../core/units.ts";
import type { DataKey } from "../journal/key.ts";
import type { RecoveryPoint } from "../journal/manifest.ts";
import { replicaName } from "../journal/names.ts";
import type { JournalPosition } from "../journal/position.ts";
import type { Fence, ObjectStore, PageStore } from "../storage/store.ts";
import { AppliedTracker } from "./applied.ts";
import type { SizedDisk } from "./blocks.ts";
import {
  type Checkpoint,
  DOCUMENT_WITHIN,
  createCheckpoint,
  readCheckpoint,
  sweepSnapshots,
} from "./checkpoints.ts";
import type { SourcePoint } from "./lineage.ts";
import { type Coverage, emptyCoverage, mergeNewest } from "./merge.ts";
import { type Reach, reserveReplica } from "./reservation.ts";
import type { Run } from "./run.ts";
import { type Sealed, isLayerPart } from "./sealed.ts";
import { type Sources, countOf, lastWrites, readSources, sourcesOf, sourcesSince } from "./sources.ts";

/** What the replica is brought to: a recovery point, or what the disks were after any write. */
export type ReplicaPlace = SourcePoint &
  Pick<RecoveryPoint, "time"> & { readonly disks: readonly SizedDisk[] };

export interface CheckpointProgress {
  /** Segments and parts of layers read, of `segments` in all. */
  readonly done: number;
  readonly segments: number;
  /** Bytes written to the replica. */
  readonly written: Bytes;
}

export interface CheckpointRequest {
  readonly target: ObjectStore;
  /** Where the replicas are; `createReplica` made one for each disk. */
  readonly pages: PageStore;
  readonly key: DataKey;
  /**
   * `applied` of the checkpoint before, as the caller persisted it, when the point stands on it: see `standsOn`. From the
   * start of the point's generation, or any other, the replica is rebuilt: what it holds besides the journal is cleared.
   */
  readonly from: JournalPosition;
  /** Not before `from`; of its generation, or of one that stands on it. */
  readonly point: ReplicaPlace;
  /** What the record of progress says of the replica, the point itself included. */
  readonly reserved?: Reach | undefined;
  /** Page calls in flight; 8 when absent. */
  readonly parallel?: number;
  /** The system's when absent. */
  readonly clock?: Clock;
  readonly onProgress?: (progress: CheckpointProgress) => void;
}

/**
 * Brings the replicas to exactly the point's barrier, snapshots every disk, then writes the document that names the
 * snapshots, which is returned; the caller then persists its `applied`. Each byte is written once, whatever the number
 * of writes; zeros clear pages.
 *
 * May die anywhere and run again, with this or a later point: every page that a dead run wrote is written again. A
 * second one at the same time takes the fences, and this one ends with FenceLost. When the point has its checkpoint
 * already, nothing happens and that is returned.
 * @throws FenceLost; StateNotAllowed when the replica may hold later writes; NotFound without a replica; what reading
 *   the journal throws
 */
export async function checkpoint(s: CheckpointRequest): Promise<Checkpoint> {
  const { target, pages, point, clock = systemClock } = s;
  const made = await readCheckpoint(target, point);
  if (made) return made;
  const fences = await takeFences(pages, point);
  await reserveReplica({ objects: target, from: s.from, point, reserved: s.reserved });
  await sweepSnapshots(target, pages, point, clock.now());
  const coverage = emptyCoverage(point.disks);
  const applied = await apply(s, fences, coverage);
  if (s.from.next === 0) await clearRest(s, fences, coverage);
  const taken = clock.now();
  const disks = await snapshotAll(pages, point, fences);
  checkYoung(point, taken, clock.now());
  const { machine, generation, id, sequence, time } = point;
  const written = await createCheckpoint(target, {
    format: 2,
    machine,
    generation,
    id,
    sequence,
    time,
    applied,
    disks,
  });
  for (const [index, fence] of fences) await pages.releaseFence(replicaName(machine, index), fence);
  return written;
}

type Fences = ReadonlyMap<DiskIndex, Fence>;

const PARALLEL = 8;

async function takeFences(pages: PageStore, point: ReplicaPlace): Promise<Fences> {
  const fences = new Map<DiskIndex, Fence>();
  for (const { index } of point.disks)
    fences.set(index, await pages.takeFence(replicaName(point.machine, index)));
  return fences;
}

/** Writes the newest value of everything in (from, point]; returns how far the replica then is. */
async function apply(s: CheckpointRequest, fences: Fences, coverage: Coverage): Promise<JournalPosition> {
  const { key, point, from } = s;
  const tracker = new AppliedTracker(point.sequence, point.position);
  const sources = await sourcesFrom(s);
  const segments = countOf(sources);
  let done = 0;
  let written = 0;
  const counted = meeting(readSources(sources), (sealed) => {
    if (!isLayerPart(sealed)) tracker.meet(sealed);
    done++;
  });
  const { disks } = point;
  const request = { segments: counted, key, upTo: lastWrites(sources), disks, releases: true };
  const runs = mergeNewest(request, coverage);
  for await (const run of mapInOrder(runs, s.parallel ?? PARALLEL, (r) => put(s, fences, r))) {
    written += run.data ? run.length : 0;
    s.onProgress?.({ done, segments, written: bytes(written) });
  }
  return tracker.result(sources.layers.at(-1)?.tail ?? from);
}

/** A rebuild may begin with layers, which then stand for segments that are gone. */
async function sourcesFrom({ target, point, from }: CheckpointRequest): Promise<Sources> {
  if (from.next === 0) return sourcesOf(target, point);
  const sources = await sourcesSince(target, point, from);
  if (sources) return sources;
  throw new RangeError(
    `point ${point.id} of ${point.machine} does not stand on segment ${from.next} of generation ${from.generation}`,
  );
}

async function* meeting(
  segments: AsyncIterable<Sealed>,
  meet: (segment: Sealed) => void,
): AsyncGenerator<Sealed> {
  for await (const segment of segments) {
    meet(segment);
    yield segment;
  }
}

async function put({ pages, point }: CheckpointRequest, fences: Fences, run: Run): Promise<Run> {
  const name = replicaName(point.machine, run.disk);
  const fence = fenceOf(fences, run.disk);
  if (run.offset % SECTOR !== 0 || run.length % SECTOR !== 0)
    throw new LeewardError(
      "SegmentDamaged",
      `writes of disk ${run.disk} of ${point.machine} cover [${run.offset}, ${run.offset + run.length}), not whole sectors`,
    );
  await (run.data
    ? pages.write(name, fence, run.offset, run.data)
    : pages.clear(name, fence, run.offset, run.length));
  run.release?.();
  return run;
}

/** What the generation never wrote is zero, whatever an earlier one left; the footer stays. */
async function clearRest(s: CheckpointRequest, fences: Fences, coverage: Coverage): Promise<void> {
  const { pages, point } = s;
  for (const { index, size } of point.disks) {
    const name = replicaName(point.machine, index);
    for (const { offset, length } of await pages.ranges(name))
      for (const { start, end } of coverage
        .get(index)
        ?.gaps(Math.min(offset, size), Math.min(offset + length, size)) ?? [])
        await pages.clear(name, fenceOf(fences, index), bytes(start), bytes(end - start));
  }
}

const snapshotAll = (pages: PageStore, point: ReplicaPlace, fences: Fences): Promise<Checkpoint["disks"]> =>
  Promise.all(
    point.disks.map(async ({ index, size }) => ({
      index,
      size,
      snapshot: await pages.snapshot(replicaName(point.machine, index), fenceOf(fences, index)),
    })),
  );

/** Of a run that was held up, the snapshots may be swept by now. */
function checkYoung({ machine, id }: ReplicaPlace, taken: Micros, now: Micros): void {
  if (now - taken <= DOCUMENT_WITHIN * 1000) return;
  throw new LeewardError(
    "StorageUnavailable",
    `the snapshots of point ${id} of ${machine} took ${Math.round((now - taken) / 1e6)} s, too long to be relied on`,
  );
}

function fenceOf(fences: Fences, disk: DiskIndex): Fence {
  const fence = fences.get(disk);
  if (!fence) throw new RangeError(`no fence of disk ${disk}`);
  return fence;
}
