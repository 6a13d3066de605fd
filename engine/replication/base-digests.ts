import { hash } from "node:crypto";
import { z } from "zod";
import { DIGEST_BYTES, type Digest, digestOf } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";
import type { BarrierId, MachineId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { inParallel } from "../core/in-order.ts";
import { BLOCK, type Bytes, type Generation, bytes } from "../core/units.ts";
import { zeroDigests } from "../journal/digest-tree.ts";
import type { DataKey } from "../journal/key.ts";
import {
  comparisonGeneration,
  comparisonName,
  comparisonReadyName,
  comparisonsPrefix,
} from "../journal/names.ts";
import type { ObjectStore } from "../storage/store.ts";
import { BlockSpace, type Sheet, piecesOf, zerosOf } from "./block-space.ts";
import type { Blocks, SizedDisk } from "./blocks.ts";
import { PART, type PartsPlace, at, differingAt, putPart, readPart } from "./digest-parts.ts";
import type { DigestSink } from "./digest-sheets.ts";
import type { BlockDigests } from "./digest-walk.ts";

/** Blocks under one node: 1 MiB of disk. */
const NODE_BLOCKS = 16;
/** Bytes of disk under one digest. */
const COVERS = { blocks: BLOCK, nodes: BLOCK * NODE_BLOCKS } as const;
/** Of no block: whatever it holds, it differs. */
const FORCED = Buffer.alloc(DIGEST_BYTES, 0xff);

/** Of which comparison the digests are. */
interface ComparisonPlace {
  readonly machine: MachineId;
  /** The one that begins. */
  readonly generation: Generation;
  /** Of its base document. */
  readonly digest: Digest;
  /** The base. */
  readonly id: BarrierId;
}

export interface OfferRequest {
  readonly cache: ObjectStore;
  readonly key: DataKey;
  readonly place: ComparisonPlace;
  readonly disks: readonly SizedDisk[];
  /** At the base's barrier. */
  readonly digests: BlockDigests;
  /** Blocks that are to be sent whatever they hold: what the target has of them is not what its digests say. */
  readonly forced?: Blocks | undefined;
}

/** Puts what the base holds into the cache, sheet by sheet. May run twice, and be gone on with by another one. */
export class OfferWriter implements DigestSink {
  readonly #s: Omit<OfferRequest, "digests" | "disks">;
  readonly #parts: PartsPlace;

  constructor(s: Omit<OfferRequest, "digests" | "disks">) {
    const { cache: store, key, place } = s;
    const { machine, generation, digest: previous, id: barrier } = place;
    this.#s = s;
    this.#parts = { store, key, machine, generation, previous, barrier };
  }

  /** Digests of its nodes of sixteen blocks, and of the blocks. A part that names nothing is put too: one that is lost must be noticed. */
  async put(sheet: Sheet, digests: Uint8Array): Promise<void> {
    const { machine, generation } = this.#s.place;
    const { index: disk } = sheet.disk;
    const forced = this.#forced(sheet, digests);
    const zeros = zerosOf(sheet);
    const blocks = piecesOf(sheet, PART).map((piece) => {
      const start = (piece.first - sheet.first) * DIGEST_BYTES;
      const end = (piece.end - sheet.first) * DIGEST_BYTES;
      const part = piece.first / PART;
      const name = comparisonName(machine, generation, disk, "blocks", part);
      return { name, part, digests: forced.subarray(start, end), zeros: zeros.subarray(start, end) };
    });
    const name = comparisonName(machine, generation, disk, "nodes", sheet.nth);
    const nodes = { name, part: sheet.nth, digests: nodesOf(forced), zeros: nodesOf(zeros) };
    await inParallel([...blocks, nodes], PUTS, (one) =>
      putPart(this.#parts, { ...one, disk }, one.digests, differingAt(one.digests, one.zeros)),
    );
  }

  /** All sheets are there. */
  async finish(): Promise<void> {
    const { machine, generation, digest } = this.#s.place;
    const document = Buffer.from(JSON.stringify({ base: digest }));
    await this.#s.cache.put(comparisonReadyName(machine, generation), document, "any");
  }

  #forced({ disk, first, end }: Sheet, digests: Uint8Array): Uint8Array {
    const forced = this.#s.forced?.get(disk.index)?.intersect(first, end) ?? [];
    if (forced.length === 0) return digests;
    const changed = Uint8Array.from(digests);
    for (const part of forced)
      for (let block = part.start; block < part.end; block++)
        changed.set(FORCED, (block - first) * DIGEST_BYTES);
    return changed;
  }
}

/** At once, of 2.3 MB each. */
const PUTS = 4;

/** The same of digests that memory holds. */
export async function offerDigests(s: OfferRequest): Promise<void> {
  const writer = new OfferWriter(s);
  for (const sheet of new BlockSpace(s.disks).sheets) {
    const digests = s.digests.get(sheet.disk.index);
    await writer.put(
      sheet,
      digests?.subarray(sheet.first * DIGEST_BYTES, sheet.end * DIGEST_BYTES) ?? zerosOf(sheet),
    );
  }
  await writer.finish();
}

/** Whether the cache still lists everything that `offerDigests` put for the generation. One listing. */
export async function isOffered(
  cache: ObjectStore,
  { machine, generation }: Pick<ComparisonPlace, "machine" | "generation">,
  disks: readonly SizedDisk[],
): Promise<boolean> {
  const missing = new Set<string>([comparisonReadyName(machine, generation)]);
  for (const { index, size } of disks)
    for (const level of ["blocks", "nodes"] as const)
      for (let part = 0; part * PART * COVERS[level] < size; part++)
        missing.add(comparisonName(machine, generation, index, level, part));
  for await (const { name } of cache.list(comparisonsPrefix(machine))) missing.delete(name);
  return missing.size === 0;
}

/** 32 bytes for each sixteen blocks: SHA-256 of their digests; the last may have fewer. */
function nodesOf(digests: Uint8Array): Uint8Array {
  const width = NODE_BLOCKS * DIGEST_BYTES;
  const nodes = new Uint8Array(Math.ceil(digests.length / width) * DIGEST_BYTES);
  for (let at = 0; at < digests.length; at += width)
    nodes.set(hash("sha256", digests.subarray(at, at + width), "buffer"), (at / width) * DIGEST_BYTES);
  return nodes;
}

const ready = z.object({ base: z.string().transform(checked(digestOf)) });

export interface KnownRequest {
  /** Asked before each read: access may be renewed meanwhile. */
  readonly cache: () => ObjectStore;
  readonly key: () => DataKey;
  readonly place: ComparisonPlace;
}

/** What the base holds, read piece by piece from the cache; at most four parts, or 10 MB, are kept in memory. */
export class BaseDigests {
  readonly #s: KnownRequest;
  readonly #parts = new Map<string, Uint8Array>();

  constructor(s: KnownRequest) {
    this.#s = s;
  }

  /** Whether all of them are there yet. @throws ChainBroken when they are of another base; storage errors */
  async ready(): Promise<boolean> {
    const { machine, generation, digest } = this.#s.place;
    const name = comparisonReadyName(machine, generation);
    const object = await this.#s.cache().get(name);
    if (!object) return false;
    const { base } = ready.parse(JSON.parse(object.body.toString("utf8")));
    if (base === digest) return true;
    throw new LeewardError("ChainBroken", `${name} is of base ${base}, not ${digest}`);
  }

  /**
   * Those of blocks [first, end) of a disk that are not what the base holds. Both are on the border of a node, or the disk's end.
   * @param digests of these blocks as they are
   * @throws SegmentMissing, SegmentDamaged, ChainBroken, KeyWrong; storage errors
   */
  async differing(disk: SizedDisk, first: number, end: number, digests: Uint8Array): Promise<number[]> {
    const nodes = nodesOf(digests);
    const found: number[] = [];
    for (let n = 0; n * DIGEST_BYTES < nodes.length; n++) {
      const node = first / NODE_BLOCKS + n;
      if (Buffer.compare(at(nodes, n), await this.#digest(disk, "nodes", node)) === 0) continue;
      for (let block = node * NODE_BLOCKS; block < Math.min(end, (node + 1) * NODE_BLOCKS); block++)
        if (Buffer.compare(at(digests, block - first), await this.#digest(disk, "blocks", block)) !== 0)
          found.push(block);
    }
    return found;
  }

  /**
   * Those of blocks [first, end); undefined when one of them is to be sent whatever it holds.
   * @throws as `differing`
   */
  async unforced(disk: SizedDisk, first: number, end: number): Promise<Uint8Array | undefined> {
    const digests = await this.offered(disk, first, end);
    for (let n = 0; n < end - first; n++) if (FORCED.equals(at(digests, n))) return undefined;
    return digests;
  }

  /** Those of blocks [first, end), as they were offered. @throws as `differing` */
  async offered(disk: SizedDisk, first: number, end: number): Promise<Uint8Array> {
    const digests = new Uint8Array((end - first) * DIGEST_BYTES);
    for (let block = first; block < end; block++)
      digests.set(await this.#digest(disk, "blocks", block), (block - first) * DIGEST_BYTES);
    return digests;
  }

  async #digest(disk: SizedDisk, level: "nodes" | "blocks", n: number): Promise<Uint8Array> {
    const part = Math.floor(n / PART);
    const { machine, generation } = this.#s.place;
    const name = comparisonName(machine, generation, disk.index, level, part);
    let digests = this.#parts.get(name);
    if (!digests) {
      digests = await this.#read(name, disk, level, part);
      this.#parts.set(name, digests);
      for (const old of [...this.#parts.keys()].slice(0, -4)) this.#parts.delete(old);
    }
    return at(digests, n - part * PART);
  }

  #read(name: string, disk: SizedDisk, level: "nodes" | "blocks", part: number): Promise<Uint8Array> {
    const { cache, key, place } = this.#s;
    const { machine, generation, digest: previous, id: barrier } = place;
    const parts = { store: cache(), key: key(), machine, generation, previous, barrier };
    return readPart(parts, { name, disk: disk.index, part }, zerosIn(disk.size, level, part));
  }
}

/** As if the disk held nothing, in this part. */
function zerosIn(size: Bytes, level: "nodes" | "blocks", part: number): Uint8Array {
  const each = COVERS[level];
  const length = Math.min(PART * each, size - part * PART * each);
  const zeros = zeroDigests(bytes(length));
  return level === "blocks" ? zeros : nodesOf(zeros);
}

/** Deletes what comparisons of this generation and older ones left in the cache. One listing. May run twice. */
export async function withdrawDigests(
  cache: ObjectStore,
  machine: MachineId,
  upTo: Generation,
): Promise<void> {
  const names: string[] = [];
  for await (const { name } of cache.list(comparisonsPrefix(machine))) {
    const of = comparisonGeneration(name);
    if (of !== undefined && of <= upTo) names.push(name);
  }
  for (let first = 0; first < names.length; first += 256) await cache.delete(names.slice(first, first + 256));
}
