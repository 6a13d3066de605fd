import { DIGEST_BYTES } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";
import { type Bytes, MIB, bytes, micros, sequence } from "../core/units.ts";
import { blockCount } from "../journal/digest-tree.ts";
import type { DataKey } from "../journal/key.ts";
import type { Layer } from "../journal/layer-document.ts";
import { openLayerPart } from "../journal/layer.ts";
import type { WriteRecord } from "../journal/record.ts";
import type { ObjectStore } from "../storage/store.ts";
import { BlockRebuild } from "./block-rebuild.ts";
import { type Blocks, type FoundBlock, allBlocks, countOf, noBlocks } from "./blocks.ts";
import type { BlockDigests, WalkPoint } from "./digest-walk.ts";
import { readParts } from "./layers.ts";
import { isWrite } from "./merge.ts";
import type { Run } from "./run.ts";

/** Of blocks that are whole only in part. */
const MEMORY = bytes(64 * MIB);

/**
 * Holds what a layer gives against the digests that the source took at its end. Of a layer that stands on nothing these
 * are all blocks of the disks; of any other those that it holds whole: the rest of a block would have to be read from
 * everything under it, which building the next base and verification do.
 */
export class LayerProof {
  readonly #point: WalkPoint;
  readonly #rebuild: BlockRebuild;
  readonly #found: ReadonlyMap<number, Uint8Array>;
  readonly #known: Blocks;

  constructor(point: WalkPoint, memory: Bytes = MEMORY) {
    this.#point = point;
    this.#rebuild = new BlockRebuild(point.disks, allBlocks(point.disks), memory);
    this.#known = noBlocks(point.disks);
    this.#found = new Map(
      point.disks.map(({ index, size }) => [index, new Uint8Array(blockCount(size) * DIGEST_BYTES)]),
    );
  }

  /** To be called with every run of the layer. */
  take({ disk, offset, length, data }: Run): void {
    const common = { sequence: sequence(0), time: micros(0), disk, offset };
    const record: WriteRecord = data
      ? { kind: "data", ...common, data }
      : { kind: "zero", ...common, length };
    for (const found of this.#rebuild.take(record)) this.#keep(found);
  }

  /**
   * @param digests of every block at the layer's end
   * @param alone what this layer of stored parts does not hold is zero; undefined when it stands on something
   * @throws PointBad naming blocks that differ; what reading the parts throws
   */
  async check(digests: BlockDigests, alone?: StoredLayer): Promise<void> {
    if (alone) await this.#complete(alone);
    const wrong = noBlocks(this.#point.disks);
    for (const [disk, blocks] of this.#known)
      for (const { start, end } of blocks)
        for (let block = start; block < end; block++)
          if (!same(this.#found.get(disk), digests.get(disk), block)) wrong.get(disk)?.add(block, block + 1);
    if (countOf(wrong) > 0) throw bad(this.#point, wrong);
  }

  /** Blocks that were whole only in part, and more of them than memory held: these are read from the parts again. */
  async #complete({ objects, key, layer }: StoredLayer): Promise<void> {
    for (const found of this.#rebuild.rest()) this.#keep(found);
    for (let left = this.#rebuild.deferred; countOf(left) > 0;) {
      const rebuild = new BlockRebuild(this.#point.disks, left, MEMORY);
      for await (const part of readParts(objects, [layer]))
        for (const record of (await openLayerPart(part, key)).filter(isWrite))
          for (const found of rebuild.take(record)) this.#keep(found);
      for (const found of rebuild.rest()) this.#keep(found);
      left = rebuild.deferred;
    }
  }

  #keep({ disk, block, digest }: FoundBlock): void {
    this.#found.get(disk)?.set(digest, block * DIGEST_BYTES);
    this.#known.get(disk)?.add(block, block + 1);
  }
}

/** A layer whose parts are stored, with or without its document. */
export interface StoredLayer {
  readonly objects: ObjectStore;
  readonly key: DataKey;
  readonly layer: Layer;
}

const MOST_NAMED = 20;

function bad({ id, machine }: WalkPoint, wrong: Blocks): LeewardError {
  const named = [...wrong].flatMap(([disk, blocks]) =>
    [...blocks].flatMap(({ start, end }) =>
      Array.from({ length: Math.min(end - start, MOST_NAMED) }, (_, n) => `disk ${disk} block ${start + n}`),
    ),
  );
  const count = countOf(wrong);
  const more = count > MOST_NAMED ? ", …" : "";
  return new LeewardError(
    "PointBad",
    `no layer is made to point ${id} of ${machine}: ${count} blocks of 64 KiB are not what the source had: ` +
      `${named.slice(0, MOST_NAMED).join(", ")}${more}`,
  );
}

function same(found: Uint8Array | undefined, wanted: Uint8Array | undefined, block: number): boolean {
  const start = block * DIGEST_BYTES;
  const a = found?.subarray(start, start + DIGEST_BYTES);
  const b = wanted?.subarray(start, start + DIGEST_BYTES);
  return a !== undefined && b !== undefined && Buffer.compare(a, b) === 0;
}
