import { seededRandom } from "../../local/machine/seeded-random.ts";

/** Every choice of a run comes from here, in one order. */
export class Dice {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = seededRandom(seed);
  }

  /** 0, 1, … n - 1 */
  below(n: number): number {
    return Math.floor(this.#next() * n);
  }

  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  pick<T>(list: readonly T[]): T | undefined {
    return list[this.below(list.length)];
  }

  /** One of the entries, each as often as its weight says. */
  weighted<T>(entries: readonly (readonly [weight: number, value: T])[]): T | undefined {
    let at = this.#next() * entries.reduce((sum, [weight]) => sum + weight, 0);
    return entries.find(([weight]) => (at -= weight) < 0)?.[1];
  }

  bytes(length: number): Buffer {
    const data = Buffer.alloc(length);
    for (let i = 0; i < length; i += 4) data.writeUInt32LE(this.below(2 ** 32), Math.min(i, length - 4));
    return data;
  }
}
