import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Extent, ExtentSet } from "../../../../engine/core/extent.ts";

const SPACE = 400;

/** The plainest model there is: one flag for each position. */
class Bitmap {
  readonly flags: boolean[] = Array.from({ length: SPACE }, () => false);
  set(start: number, end: number, value: boolean): void {
    this.flags.fill(value, start, end);
  }
  runs(value: boolean, start = 0, end = SPACE): Extent[] {
    const found: Extent[] = [];
    for (let i = start; i < end; i++) {
      if (this.flags[i] !== value) continue;
      const from = i;
      while (i < end && this.flags[i] === value) i++;
      found.push({ start: from, end: i });
    }
    return found;
  }
}

const range = fc
  .tuple(fc.nat(SPACE), fc.nat(SPACE))
  .map(([a, b]) => ({ start: Math.min(a, b), end: Math.max(a, b) }));
const short = fc
  .tuple(fc.nat(SPACE - 8), fc.nat(8))
  .map(([start, length]) => ({ start, end: start + length }));
/** Each does the same to the set and to the model and returns what both say. */
const verbs = {
  add: (set: ExtentSet, model: Bitmap, { start, end }: Extent) => {
    set.add(start, end);
    model.set(start, end, true);
    return [[...set], model.runs(true)];
  },
  claim: (set: ExtentSet, model: Bitmap, { start, end }: Extent) => {
    const expected = model.runs(false, start, end);
    model.set(start, end, true);
    return [set.claim(start, end), expected];
  },
  subtract: (set: ExtentSet, model: Bitmap, { start, end }: Extent) => {
    set.subtract(start, end);
    model.set(start, end, false);
    return [[...set], model.runs(true)];
  },
  intersect: (set: ExtentSet, model: Bitmap, { start, end }: Extent) => [
    set.intersect(start, end),
    model.runs(true, start, end),
  ],
  gaps: (set: ExtentSet, model: Bitmap, { start, end }: Extent) => [
    set.gaps(start, end),
    model.runs(false, start, end),
  ],
};
const step = fc.record({
  verb: fc.constantFrom("add", "claim", "subtract", "intersect", "gaps"),
  range: fc.oneof(range, short, short, short),
});

describe("an extent set", () => {
  test("answers every question as a bitmap does", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const set = new ExtentSet();
        const model = new Bitmap();
        for (const { verb, range: r } of steps) {
          const [answer, expected] = verbs[verb](set, model, r);
          expect(answer).toEqual(expected);
          expect([...set]).toEqual(model.runs(true));
          expect(set.total).toBe(model.flags.filter(Boolean).length);
        }
      }),
    );
  });

  test("stays right across many buckets", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20_000), { minLength: 1, maxLength: 40 }), fc.boolean(), (cuts, remove) => {
        const set = new ExtentSet();
        for (let i = 0; i < 10_000; i++) set.add(4 * i, 4 * i + 2);
        const flags = new Uint8Array(80_000);
        for (let i = 0; i < 10_000; i++) flags.fill(1, 4 * i, 4 * i + 2);
        for (const cut of cuts) {
          const end = cut + (cut % 7) * 900;
          if (remove) set.subtract(cut, end);
          else set.add(cut, end);
          flags.fill(remove ? 0 : 1, cut, end);
        }
        const back = new Uint8Array(80_000);
        let last = -1;
        for (const { start, end } of set) {
          expect(start).toBeGreaterThan(last);
          back.fill(1, start, end);
          last = end;
        }
        expect(Buffer.compare(back, flags)).toBe(0);
        expect(set.total).toBe(flags.reduce((sum, flag) => sum + flag, 0));
      }),
      { numRuns: 30 },
    );
  });

  test("merges neighbours that touch", () => {
    const set = ExtentSet.of([
      { start: 0, end: 10 },
      { start: 20, end: 30 },
      { start: 10, end: 20 },
    ]);
    expect([...set]).toEqual([{ start: 0, end: 30 }]);
  });

  test("refuses what is not a range and stays as it was", () => {
    const set = ExtentSet.of([{ start: 0, end: 10 }]);
    for (const [start, end] of [
      [5, 4],
      [-1, 4],
      [0.5, 4],
      [0, Number.NaN],
      [0, 2 ** 60],
    ] as const)
      expect(() => set.claim(start, end)).toThrow(RangeError);
    expect([...set]).toEqual([{ start: 0, end: 10 }]);
  });

  test("takes a hundred thousand random writes in well under a second", () => {
    const set = new ExtentSet();
    let random = 7;
    const began = performance.now();
    for (let i = 0; i < 100_000; i++) {
      random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
      const start = (random >>> 4) * 4096;
      set.add(start, start + 4096);
    }
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(set.total).toBeGreaterThan(99_000 * 4096);
  });
});
