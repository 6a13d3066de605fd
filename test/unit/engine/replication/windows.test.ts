import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ExtentSet } from "../../../../engine/core/extent.ts";
import { KIB, MIB, bytes, diskIndex } from "../../../../engine/core/units.ts";
import type { Run } from "../../../../engine/replication/run.ts";
import { Body, Windows } from "../../../../engine/replication/windows.ts";

const SIZE = 13 * MIB;
const UNIT = 64 * KIB;
const UNITS = SIZE / UNIT;

/** Writes in units of 64 KiB; what an earlier one of the list covers is left out, so pieces never overlap. */
const pieces = fc
  .array(
    fc.record({
      disk: fc.nat(1),
      from: fc.nat(UNITS - 1),
      count: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 100 })),
      fill: fc.constantFrom(-1, 1, 2, 3),
    }),
    { maxLength: 40 },
  )
  .map((list) => {
    const covered = [new ExtentSet(), new ExtentSet()];
    return list.map(({ disk, from, count, fill }) =>
      (covered[disk] ?? new ExtentSet())
        .claim(from, Math.min(UNITS, from + count))
        .map(({ start, end }) => pieceOf(disk, start * UNIT, (end - start) * UNIT, fill)),
    );
  });

const pieceOf = (disk: number, offset: number, length: number, fill: number): Run => ({
  disk: diskIndex(disk),
  offset: bytes(offset),
  length: bytes(length),
  data: fill < 0 ? undefined : Buffer.alloc(length, fill),
});

const body = (size = 100) => new Body(size);

/** One byte for each unit, and that no unit is given twice. */
function laid(runs: Iterable<Run>): Uint8Array[] {
  const disks = [new Uint8Array(UNITS).fill(9), new Uint8Array(UNITS).fill(9)];
  for (const run of runs)
    for (let at = 0; at < run.length; at += UNIT) {
      const place = (run.offset + at) / UNIT;
      expect(disks[run.disk]?.[place]).toBe(9);
      disks[run.disk]?.set([run.data?.[at] ?? 0], place);
    }
  return disks;
}

describe("windows", () => {
  test("give back exactly what was put, once, whenever they are flushed, and then hold nothing", () => {
    fc.assert(
      fc.property(pieces, fc.integer({ min: 1, max: 40 }), (lists, every) => {
        const windows = new Windows();
        const runs: Run[] = [];
        for (const [i, list] of lists.entries()) {
          const own = body();
          for (const piece of list) runs.push(...windows.put(piece, own));
          if (i % every === every - 1) runs.push(...windows.flush());
        }
        runs.push(...windows.flush());
        expect(laid(runs)).toEqual(laid(lists.flat()));
        expect(runs.every(({ data }) => data === undefined || data.length <= 4 * MIB)).toBe(true);
        expect(windows.held).toBe(0);
      }),
      { numRuns: 40 },
    );
  });

  test("let data in order through as whole page writes, holding no more than the last", () => {
    const windows = new Windows();
    const runs: Run[] = [];
    for (let at = 0; at < 12 * MIB; at += 256 * KIB)
      runs.push(...windows.put(pieceOf(0, at, 256 * KIB, 1), body(256 * KIB)));
    expect(runs.map(({ offset, length }) => [offset, length])).toEqual([
      [0, 4 * MIB],
      [4 * MIB, 4 * MIB],
      [8 * MIB, 4 * MIB],
    ]);
    expect(windows.held).toBe(0);
  });

  test("count a segment as held as long as one piece of it waits", () => {
    const windows = new Windows();
    const own = body(1000);
    expect([...windows.put(pieceOf(0, 0, 4 * MIB, 1), own)]).toHaveLength(1);
    expect(windows.held).toBe(0);
    expect([
      ...windows.put(pieceOf(0, 8 * MIB, UNIT, 1), own),
      ...windows.put(pieceOf(0, 12 * MIB, UNIT, 1), own),
    ]).toEqual([]);
    expect(windows.held).toBe(1000);
    expect([...windows.flush()]).toHaveLength(2);
    expect(windows.held).toBe(0);
  });

  test("let long zeros through at once, whatever their length", () => {
    const windows = new Windows();
    const zero = pieceOf(0, UNIT, 2 ** 40, -1);
    expect([...windows.put(zero, body())]).toEqual([zero]);
  });
});
