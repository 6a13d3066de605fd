import fc from "fast-check";
import { expect, test } from "vitest";
import { machineId } from "../../../../engine/core/ids.ts";
import { ordinal, generation } from "../../../../engine/core/units.ts";
import { segmentName } from "../../../../engine/journal/names.ts";
import { byBytes, checkName, escapeKey, isName, unescapeKey } from "../../../../engine/storage/name.ts";

test("the journal's names are object names", () => {
  const name = segmentName(machineId("ledger-1"), generation(1), ordinal(0));
  expect(isName(name)).toBe(true);
  expect(() => checkName(name)).not.toThrow();
});

test("a name has at most 1,000 characters", () => {
  expect(isName("x".repeat(1000))).toBe(true);
  expect(isName("x".repeat(1001))).toBe(false);
  expect(() => checkName("x".repeat(1001))).toThrow(RangeError);
});

test("no name leads anywhere else as a path or a URL", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("a", ".", "/", "~", "%", "-") }), (text) => {
      fc.pre(isName(text));
      const url = new URL(text, "https://host/container/");
      expect(url.href).toBe(`https://host/container/${text}`);
    }),
  );
});

test("a long name is judged quickly", () => {
  const started = performance.now();
  for (const text of ["a".repeat(1000) + ".", ".".repeat(1000), "a/".repeat(500)])
    expect(isName(text)).toBe(false);
  expect(performance.now() - started).toBeLessThan(200);
});

test("a key is escaped to plain characters and comes back", () => {
  expect(escapeKey("vm-1_x.y")).toBe("vm-1_x.y");
  expect(escapeKey("/é~")).toBe("~2f~c3~a9~7e");
  fc.assert(
    fc.property(fc.string({ unit: "binary", minLength: 1, maxLength: 100 }), (key) => {
      expect(escapeKey(key)).toMatch(/^[A-Za-z0-9._~-]+$/);
      expect(unescapeKey(escapeKey(key))).toBe(key);
    }),
  );
});

test("keys compare by their bytes, not by UTF-16", () => {
  expect(["\u{1f30a}", "\uffee", "a"].toSorted(byBytes)).toEqual(["a", "\uffee", "\u{1f30a}"]);
});
