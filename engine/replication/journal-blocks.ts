import { type Bytes, MIB, bytes } from "../core/units.ts";
import type { DataKey } from "../journal/key.ts";
import type { WalkPlace } from "../journal/rebuild-document.ts";
import type { ObjectStore } from "../storage/store.ts";
import { BlockRebuild, type Piece } from "./block-rebuild.ts";
import { type Blocks, type FoundBlock, type SizedDisk, countOf, noBlocks } from "./blocks.ts";
import type { SourcePoint } from "./lineage.ts";
import { newestWrites } from "./merge.ts";
import { lastWrites, sourcesOf } from "./sources.ts";
import { stretchFrom } from "./walk.ts";

export interface JournalBlocksRequest {
  readonly objects: ObjectStore;
  readonly key: DataKey;
  readonly point: SourcePoint & { readonly disks: readonly SizedDisk[] };
  readonly blocks: Blocks;
  /** Bytes that blocks may hold which are whole only in part; 256 MiB when absent. */
  readonly memory?: Bytes;
  readonly signal?: AbortSignal | undefined;
}

/** What is still to be given, and what is known of it. */
export interface BlocksLeft {
  /** Behind it nothing was taken yet; undefined at the beginning of a walk. */
  readonly place: WalkPlace | undefined;
  /** Of this walk, and of the one behind it. */
  readonly wanted: Blocks;
  readonly deferred: Blocks;
  /** Of blocks that are whole only in part. */
  readonly pieces: readonly Piece[];
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
  const { disks } = s.point;
  const all = { place: undefined, wanted: s.blocks, deferred: noBlocks(disks), pieces: [] };
  yield* new JournalBlocks(s, all).some(() => false);
}

/** The same, as far as it is enough, and from there on another time. */
export class JournalBlocks {
  readonly #s: Omit<JournalBlocksRequest, "blocks">;
  #place: WalkPlace | undefined;
  #rebuild: BlockRebuild;

  /** @throws RangeError when the pieces make a block whole */
  constructor(s: Omit<JournalBlocksRequest, "blocks">, { place, wanted, deferred, pieces }: BlocksLeft) {
    this.#s = s;
    this.#place = place;
    this.#rebuild = this.#rebuildOf(wanted, deferred);
    for (const piece of pieces)
      for (const { block } of this.#rebuild.take(piece)) throw new RangeError(`block ${block} is whole`);
  }

  /** What was given before the caller stopped is not among it. */
  get left(): BlocksLeft {
    const { wanted, deferred } = this.#rebuild;
    return { place: this.#place, wanted, deferred, pieces: [...this.#rebuild.partials()] };
  }

  /** @param enough asked behind each segment and part */
  async *some(enough: () => boolean): AsyncGenerator<FoundBlock> {
    while (countOf(this.#rebuild.wanted) > 0) {
      const isOver = yield* this.#walk(enough);
      if (!isOver) return;
      yield* this.#rebuild.rest();
      this.#place = undefined;
      this.#rebuild = this.#rebuildOf(this.#rebuild.deferred);
    }
  }

  /** @returns whether the walk has come to its end, or needs not */
  async *#walk(enough: () => boolean): AsyncGenerator<FoundBlock, boolean> {
    const { objects, key, point, signal } = this.#s;
    const { disks } = point;
    const rebuild = this.#rebuild;
    const sources = await sourcesOf(objects, point);
    const from = { place: this.#place, left: bytes(0) };
    const { segments, walked } = stretchFrom({ sources, from, enough, reading: { parallel: PARALLEL } });
    for await (const { writes } of newestWrites({ segments, key, upTo: lastWrites(sources), disks })) {
      signal?.throwIfAborted();
      for (const record of writes) yield* rebuild.take(record);
      if (rebuild.done) return true;
    }
    const to = walked();
    this.#place = to?.place;
    return to === undefined;
  }

  #rebuildOf(wanted: Blocks, deferred?: Blocks): BlockRebuild {
    return new BlockRebuild(this.#s.point.disks, wanted, this.#s.memory ?? MEMORY, deferred);
  }
}
