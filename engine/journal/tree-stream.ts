import { createHash, hash } from "node:crypto";
import { type Digest, DIGEST_BYTES, digestOf } from "../core/digest.ts";
import type { Bytes } from "../core/units.ts";
import { NODE_BLOCKS, PURPOSE, ZERO_BLOCK, blockCount } from "./digest-tree.ts";

const NODE = NODE_BLOCKS * DIGEST_BYTES;
const ZERO = Buffer.from(ZERO_BLOCK, "hex");
const ZEROS = Buffer.alloc(NODE, ZERO);
const NODE_OF_ZEROS = hash("sha256", ZEROS, "buffer");

/** The root of a disk's digest tree from its blocks in order, in memory that does not grow with the disk. */
export class TreeStream {
  readonly #size: Bytes;
  /** Of each level, blocks first, what has no node yet: less than 256 digests. */
  readonly #open: Buffer[];
  #blocks: number;

  /** @param state of a stream that came to this block */
  constructor(size: Bytes, blocks = 0, state: readonly string[] = []) {
    this.#size = size;
    this.#blocks = blocks;
    this.#open = state.map((level) => Buffer.from(level, "base64"));
  }

  /** How many were given. */
  get blocks(): number {
    return this.#blocks;
  }

  get state(): string[] {
    return this.#open.map((level) => level.toString("base64"));
  }

  /** The digest of the next block. */
  push(digest: Uint8Array): void {
    this.#blocks++;
    this.#put(0, digest);
  }

  /** The digests of the next blocks, 32 bytes each. */
  pushAll(digests: Uint8Array): void {
    for (let at = 0; at < digests.length;) {
      const isNode = this.#blocks % NODE_BLOCKS === 0 && digests.length - at >= NODE;
      const length = isNode ? NODE : DIGEST_BYTES;
      const some = digests.subarray(at, at + length);
      if (isNode) {
        this.#blocks += NODE_BLOCKS;
        this.#put(1, hash("sha256", some, "buffer"));
      } else this.push(some);
      at += length;
    }
  }

  /** All blocks before this one that were not given yet are whole blocks of zeros. */
  zerosUpTo(block: number): void {
    while (this.#blocks < block) {
      const isNode = this.#blocks % NODE_BLOCKS === 0 && block - this.#blocks >= NODE_BLOCKS;
      if (!isNode) {
        this.push(ZERO);
        continue;
      }
      this.#blocks += NODE_BLOCKS;
      this.#put(1, NODE_OF_ZEROS);
    }
  }

  /** @throws RangeError when there were more or fewer than the disk's blocks */
  root(): Digest {
    if (this.#blocks !== blockCount(this.#size))
      throw new RangeError(`${this.#blocks} digests of a disk of ${this.#size} bytes`);
    let level = 0;
    for (let nodes = this.#blocks; nodes > 1; level++) {
      nodes = Math.ceil(nodes / NODE_BLOCKS);
      const rest = this.#open[level];
      if (rest && rest.length > 0) this.#close(level, rest);
    }
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(this.#size));
    const top = this.#open[level] ?? Buffer.alloc(0);
    return digestOf(createHash("sha256").update(PURPOSE).update(size).update(top).digest("hex"));
  }

  #put(level: number, digest: Uint8Array): void {
    while (this.#open.length <= level) this.#open.push(Buffer.alloc(0));
    const all = Buffer.concat([this.#open[level] ?? Buffer.alloc(0), digest]);
    if (all.length === NODE) this.#close(level, all);
    else this.#open[level] = all;
  }

  #close(level: number, digests: Buffer): void {
    this.#open[level] = Buffer.alloc(0);
    this.#put(level + 1, hash("sha256", digests, "buffer"));
  }
}
