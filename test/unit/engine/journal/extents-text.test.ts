import fc from "fast-check";
import { expect, test } from "vitest";
import { ExtentSet } from "../../../../engine/core/extent.ts";
import { decodeExtents, encodeExtents } from "../../../../engine/journal/extents-text.ts";

const position = fc.oneof(fc.nat(1000), fc.maxSafeNat());

test("extents come back as they were, wherever they lie", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(position, position), { maxLength: 300 }), (pairs) => {
      const set = ExtentSet.of(pairs.map(([a, b]) => ({ start: Math.min(a, b), end: Math.max(a, b) })));
      expect([...decodeExtents(encodeExtents(set))]).toEqual([...set]);
    }),
  );
});

test("what is no extents is refused", () => {
  for (const text of ["AAAA", Buffer.from("nothing of the kind").toString("base64")])
    expect(() => [...decodeExtents(text)]).toThrow(RangeError);
});

test("a boundary each 4 KiB takes four bytes at most, and mostly less", () => {
  const set = ExtentSet.of(
    Array.from({ length: 20_000 }, (_, n) => ({
      start: n * 65_536 + ((n * 7) % 11) * 4096,
      end: n * 65_536 + ((n * 7) % 11) * 4096 + 4096,
    })),
  );
  expect(encodeExtents(set).length).toBeLessThan(2 * 20_000 * 4);
});
