import fc from "fast-check";
import { expect, test } from "vitest";
import { mergeRanges } from "../../../../engine/storage/page.ts";

test("merged ranges hold the same positions, ascending and apart", () => {
  const range = fc.record({ offset: fc.nat(60), count: fc.integer({ min: 1, max: 8 }) });
  fc.assert(
    fc.property(fc.array(range), (found) => {
      const merged = mergeRanges(found);
      const positions = (all: readonly { offset: number; count: number }[]) =>
        new Set(all.flatMap(({ offset, count }) => Array.from({ length: count }, (_, n) => offset + n)));
      expect(positions(merged.map(({ offset, length }) => ({ offset, count: length })))).toEqual(
        new Set([...positions(found)].toSorted((a, b) => a - b)),
      );
      merged.slice(1).forEach(({ offset }, n) => {
        const before = merged[n];
        expect(offset).toBeGreaterThan((before?.offset ?? 0) + (before?.length ?? 0));
      });
    }),
  );
});
