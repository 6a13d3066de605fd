import { createHash, hash } from "node:crypto";
import { type Digest, DIGEST_BYTES, digestOf, sha256 } from "../core/digest.ts";
import { BLOCK, type Bytes } from "../core/units.ts";

/** Children of a node: a change of one block costs 8 KiB of hashing per level. */
const FAN_OUT = 256;
const PURPOSE = "leeward digest tree 1";

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

/** Keeps all levels, so that a root after a few changes costs a few paths and not the whole disk. */
export class DigestTree {
  readonly size: Bytes;
  /** Level 0 is the blocks' digests; the last level is one node. */
  readonly #levels: Uint8Array[];
  #dirty = new Set<number>();

  /** Copies the digests. @throws RangeError when there are more or fewer than blocks. */
  constructor(size: Bytes, digests: Uint8Array) {
    if (size === 0 || digests.length !== blockCount(size) * DIGEST_BYTES)
      throw new RangeError(`${digests.length} bytes of digests for a disk of ${size} bytes`);
    this.size = size;
    this.#levels = [Uint8Array.from(digests)];
    for (let level = this.#top(); level.length > DIGEST_BYTES; level = this.#top())
      this.#levels.push(parentsOf(level));
  }

  /** The digests of all blocks: a view that later changes show in. */
  get digests(): Uint8Array {
    return this.#levels[0] ?? new Uint8Array();
  }

  /** @throws RangeError when the disk has no such block or the digest is not 32 bytes. */
  set(block: number, digest: Uint8Array): void {
    if (
      !Number.isInteger(block) ||
      block < 0 ||
      block >= blockCount(this.size) ||
      digest.length !== DIGEST_BYTES
    )
      throw new RangeError(`${digest.length} bytes for block ${block} of ${blockCount(this.size)}`);
    this.digests.set(digest, block * DIGEST_BYTES);
    this.#dirty.add(block);
  }

  root(): Digest {
    let dirty = this.#dirty;
    this.#levels.forEach((level, i) => {
      const below = this.#levels[i - 1];
      if (!below) return;
      dirty = new Set([...dirty].map((node) => Math.floor(node / FAN_OUT)));
      for (const node of dirty) level.set(nodeOf(below, node), node * DIGEST_BYTES);
    });
    this.#dirty = new Set();
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(this.size));
    return digestOf(createHash("sha256").update(PURPOSE).update(size).update(this.#top()).digest("hex"));
  }

  #top(): Uint8Array {
    return this.#levels.at(-1) ?? new Uint8Array();
  }
}

function parentsOf(level: Uint8Array): Uint8Array {
  const count = Math.ceil(level.length / DIGEST_BYTES / FAN_OUT);
  const parents = new Uint8Array(count * DIGEST_BYTES);
  for (let node = 0; node < count; node++) parents.set(nodeOf(level, node), node * DIGEST_BYTES);
  return parents;
}

const nodeOf = (below: Uint8Array, node: number): Buffer =>
  hash(
    "sha256",
    below.subarray(node * FAN_OUT * DIGEST_BYTES, (node + 1) * FAN_OUT * DIGEST_BYTES),
    "buffer",
  );
