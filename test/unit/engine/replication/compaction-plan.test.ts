import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NO_DIGEST, digestOf } from "../../../../engine/core/digest.ts";
import { type BarrierId, barrierId, machineId } from "../../../../engine/core/ids.ts";
import { bytes, generation, micros, ordinal, sequence } from "../../../../engine/core/units.ts";
import type { Layer } from "../../../../engine/journal/layer-document.ts";
import { NO_POINT } from "../../../../engine/journal/layer-header.ts";
import { startOf } from "../../../../engine/journal/position.ts";
import { MOST_ON_THE_WAY, nextCompaction } from "../../../../engine/replication/compaction-plan.ts";
import { type PathEnd, layerBytes, pathTo, standsAlone } from "../../../../engine/replication/layer-path.ts";

const one = generation(1);
const idOf = (n: number) => barrierId(`00000000-0000-4000-8000-${String(n).padStart(12, "0")}`);
const point = (n: number): PathEnd => ({
  id: idOf(n),
  sequence: sequence(n),
  position: { ...startOf(one, sequence(n)), next: ordinal(n) },
});
const START: PathEnd = { id: NO_POINT, sequence: sequence(0), position: startOf(one, sequence(0)) };

const layer = (begin: PathEnd, end: PathEnd, size: number): Layer => ({
  format: 1,
  machine: machineId("m"),
  generation: one,
  build: idOf(0),
  made: micros(0),
  begin,
  end,
  tail: end.position,
  earliest: micros(0),
  latest: micros(0),
  parts: [{ size: bytes(size), digest: NO_DIGEST, marks: true }],
});

const BASE = 1_000_000_000;
const STEP = 4_000_000;

/** Carries plans out: a layer holds what each step changed, a base that of the whole disk. */
function buildAll(points: readonly PathEnd[], layers: Layer[]): Layer[] {
  const placeOf = (id: BarrierId | undefined) => layers.find(({ end }) => end.id === id)?.end ?? START;
  for (let next = nextCompaction(points, layers); next; next = nextCompaction(points, layers)) {
    const begin = placeOf(next.begin);
    const size = next.begin === undefined ? BASE : STEP * (next.end.sequence - begin.sequence);
    layers.push(layer(begin, next.end, size));
    expect(layers.length).toBeLessThan(5000);
  }
  return layers;
}

describe("the plan", () => {
  test("begins with a base for the oldest point, then goes from point to point", () => {
    const points = [point(1), point(2)];
    expect(nextCompaction(points, [])).toEqual({ begin: undefined, end: points[0], alone: false });
    const base = layer(START, point(1), BASE);
    const step = { begin: idOf(1), end: points[1], alone: false };
    expect(nextCompaction(points, [base])).toEqual(step);
    expect(nextCompaction(points, [base, layer(point(1), point(2), STEP)])).toBeUndefined();
    expect(nextCompaction([], [])).toBeUndefined();
  });

  test("goes on to what does not need a layer that is being built over several turns, and waits for what does", () => {
    const points = [point(1), point(100), point(101)];
    const heavy = [layer(START, point(1), BASE), layer(point(1), point(100), BASE)];
    const large = nextCompaction(points, heavy);
    expect(large).toEqual({ begin: undefined, end: points[1], alone: true });
    const isLarge = ({ begin, alone }: { begin: BarrierId | undefined; alone: boolean }) =>
      begin === undefined && alone;
    expect(nextCompaction(points, heavy, [], isLarge)).toEqual({
      begin: idOf(100),
      end: points[2],
      alone: false,
    });
    expect(nextCompaction(points, [], [], ({ begin }) => begin === undefined)).toBeUndefined();
  });

  test("keeps every way short, its bytes few, and its writing bounded", () => {
    const points = Array.from({ length: 200 }, (_, i) => point(i + 1));
    const layers = buildAll(points, []);
    for (const each of points) {
      const path = pathTo(layers, NO_POINT, each);
      expect(path.at(-1)?.end.id).toBe(each.id);
      expect(path.length).toBeLessThanOrEqual(9);
      expect(path.reduce((sum, part) => sum + layerBytes(part), 0)).toBeLessThanOrEqual(1.15 * BASE);
    }
    const bases = layers.filter(({ begin }) => begin.id === NO_POINT).length;
    expect(bases).toBeLessThanOrEqual(1 + Math.ceil((200 * STEP) / (0.15 * BASE)));
    expect(layers.length).toBeLessThan(1.3 * points.length);
  });

  test("replaces the layers between two points when those between them were thinned", () => {
    const points = Array.from({ length: 5 }, (_, i) => point(i + 1));
    const layers = buildAll(points, []);
    expect(nextCompaction([point(1), point(5)], layers)).toEqual({
      begin: idOf(1),
      end: point(5),
      alone: false,
    });
  });

  test("keeps the way through any number of generations short: one with a base of its own is the last", () => {
    const base = layer(START, point(1), BASE);
    let under: Layer[] = [base];
    let alone = 0;
    for (let of = 2; of < 80; of++) {
      const standing = { ...START, position: { ...START.position, chain: digestOf("ab".repeat(32)) } };
      const points = Array.from({ length: 1 + (of % 4) }, (_, i) => point(i + 1));
      const layers: Layer[] = [];
      for (;;) {
        const next = nextCompaction(points, layers, under);
        if (!next) break;
        const begin = next.begin ? point(next.end.sequence - 1) : next.alone ? START : standing;
        layers.push(layer(begin, next.end, next.alone ? BASE : STEP));
        expect(layers.length).toBeLessThan(20);
      }
      for (const each of points) {
        const own = pathTo(layers, NO_POINT, each);
        const way = own.some(standsAlone) ? own : [...under, ...own];
        expect(own.at(-1)?.end.id).toBe(each.id);
        expect(way.length).toBeLessThanOrEqual(MOST_ON_THE_WAY + 1);
        expect(way.reduce((sum, part) => sum + layerBytes(part), 0)).toBeLessThanOrEqual(1.15 * BASE);
      }
      alone += layers.filter(standsAlone).length;
      const own = pathTo(layers, NO_POINT, points.at(-1) ?? START);
      under = own.some(standsAlone) ? own : [...under, ...own];
    }
    expect(alone).toBeGreaterThan(5);
    expect(alone).toBeLessThan(20);
  });

  test("builds nothing over a gap whose points were thinned: the way behind it goes by the base", () => {
    const step = layer(point(1), point(2), STEP);
    const layers = [layer(START, point(1), BASE), step, layer(START, point(3), BASE)];
    layers.push(layer(point(3), point(4), STEP));
    expect(nextCompaction([point(2), point(4)], layers)).toBeUndefined();
    expect(nextCompaction([point(1), point(4), point(5)], layers)).toEqual({
      begin: idOf(4),
      end: point(5),
      alone: false,
    });
  });

  test("ends, whatever points are kept as time goes by", () => {
    fc.assert(
      fc.property(fc.array(fc.uniqueArray(fc.integer({ min: 1, max: 40 })), { maxLength: 5 }), (sets) => {
        const layers: Layer[] = [];
        for (const set of sets) {
          const points = set.toSorted((a, b) => a - b).map(point);
          buildAll(points, layers);
          for (const each of points) expect(pathTo(layers, NO_POINT, each).at(-1)?.end.id).toBe(each.id);
        }
      }),
    );
  });

  test("goes beside a point that has the same place", () => {
    const twin: PathEnd = { ...point(1), id: idOf(99) };
    const layers = [layer(START, point(1), BASE)];
    expect(nextCompaction([point(1), twin], layers)).toEqual({
      begin: undefined,
      end: twin,
      alone: false,
    });
    layers.push(layer(START, twin, BASE));
    expect(nextCompaction([point(1), twin], layers)).toBeUndefined();
  });
});

describe("the way to a point", () => {
  test("is the cheapest of those that reach furthest", () => {
    const base = layer(START, point(1), 100);
    const steps = [layer(point(1), point(2), 60), layer(point(2), point(3), 60)];
    const skip = layer(point(1), point(3), 70);
    expect(pathTo([...steps, base, skip], NO_POINT, point(3))).toEqual([base, skip]);
    expect(pathTo([...steps, base, skip], NO_POINT, point(2))).toEqual([base, steps[0]]);
    expect(pathTo([...steps, base, skip], idOf(2), point(9))).toEqual([steps[1]]);
    expect(pathTo([...steps, skip], NO_POINT, point(3))).toEqual([]);
  });
});
