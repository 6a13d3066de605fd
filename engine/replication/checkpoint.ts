import { type Clock, systemClock } from "../core/clock.ts";
import { sha256 } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";
import { type Bytes, type Micros, SECTOR, bytes } from "../core/units.ts";
import type { DataKey } from "../journal/key.ts";
import type { RecoveryPoint } from "../journal/manifest.ts";
import { replicaName, replicaRebuildName } from "../journal/names.ts";
import type { JournalPosition } from "../journal/position.ts";
import type { ObjectStore, PageStore } from "../storage/store.ts";
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
import type { Coverage } from "./merge.ts";
import { type RebuildTurn, type TurnProgress, begunRebuild, endRebuild, keepRebuild } from "./rebuilds.ts";
import { ReplicaFences } from "./replica-fences.ts";
import { type Reach, reserveReplica } from "./reservation.ts";
import type { Run } from "./run.ts";
import { type Sealed, isLayerPart } from "./sealed.ts";
import { type Sources, bytesOf, sourcesOf, sourcesSince } from "./sources.ts";
import { startsAnew, walkOn } from "./walk.ts";

/** What the replica is brought to: a recovery point, or what the disks were after any write. */
export type ReplicaPlace = SourcePoint &
  Pick<RecoveryPoint, "time"> & { readonly disks: readonly SizedDisk[] };

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
}

export type Checkpointed =
  /** With the guest bytes written to the replica for it, by all turns. */
  | { readonly made: Checkpoint; readonly written: Bytes }
  | { readonly made?: undefined; readonly progress: TurnProgress };

/**
 * Brings the replicas to exactly the point's barrier, snapshots every disk, then writes the document that names the
 * snapshots, which is returned; the caller then persists its `applied`. Each byte is written once, whatever the number
 * of writes; zeros clear pages.
 *
 * May die anywhere and run again, with this or a later point: every page that a dead run wrote is written again. Of two at
 * the same time the one that reserved the replica last goes on, and the other ends with FenceLost. When the point has its checkpoint
 * already, nothing happens and that is returned.
 * @throws FenceLost; StateNotAllowed when the replica may hold later writes; NotFound without a replica; what reading
 *   the journal throws
 */
export async function checkpoint(s: CheckpointRequest): Promise<Checkpoint> {
  const { next, chain, generation } = s.from;
  const bound = sha256(Buffer.from(JSON.stringify([generation, next, chain])));
  const turn = { name: replicaRebuildName(s.point.machine), bound, enough: () => false };
  const { made } = await checkpointTurn(s, turn);
  if (made) return made;
  throw new RangeError(`there was no end to the checkpoint of point ${s.point.id}`);
}

/**
 * The same in turns: what of the replica was written, and what it came from, is kept in a document before the turn ends. The
 * replica is between two points meanwhile, as it is when a run dies: `replica.json` says up to where, and nobody may bring
 * it to an older one. A kill costs the turn. One to a later point rewrites everything, and this one ends with StateNotAllowed.
 * @throws as `checkpoint`; ObjectChanged when another run has brought it on
 */
export async function checkpointTurn(s: CheckpointRequest, turn: RebuildTurn): Promise<Checkpointed> {
  const { target, pages, point, clock = systemClock } = s;
  const there = await readCheckpoint(target, point);
  if (there) {
    await endRebuild(target, turn.name, point);
    return { made: there, written: bytes(0) };
  }
  const fences = await ReplicaFences.take(pages, point);
  fences.reserved(await reserveReplica({ objects: target, from: s.from, point, reserved: s.reserved }));
  await sweepSnapshots(target, pages, point, clock.now());
  const applied = await apply(s, turn, fences);
  if (!applied.position) {
    await fences.release();
    return { progress: applied.progress };
  }
  if (s.from.next === 0) await clearRest(s, fences, applied.coverage);
  const taken = clock.now();
  const disks = await snapshotAll(pages, point, fences);
  checkYoung(point, taken, clock.now());
  const { machine, generation, id, sequence, time } = point;
  const made = await createCheckpoint(target, {
    format: 2,
    machine,
    generation,
    id,
    sequence,
    time,
    applied: applied.position,
    disks,
  });
  await fences.release();
  if (applied.kept) await endRebuild(target, turn.name, point);
  return { made, written: applied.written };
}

type Applied = { readonly written: Bytes; readonly coverage: Coverage } & (
  | {
      /** How far the replica is: everything was written. */
      readonly position: JournalPosition;
      /** Earlier turns have left a document. */
      readonly kept: boolean;
    }
  | { readonly position?: undefined; readonly progress: TurnProgress }
);

/** Writes the newest value of everything in (from, point], as far as it is enough. */
async function apply(s: CheckpointRequest, turn: RebuildTurn, fences: ReplicaFences): Promise<Applied> {
  const { target, key, point, from, parallel } = s;
  const sources = await sourcesFrom(s);
  const total = bytesOf(sources);
  const begun = await begunRebuild(target, turn, point, total);
  const { coverage } = begun;
  const known = startsAnew(sources, point, begun.walked) ? undefined : begun.applied;
  const tracker = new AppliedTracker(point.sequence, point.position, known);
  let { written } = begun;
  const put = async (run: Run) => {
    await write(s, fences, run);
    written += run.data ? run.length : 0;
  };
  const meet = (sealed: Sealed) => {
    if (!isLayerPart(sealed)) tracker.meet(sealed);
  };
  const { disks } = point;
  const request = { sources, key, disks, coverage, from: begun.walked, put, meet, parallel };
  const walked = await walkOn({ ...request, enough: turn.enough });
  const done = { written: bytes(written), coverage };
  if (!walked) {
    const position = tracker.result(sources.layers.at(-1)?.tail ?? from);
    return { ...done, position, kept: begun.etag !== undefined };
  }
  await keepRebuild(target, turn, point, { ...begun, walked, written, applied: tracker.state });
  return { ...done, progress: { done: bytes(Math.max(total - walked.left, 0)), total } };
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

async function write({ pages, point }: CheckpointRequest, fences: ReplicaFences, run: Run): Promise<void> {
  if (run.offset % SECTOR !== 0 || run.length % SECTOR !== 0)
    throw new LeewardError(
      "SegmentDamaged",
      `writes of disk ${run.disk} of ${point.machine} cover [${run.offset}, ${run.offset + run.length}), not whole sectors`,
    );
  await fences.use(run.disk, (name, fence) =>
    run.data
      ? pages.write(name, fence, run.offset, run.data)
      : pages.clear(name, fence, run.offset, run.length),
  );
  run.release?.();
}

/** What the generation never wrote is zero, whatever an earlier one left; the footer stays. */
async function clearRest(s: CheckpointRequest, fences: ReplicaFences, coverage: Coverage): Promise<void> {
  const { pages, point } = s;
  for (const { index, size } of point.disks) {
    const name = replicaName(point.machine, index);
    for (const { offset, length } of await pages.ranges(name))
      for (const { start, end } of coverage
        .get(index)
        ?.gaps(Math.min(offset, size), Math.min(offset + length, size)) ?? [])
        await fences.use(index, (_, fence) => pages.clear(name, fence, bytes(start), bytes(end - start)));
  }
}

const snapshotAll = (
  pages: PageStore,
  point: ReplicaPlace,
  fences: ReplicaFences,
): Promise<Checkpoint["disks"]> =>
  Promise.all(
    point.disks.map(async ({ index, size }) => ({
      index,
      size,
      snapshot: await fences.use(index, (name, fence) => pages.snapshot(name, fence)),
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
