import { createHash, hash } from "node:crypto";
import { type Digest, DIGEST_BYTES, digestOf, sha256 } from "../core/digest.ts";
import { BLOCK, type Bytes } from "../core/units.ts";

/** Children of a node: a change of one block costs 8 KiB of hashing per level. */
const FAN_OUT = 256;
/** Blocks under one node of the lowest level. */
export const NODE_BLOCKS = FAN_OUT;
export const PURPOSE = "leeward digest tree 1";

/** SHA-256 of a whole block of zeros. A shorter last block of zeros has another: see `zeroDigests`. */
export const ZERO_BLOCK: Digest = sha256(Buffer.alloc(BLOCK));

export const blockCount = (size: Bytes): number => Math.ceil(size / BLOCK);

/** The digests of all blocks of a disk of zeros, 32 bytes each. */
export function zeroDigests(size: Bytes): Uint8Array {
  const digests = Buffer.alloc(blockCount(size) * DIGEST_BYTES, Buffer.from(ZERO_BLOCK, "hex"));
  const rest = size % BLOCK;
  if (rest > 0) digests.set(hash("sha256", Buffer.alloc(rest), "buffer"), digests.length - DIGEST_BYTES);
  return digests;
}

/**
 * One digest for a whole disk.
 * @param digests 32 bytes for each 64 KiB block of the disk, all blocks, in order
 * @throws RangeError when there are more or fewer digests than blocks
 */
export const rootOf = (size: Bytes, digests: Uint8Array): Digest => new DigestTree(size, digests).root();

/**
 * The node over at most `NODE_BLOCKS` blocks that lie side by side; of a disk with a single block, that block's digest.
 * @param digests 32 bytes for each of them
 */
export const nodeOver = (size: Bytes, digests: Uint8Array): Uint8Array =>
  blockCount(size) === 1 ? digests : hash("sha256", digests, "buffer");

/**
 * The disk's root, for who has seen its blocks one after the other and kept their nodes alone: 2 MiB for 1 TiB.
 * @param nodes as `nodeOver` gives them, all of the disk, in order
 */
export function rootOver(size: Bytes, nodes: Uint8Array): Digest {
  let level = nodes;
  while (level.length > DIGEST_BYTES) {
    const above = new Uint8Array(Math.ceil(level.length / DIGEST_BYTES / FAN_OUT) * DIGEST_BYTES);
    for (let node = 0; node * DIGEST_BYTES < above.length; node++)
      above.set(nodeOf(level, node), node * DIGEST_BYTES);
    level = above;
  }
  return topOf(size, level);
}

/** Where the digests of a disk's blocks are kept, 32 bytes for each. */
export interface Leaves {
  /** Of blocks [first, end), in order. Not changed afterwards, and not kept by the caller. */
  read(first: number, end: number): Uint8Array;
  /** Of this block and those behind it, 32 bytes for each. */
  set(first: number, digests: Uint8Array): void;
}

/** Keeps all levels but the blocks' own, so that a root after a few changes costs a few paths and not the whole disk. */
export class DigestTree {
  readonly size: Bytes;
  readonly #leaves: Leaves;
  /** The first is that of the blocks' parents; the last is one node. */
  readonly #levels: Uint8Array[] = [];
  /** Nodes of the first level that do not follow from their blocks any more. */
  readonly #stale = new Set<number>();
  /** Nodes of the first level that were computed anew since the last root. */
  #fresh = new Set<number>();

  /** @param leaves an array is copied. @throws RangeError when it has more or fewer digests than the disk has blocks. */
  constructor(size: Bytes, leaves: Uint8Array | Leaves) {
    const count = blockCount(size);
    if (size === 0 || (leaves instanceof Uint8Array && leaves.length !== count * DIGEST_BYTES))
      throw new RangeError(`not the digests of a disk of ${size} bytes`);
    this.size = size;
    this.#leaves = leaves instanceof Uint8Array ? new ArrayLeaves(leaves) : leaves;
    for (let nodes = count; nodes > 1;) {
      nodes = Math.ceil(nodes / FAN_OUT);
      this.#levels.push(new Uint8Array(nodes * DIGEST_BYTES));
    }
    const [first] = this.#levels;
    if (first) for (let node = 0; node * DIGEST_BYTES < first.length; node++) this.#stale.add(node);
  }

  /**
   * @param digests of this block and those behind it, 32 bytes for each
   * @throws RangeError when the disk has not so many blocks or a digest is not 32 bytes.
   */
  set(first: number, digests: Uint8Array): void {
    const end = first + digests.length / DIGEST_BYTES;
    if (
      !Number.isInteger(first) ||
      !Number.isInteger(end) ||
      first < 0 ||
      end <= first ||
      end > blockCount(this.size)
    )
      throw new RangeError(`${digests.length} bytes for block ${first} of ${blockCount(this.size)}`);
    this.#leaves.set(first, digests);
    if (this.#levels.length === 0) return;
    for (let node = Math.floor(first / FAN_OUT); node * FAN_OUT < end; node++) this.#stale.add(node);
  }

  /** Does some of the work of the next root: at most so many nodes. False when nothing of it is left. */
  settle(most: number): boolean {
    const [level] = this.#levels;
    let done = 0;
    for (const node of this.#stale) {
      if (done++ === most) return true;
      const first = node * FAN_OUT;
      const children = this.#leaves.read(first, Math.min(first + FAN_OUT, blockCount(this.size)));
      level?.set(hash("sha256", children, "buffer"), node * DIGEST_BYTES);
      this.#stale.delete(node);
      this.#fresh.add(node);
    }
    return false;
  }

  root(): Digest {
    this.settle(Infinity);
    let changed = this.#fresh;
    this.#levels.forEach((level, i) => {
      const below = this.#levels[i - 1];
      if (!below) return;
      changed = new Set([...changed].map((node) => Math.floor(node / FAN_OUT)));
      for (const node of changed) level.set(nodeOf(below, node), node * DIGEST_BYTES);
    });
    this.#fresh = new Set();
    return topOf(this.size, this.#levels.at(-1) ?? this.#leaves.read(0, 1));
  }
}

function topOf(size: Bytes, top: Uint8Array): Digest {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(size));
  return digestOf(createHash("sha256").update(PURPOSE).update(length).update(top).digest("hex"));
}

class ArrayLeaves implements Leaves {
  readonly #digests: Uint8Array;

  constructor(digests: Uint8Array) {
    this.#digests = Uint8Array.from(digests);
  }

  read(first: number, end: number): Uint8Array {
    return this.#digests.subarray(first * DIGEST_BYTES, end * DIGEST_BYTES);
  }

  set(first: number, digests: Uint8Array): void {
    this.#digests.set(digests, first * DIGEST_BYTES);
  }
}

const nodeOf = (below: Uint8Array, node: number): Buffer =>
  hash(
    "sha256",
    below.subarray(node * FAN_OUT * DIGEST_BYTES, (node + 1) * FAN_OUT * DIGEST_BYTES),
    "buffer",
  );
