import { type Bytes, MIB, bytes } from "../core/units.ts";
import type { DataKey } from "../journal/key.ts";

import type { ObjectStore } from "../storage/store.ts";
import { BlockRebuild } from "./block-rebuild.ts";
import { type Blocks, type FoundBlock, type SizedDisk, countOf } from "./blocks.ts";
import type { SourcePoint } from "./lineage.ts";
import { newestWrites } from "./merge.ts";
import { lastWrites, readSources, sourcesOf } from "./sources.ts";

export interface JournalBlocksRequest {
  readonly objects: ObjectStore;
  readonly key: DataKey;
  readonly point: SourcePoint & { readonly disks: readonly SizedDisk[] };
  readonly blocks: Blocks;
  /** Bytes that blocks may hold which are whole only in part; 256 MiB when absent. */
  readonly memory?: Bytes;
  readonly signal?: AbortSignal | undefined;
}

const MEMORY = bytes(256 * MIB);
/** Objects read ahead: fewer than for a restore, since nobody waits. */
const PARALLEL = 2;

/**
 * The blocks as layers and segments give them at the point, each once, in no order. Walks back from the point and stops
 * as soon as all of them are whole; walks again for those that memory did not hold.
 * @throws SegmentMissing, ChainBroken, SegmentDamaged, LayerDamaged, LayerVersionUnknown, KeyWrong
 */
export async function* journalBlocks(s: JournalBlocksRequest): AsyncGenerator<FoundBlock> {
  for (let left = s.blocks; countOf(left) > 0;) {
    const rebuild = new BlockRebuild(s.point.disks, left, s.memory ?? MEMORY);
    yield* walk(s, rebuild);
    left = rebuild.deferred;
  }
}

async function* walk(
  { objects, key, point, signal }: JournalBlocksRequest,
  rebuild: BlockRebuild,
): AsyncGenerator<FoundBlock> {
  const { disks } = point;
  const sources = await sourcesOf(objects, point);
  const segments = readSources(sources, { parallel: PARALLEL });
  for await (const { writes } of newestWrites({ segments, key, upTo: lastWrites(sources), disks })) {
    signal?.throwIfAborted();
    for (const record of writes) yield* rebuild.take(record);
    if (rebuild.done) return;
  }
  yield* rebuild.rest();
}
