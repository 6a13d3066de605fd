import { mapInOrder } from "../core/in-order.ts";
import { type Bytes, type DiskIndex, bytes } from "../core/units.ts";
import type { DataKey } from "../journal/key.ts";
import type { RecoveryPoint } from "../journal/manifest.ts";
import type { ObjectStore } from "../storage/store.ts";
import { emptyCoverage, mergeNewest } from "./merge.ts";
import type { Run } from "./run.ts";
import type { SourcePoint } from "./lineage.ts";
import { countOf, lastWrites, readSources, sourcesOf } from "./sources.ts";

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
  const sinks = new Map<DiskIndex, Sink>();
  try {
    for (const disk of s.point.disks) {
      const sink = await s.sinkFor(disk);
      if (sink) sinks.set(disk.index, sink);
    }
    const progress = await fill(s, sinks);
    for (const sink of sinks.values()) await sink.finish();
    return progress;
  } finally {
    for (const sink of sinks.values()) await sink.close();
  }
}

const PARALLEL = 8;

async function fill(s: RestoreRequest, sinks: ReadonlyMap<DiskIndex, Sink>): Promise<RestoreProgress> {
  const { point, key } = s;
  let done = 0;
  let written = 0;
  const sources = await sourcesOf(s.objects, point);
  const all = countOf(sources);
  const progress = () => ({ done, segments: all, written: bytes(written) });
  const segments = counted(readSources(sources), () => done++);
  const runs = mergeNewest(
    { segments, key, upTo: lastWrites(sources), disks: point.disks, memory: s.memory, releases: true },
    emptyCoverage(point.disks),
  );
  for await (const run of mapInOrder(runs, s.parallel ?? PARALLEL, (r) => put(sinks, r))) {
    s.signal?.throwIfAborted();
    written += run.data ? run.length : 0;
    s.onProgress?.(progress());
  }
  return progress();
}

async function* counted<Item>(items: AsyncIterable<Item>, count: () => void): AsyncGenerator<Item> {
  for await (const item of items) {
    count();
    yield item;
  }
}

async function put(sinks: ReadonlyMap<DiskIndex, Sink>, run: Run): Promise<Run> {
  const sink = sinks.get(run.disk);
  await (run.data ? sink?.write(run.offset, run.data) : sink?.zero(run.offset, run.length));
  run.release?.();
  return run;
}
