import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KIB, MIB, bytes, diskIndex } from "../../../../engine/core/units.ts";
import { type Run, isZero, runsOf } from "../../../../engine/replication/run.ts";

const disk = diskIndex(0);
const data = (offset: number, length: number, fill: number, on = disk): Run => ({
  disk: on,
  offset: bytes(offset),
  length: bytes(length),
  data: Buffer.alloc(length, fill),
});
const zeros = (offset: number, length: number): Run => ({
  disk,
  offset: bytes(offset),
  length: bytes(length),
  data: undefined,
});
const shapes = (runs: Iterable<Run>) =>
  [...runs].map((run) => [run.disk, run.offset, run.length, run.data ? "data" : "zero"]);

/** Pieces that do not overlap: lengths, gaps and contents along one disk or two. */
const pieces = fc
  .array(
    fc.record({
      on: fc.nat(1),
      gap: fc.oneof(fc.constant(0), fc.nat(8 * KIB)),
      length: fc.oneof(fc.integer({ min: 1, max: 8 * KIB }), fc.integer({ min: 1, max: 200 * KIB })),
      fill: fc.constantFrom(-1, 0, 7, 255),
    }),
    { maxLength: 30 },
  )
  .map((list) => {
    const ends = [0, 0];
    return list.map(({ on, gap, length, fill }): Run => {
      const offset = (ends[on] ?? 0) + gap;
      ends[on] = offset + length;
      const piece = data(offset, length, Math.max(fill, 0), diskIndex(on));
      return fill < 0 ? { ...piece, data: undefined } : piece;
    });
  });

function laid(runs: Iterable<Run>): Buffer[] {
  const disks = [Buffer.alloc(8 * MIB, 1), Buffer.alloc(8 * MIB, 1)];
  for (const run of runs) disks[run.disk]?.set(run.data ?? Buffer.alloc(run.length), run.offset);
  return disks;
}

describe("runs", () => {
  test("say the same as the pieces, ascending, joined, and never overlap", () => {
    fc.assert(
      fc.property(pieces, fc.nat(), (list, turn) => {
        const expected = laid(list);
        const mixed = list.map((piece, i) => ({ piece, key: (i * 7919 + turn) % 31 }));
        const runs = [...runsOf(mixed.toSorted((a, b) => a.key - b.key).map(({ piece }) => piece))];
        for (const [i, at] of laid(runs).entries()) expect(at.equals(expected[i] ?? at)).toBe(true);
        for (const [i, run] of runs.entries()) {
          const before = runs[i - 1];
          const end = before && before.disk === run.disk ? before.offset + before.length : 0;
          expect(run.offset).toBeGreaterThanOrEqual(end);
          expect(run.data?.length ?? run.length).toBe(run.length);
          expect(
            Boolean(before && !before.data && !run.data && before.disk === run.disk && end === run.offset),
          ).toBe(false);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("join neighbours into one write", () => {
    expect(shapes(runsOf([data(8192, 4096, 2), data(0, 4096, 1), data(4096, 4096, 3)]))).toEqual([
      [0, 0, 12288, "data"],
    ]);
  });

  test("are at most 4 MiB of data, but zeros of any length", () => {
    expect(
      shapes(runsOf([data(0, 5 * MIB, 1), data(5 * MIB, 4 * MIB, 2), zeros(16 * MIB, 900 * MIB)])),
    ).toEqual([
      [0, 0, 4 * MIB, "data"],
      [0, 4 * MIB, 4 * MIB, "data"],
      [0, 8 * MIB, MIB, "data"],
      [0, 16 * MIB, 900 * MIB, "zero"],
    ]);
  });

  test("turn data that is all zero into zeros", () => {
    expect(shapes(runsOf([data(0, MIB, 0), data(MIB, MIB, 5)]))).toEqual([
      [0, 0, MIB, "zero"],
      [0, MIB, MIB, "data"],
    ]);
  });

  test("carry short zeros along with the data beside them, which costs no call", () => {
    expect(shapes(runsOf([data(0, 4096, 1), zeros(4096, 4096), data(8192, 4096, 2)]))).toEqual([
      [0, 0, 12288, "data"],
    ]);
    expect(shapes(runsOf([zeros(0, 4096), data(4096, 4096, 1), zeros(8192, 4096)]))).toEqual([
      [0, 0, 12288, "data"],
    ]);
    expect(shapes(runsOf([zeros(0, 4096), data(8192, 4096, 1)]))).toEqual([
      [0, 0, 4096, "zero"],
      [0, 8192, 4096, "data"],
    ]);
  });

  test("stay on their disk", () => {
    expect(shapes(runsOf([data(0, 512, 1), data(512, 512, 2, diskIndex(1))]))).toEqual([
      [0, 0, 512, "data"],
      [1, 512, 512, "data"],
    ]);
  });
});

test("a single byte anywhere makes data of zeros", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 600 * KIB }), fc.nat(), (length, where) => {
      const block = Buffer.alloc(length);
      expect(isZero(block)).toBe(true);
      block[where % length] = 1;
      expect(isZero(block)).toBe(false);
    }),
  );
});
