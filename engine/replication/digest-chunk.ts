import { DIGEST_BYTES } from "../core/digest.ts";

/** A whole number that a double holds exactly. */
const EXACT = 2 ** 53;
const FIRST = 4096;

/**
 * Digests of blocks as they come, to be put in order: 40 bytes for each. What comes first of a block stays. An address and
 * the place in the order of coming are sorted as one number, so a space of more than 2^32 blocks gets smaller chunks.
 */
export class DigestChunk {
  readonly #most: number;
  #keys = new Float64Array(FIRST);
  #digests = new Uint8Array(FIRST * DIGEST_BYTES);
  #count = 0;

  /**
   * @param total every address is below it
   * @param most digests that it is to hold
   */
  constructor(total: number, most: number) {
    this.#most = Math.max(1, Math.min(most, Math.floor(EXACT / Math.max(total, 1))));
  }

  get count(): number {
    return this.#count;
  }

  get full(): boolean {
    return this.#count >= this.#most;
  }

  /** @param digest 32 bytes; copied. @throws RangeError when it is full */
  add(address: number, digest: Uint8Array): void {
    if (this.full) throw new RangeError("a chunk of digests is full");
    if (this.#count === this.#keys.length) this.#grow();
    this.#keys[this.#count] = address * this.#most + this.#count;
    this.#digests.set(digest, this.#count * DIGEST_BYTES);
    this.#count++;
  }

  /** What was added, each block once. The chunk is not to be used any more. */
  sorted(): SortedDigests {
    const keys = this.#keys.subarray(0, this.#count).sort();
    let length = 0;
    let last = -1;
    for (const key of keys) {
      const address = Math.floor(key / this.#most);
      if (address === last) continue;
      keys[length++] = key;
      last = address;
    }
    return new SortedDigests(keys.subarray(0, length), this.#digests, this.#most);
  }

  #grow(): void {
    const length = Math.min(this.#keys.length * 2, Math.max(this.#most, FIRST));
    const keys = new Float64Array(length);
    keys.set(this.#keys);
    this.#keys = keys;
    const digests = new Uint8Array(length * DIGEST_BYTES);
    digests.set(this.#digests);
    this.#digests = digests;
  }
}

/** Digests in the order of the disks, each block once. */
export class SortedDigests {
  readonly #keys: Float64Array;
  readonly #digests: Uint8Array;
  readonly #most: number;

  constructor(keys: Float64Array, digests: Uint8Array, most: number) {
    this.#keys = keys;
    this.#digests = digests;
    this.#most = most;
  }

  get count(): number {
    return this.#keys.length;
  }

  /** Of the nth. */
  addressOf(nth: number): number {
    return Math.floor((this.#keys[nth] ?? EXACT) / this.#most);
  }

  /** Of the nth: a view. */
  digestOf(nth: number): Uint8Array {
    const start = ((this.#keys[nth] ?? 0) % this.#most) * DIGEST_BYTES;
    return this.#digests.subarray(start, start + DIGEST_BYTES);
  }

  /** The first that lies at the address or behind it; `count` when there is none. */
  firstFrom(address: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.addressOf(middle) >= address) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The block's digest; undefined when there is none. */
  find(address: number): Uint8Array | undefined {
    const nth = this.firstFrom(address);
    return nth < this.count && this.addressOf(nth) === address ? this.digestOf(nth) : undefined;
  }
}
