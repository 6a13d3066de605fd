/** A set of numbers below a fixed bound, one bit each. */
export class Bitmap {
  readonly bound: number;
  readonly #words: Uint32Array;
  #count = 0;
  /** No number below it is in the set. */
  #low = 0;

  constructor(bound: number) {
    this.bound = bound;
    this.#words = new Uint32Array(Math.ceil(bound / 32));
  }

  get count(): number {
    return this.#count;
  }

  /** The bits, from the least number on: the same ones, not a copy. Call `recount` after a change. */
  get content(): Uint8Array {
    return new Uint8Array(this.#words.buffer);
  }

  has(n: number): boolean {
    return ((this.#words[n >>> 5] ?? 0) & (1 << (n & 31))) !== 0;
  }

  add(n: number): void {
    if (n >= this.bound || this.has(n)) return;
    this.#words[n >>> 5] = (this.#words[n >>> 5] ?? 0) | (1 << (n & 31));
    this.#count++;
    if (n < this.#low) this.#low = n;
  }

  remove(n: number): void {
    if (!this.has(n)) return;
    this.#words[n >>> 5] = (this.#words[n >>> 5] ?? 0) & ~(1 << (n & 31));
    this.#count--;
  }

  /** The least number in the set. */
  first(): number | undefined {
    if (this.#count === 0) return undefined;
    let word = this.#low >>> 5;
    while (this.#words[word] === 0) word++;
    const bits = this.#words[word] ?? 0;
    this.#low = word * 32 + 31 - Math.clz32(bits & -bits);
    return this.#low;
  }

  /** All numbers in the set, ascending. It may be changed behind the number that was given last. */
  *[Symbol.iterator](): Generator<number> {
    for (let word = 0; word < this.#words.length; word++)
      for (let bits = this.#words[word] ?? 0; bits !== 0; bits &= bits - 1)
        yield word * 32 + 31 - Math.clz32(bits & -bits);
  }

  /** Puts in all numbers below the bound. */
  fill(): void {
    for (let n = 0; n < this.bound; n++) this.add(n);
  }

  clear(): void {
    this.#words.fill(0);
    this.recount();
  }

  /** Holds what the other, of the same bound, holds. */
  become(other: Bitmap): void {
    this.#words.set(other.#words);
    this.#count = other.#count;
    this.#low = other.#low;
  }

  /** After the bits were changed from outside. */
  recount(): void {
    this.#low = 0;
    this.#count = 0;
    for (let bits of this.#words) for (; bits !== 0; bits &= bits - 1) this.#count++;
  }
}
