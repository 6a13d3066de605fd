import fc from "fast-check";
import { expect, test } from "vitest";
import { barrierId, machineId } from "../../../../engine/core/ids.ts";
import { generation, micros, ordinal, sequence } from "../../../../engine/core/units.ts";
import {
  journalPrefix,
  layerMade,
  layerName,
  layerPartName,
  layersPrefix,
  parsePointName,
  parseSegmentName,
  pointName,
  segmentName,
} from "../../../../engine/journal/names.ts";

const machine = fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/).map(machineId);
const anyGeneration = fc.integer({ min: 1, max: 999_999 }).map(generation);
const anyOrdinal = fc.integer({ min: 0, max: 999_999_999_999 }).map(ordinal);

test("a segment's name says its place", () => {
  fc.assert(
    fc.property(machine, anyGeneration, anyOrdinal, (of, run, first) => {
      const name = segmentName(of, run, first);
      expect(parseSegmentName(name)).toEqual({ machine: of, generation: run, ordinal: first });
      expect(name.startsWith(journalPrefix(of, run))).toBe(true);
    }),
  );
});

test("a point's name says its place", () => {
  fc.assert(
    fc.property(
      machine,
      anyGeneration,
      fc.maxSafeNat().map(sequence),
      fc.uuid().map(barrierId),
      (of, run, at, id) => {
        const name = pointName(of, run, at, id);
        expect(parsePointName(name)).toEqual({ machine: of, generation: run, sequence: at, id });
      },
    ),
  );
});

test("a layer's names say when it was begun, and no other name does", () => {
  const id = fc.uuid().map(barrierId);
  const point = fc.record({ id, sequence: fc.maxSafeNat().map(sequence) });
  const made = fc.maxSafeNat().map(micros);
  fc.assert(
    fc.property(machine, anyGeneration, point, point, made, id, (of, run, begin, end, when, build) => {
      const place = { machine: of, generation: run, begin, end, made: when, build };
      for (const name of [layerName(place), layerPartName(place, 7)]) {
        expect(layerMade(name)).toBe(when);
        expect(name.startsWith(layersPrefix(of, run))).toBe(true);
        expect(layerMade(`${name}x`)).toBeUndefined();
      }
    }),
  );
});

test("names sort as what they name", () => {
  const m = machineId("m");
  fc.assert(
    fc.property(anyOrdinal, anyOrdinal, (a, b) => {
      expect(segmentName(m, generation(1), a) < segmentName(m, generation(1), b)).toBe(a < b);
    }),
  );
});

test("any other name says nothing, and breaks nothing", () => {
  const digits = (length: number) => fc.stringMatching(new RegExp(`^\\d{${length - 1},${length + 1}}$`));
  const near = fc
    .tuple(fc.oneof(machine, fc.string({ maxLength: 8 })), digits(6), digits(12))
    .map(([of, run, first]) => `machines/${of}/journal/${run}/${first}.seg`);
  fc.assert(
    fc.property(fc.oneof(near, fc.string()), (name) => {
      const place = parseSegmentName(name);
      const back = place && segmentName(place.machine, place.generation, place.ordinal);
      expect([name, undefined]).toContain(back);
      expect(parsePointName(name)).toBeUndefined();
    }),
    { numRuns: 2000 },
  );
});

test.each([
  "machines/m/journal/000000/000000000000.seg",
  "machines/M/journal/000001/000000000000.seg",
  `machines/m/points/000001/9999999999999999-${"0".repeat(8)}-0000-0000-0000-${"0".repeat(12)}.json`,
  `machines/m/points/000001/0000000000000001-${"-".repeat(36)}.json`,
])("%s has the form of a name and names nothing", (name) => {
  expect(parseSegmentName(name)).toBeUndefined();
  expect(parsePointName(name)).toBeUndefined();
});
