import { type Bytes, type DiskIndex, bytes } from "../core/units.ts";
import type { DataKey } from "../journal/key.ts";
import type { RecoveryPoint } from "../journal/manifest.ts";
import type { ObjectStore } from "../storage/store.ts";
import type { SourcePoint } from "./lineage.ts";
import { emptyCoverage } from "./merge.ts";
import { type Begun, type RebuildTurn, type TurnProgress, begunRebuild, keepRebuild } from "./rebuilds.ts";
import type { Run } from "./run.ts";
import { bytesOf, countOf, sourcesOf } from "./sources.ts";
import { type WalkRequest, type Walked, walkOn } from "./walk.ts";

/** What is to be rebuilt: a recovery point, or what the disks were after any write (`moment.ts`). */
type RestorePlace = SourcePoint & { readonly disks: readonly RestoredDisk[] };
export type RestoredDisk = Omit<RecoveryPoint["disks"][number], "root">;

/** Where a restored disk goes; what is never written to it reads as zero. Calls do not overlap in range, but in time. */
export interface Sink {
  /** At most 4 MiB. The data may change as soon as the promise has settled. */
  write(offset: Bytes, data: Uint8Array): Promise<void>;
  /** The range is zero, of any length. */
  zero(offset: Bytes, length: Bytes): Promise<void>;
  /** All was written and checked: makes it durable and complete. */
  finish(): Promise<void>;
  /** Lets go of what is open; always the last call, also after a failure. */
  close(): Promise<void>;
}

export interface RestoreProgress {
  /** Segments and parts of layers read, of `segments` in all. */
  readonly done: number;
  readonly segments: number;
  /** Bytes given to the sinks. */
  readonly written: Bytes;
}

export interface RestoreRequest {
  /** The target's objects, or any copy of them. */
  readonly objects: ObjectStore;
  readonly key: DataKey;
  readonly point: RestorePlace;
  /** Called once for each disk of the point, before anything is read; undefined for a disk that is not wanted. */
  readonly sinkFor: (disk: RestoredDisk) => Promise<Sink | undefined>;
  /** Sink calls in flight; 8 when absent. */
  readonly parallel?: number;
  /** As in `MergeRequest`. */
  readonly memory?: Bytes;
  readonly onProgress?: (progress: RestoreProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Rebuilds the disks of a point, or as they were after any write, from layers and segments, newest write first, each
 * byte once, in memory bounded by `memory` and not by the disks. No sink is finished before the whole chain was checked,
 * down to a layer or segment 0.
 * @throws SegmentMissing, ChainBroken, BaseMissing, SegmentDamaged, LayerDamaged, ManifestDamaged, KeyWrong, what the sinks
 *   throw, the signal's reason
 */
export async function restorePoint(s: RestoreRequest): Promise<RestoreProgress> {
  let last: RestoreProgress = { done: 0, segments: 0, written: bytes(0) };
  await toSinks(s, async (sinks) => {
    const sources = await sourcesOf(s.objects, s.point);
    const from = { place: undefined, left: bytesOf(sources) };
    last = { ...last, segments: countOf(sources) };
    const fill = { sources, coverage: emptyCoverage(s.point.disks), from, enough: () => false };
    await walkTo(s, sinks, fill, (progress) => (last = progress));
    return true;
  });
  return last;
}

/**
 * A part of the same, in one turn of those that it takes: what was written, and what it came from, is kept in a document
 * beside the journal before the turn ends. May die anywhere: whoever comes next goes on behind the last turn that was kept,
 * and writes again what came since, the same bytes. The disks are finished by the last turn. Calls behind that do nothing.
 * @throws as `restorePoint`; ObjectChanged when another run has brought it on
 */
export async function restoreTurn(
  s: RestoreRequest,
  turn: RebuildTurn,
): Promise<TurnProgress & { readonly complete: boolean }> {
  const { objects, point } = s;
  const sources = await sourcesOf(objects, point);
  const total = bytesOf(sources);
  const begun = await begunRebuild(objects, turn, point, total);
  if (begun.complete) return { complete: true, done: total, total };
  let { walked, written }: Pick<Begun, "walked" | "written"> = begun;
  const complete = await toSinks(s, async (sinks) => {
    const fill = { sources, coverage: begun.coverage, from: walked, enough: turn.enough };
    const next = await walkTo(s, sinks, fill, (progress) => (written = begun.written + progress.written));
    walked = next ?? { place: walked.place, left: bytes(0) };
    return next === undefined;
  });
  await keepRebuild(objects, turn, point, { ...begun, walked, written, complete });
  return { complete, done: bytes(Math.max(total - walked.left, 0)), total };
}

/** @param fill says whether the disks are complete */
async function toSinks(
  { point, sinkFor }: RestoreRequest,
  fill: (sinks: ReadonlyMap<DiskIndex, Sink>) => Promise<boolean>,
): Promise<boolean> {
  const sinks = new Map<DiskIndex, Sink>();
  try {
    for (const disk of point.disks) {
      const sink = await sinkFor(disk);
      if (sink) sinks.set(disk.index, sink);
    }
    const complete = await fill(sinks);
    if (complete) for (const sink of sinks.values()) await sink.finish();
    return complete;
  } finally {
    for (const sink of sinks.values()) await sink.close();
  }
}

function walkTo(
  s: RestoreRequest,
  sinks: ReadonlyMap<DiskIndex, Sink>,
  walk: Pick<WalkRequest, "sources" | "coverage" | "from" | "enough">,
  onProgress: (progress: RestoreProgress) => void,
): Promise<Walked | undefined> {
  const { key, point, memory, parallel } = s;
  const segments = countOf(walk.sources);
  let done = 0;
  let written = 0;
  const put = async (run: Run) => {
    s.signal?.throwIfAborted();
    const sink = sinks.get(run.disk);
    await (run.data ? sink?.write(run.offset, run.data) : sink?.zero(run.offset, run.length));
    run.release?.();
    written += run.data ? run.length : 0;
    const progress = { done, segments, written: bytes(written) };
    onProgress(progress);
    s.onProgress?.(progress);
  };
  return walkOn({ ...walk, key, disks: point.disks, memory, parallel, put, meet: () => done++ });
}
