import fc from "fast-check";
import { expect, test } from "vitest";
import { chunksOf, encodeDocument } from "../../../../engine/storage/document.ts";

test("any JSON becomes ASCII that means the same", () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: "binary" }), (value) => {
      const text = encodeDocument(value);
      expect(text).toMatch(/^[ -~]*$/);
      expect(JSON.stringify(JSON.parse(text))).toBe(JSON.stringify(value));
    }),
  );
});

test("pieces fit a property each and make up the whole", () => {
  for (const length of [0, 1, 31_999, 32_000, 32_001, 63_998, 63_999, 479_998]) {
    const text = encodeDocument("x".repeat(length));
    const chunks = chunksOf(text);
    // An older Leeward looks for two.
    expect(chunks).toHaveLength(length > 63_998 ? Math.ceil((length + 2) / 32_000) : 2);
    expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(32 * 1024);
    expect(chunks.join("")).toBe(text);
  }
});
