/** A set of block numbers below a fixed bound, one bit each. */
export class Bitmap {
  readonly #words: Uint32Array;
  readonly #bound: number;
  #count = 0;
  /** No number below it is in the set. */
  #low = 0;

  constructor(bound: number) {
    this.#bound = bound;
    this.#words = new Uint32Array(Math.ceil(bound / 32));
  }

  get count(): number {
    return this.#count;
  }

  has(n: number): boolean {
    return ((this.#words[n >>> 5] ?? 0) & (1 << (n & 31))) !== 0;
  }

  add(n: number): void {
    if (n >= this.#bound || this.has(n)) return;
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

  /** Puts in all numbers below the bound. */
  fill(): void {
    for (let n = 0; n < this.#bound; n++) this.add(n);
  }
}
