import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { LeewardError } from "../../../../engine/core/errors.ts";
import { type Base, decodeBase, encodeBase } from "../../../../engine/journal/base.ts";
import { generation, sequence } from "../../../../engine/core/units.ts";
import { BASE_FILE, FOLDER } from "../../../golden/version-1.ts";

const document = readFileSync(new URL(BASE_FILE, FOLDER));
const base = decodeBase(BASE_FILE, document);

test("equal bases give equal bytes, whatever the order of their keys", () => {
  const { point, ...rest } = base;
  const { disks, ...other } = point;
  expect(encodeBase({ point: { disks, ...other }, ...rest })).toEqual(document);
});

function caught(read: () => Buffer): Buffer | LeewardError {
  try {
    return read();
  } catch (error) {
    if (error instanceof LeewardError) return error;
    throw error;
  }
}

test("any byte changed is noticed", () => {
  fc.assert(
    fc.property(fc.nat(document.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const changed = Buffer.from(document);
      changed[at] = (changed[at] ?? 0) ^ flip;
      // What still decodes is another base, so it has another digest; the chain tells.
      const outcome = caught(() => encodeBase(decodeBase(BASE_FILE, changed)));
      expect(outcome instanceof LeewardError || changed.equals(outcome)).toBe(true);
    }),
  );
});

test("a document of a later format is named as such", () => {
  const newer = Buffer.from(document.toString().replace('"format": 1', '"format": 2'));
  expect(() => decodeBase(BASE_FILE, newer)).toThrow(
    expect.objectContaining({ code: "ManifestVersionUnknown" }),
  );
});

test.each<[string, Partial<Base> | { point: Base["point"] }]>([
  ["stands on itself", { generation: base.point.generation }],
  ["has its position in another generation", { point: { ...base.point, generation: generation(1) } }],
  ["ends before its point", { point: { ...base.point, sequence: sequence(2_000_000) } }],
  ["has a disk twice", { point: { ...base.point, disks: [...base.point.disks, ...base.point.disks] } }],
])("a base that %s is not written", (_, change) => {
  expect(() => encodeBase({ ...base, ...change })).toThrow(RangeError);
});
