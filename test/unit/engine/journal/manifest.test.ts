import fc from "fast-check";
import { expect, test } from "vitest";
import { LeewardError } from "../../../../engine/core/errors.ts";
import { barrierId } from "../../../../engine/core/ids.ts";
import { bytes, diskIndex, generation, micros, ordinal, sequence } from "../../../../engine/core/units.ts";
import { type RecoveryPoint, decodeManifest, encodeManifest } from "../../../../engine/journal/manifest.ts";
import { MACHINE, anyDigest } from "./arbitrary.ts";

const whole = fc.maxSafeNat();
const loss = fc.record({
  seconds: fc.double({ min: 0, max: 1e9, noNaN: true }),
  bytes: whole.map(bytes),
  writes: fc.nat(),
});
const anyPoint: fc.Arbitrary<RecoveryPoint> = fc
  .record({
    format: fc.constant(1 as const),
    machine: fc.constant(MACHINE),
    generation: fc.integer({ min: 1, max: 999_999 }).map(generation),
    id: fc.uuid().map(barrierId),
    sequence: whole.map(sequence),
    time: whole.map(micros),
    consistency: fc.constantFrom("crash" as const, "application" as const),
    disks: fc.array(fc.tuple(fc.string({ minLength: 1, maxLength: 40 }), whole.map(bytes), anyDigest), {
      minLength: 1,
      maxLength: 5,
    }),
    losses: fc.record({ vm: loss, region: loss }),
    position: fc.record({
      next: fc.nat().map(ordinal),
      chain: anyDigest,
      time: whole.map(micros),
      bytes: whole.map(bytes),
    }),
  })
  .map(({ position, disks, ...point }) => ({
    ...point,
    position: { generation: point.generation, sequence: point.sequence, ...position },
    disks: disks.map(([name, size, root], i) => ({ index: diskIndex(i * 2), name, size, root })),
  }));

const [example] = fc.sample(anyPoint, { numRuns: 1, seed: 1 });
if (!example) throw new Error("no example");

const refusal = (document: Uint8Array): string => {
  try {
    decodeManifest(document);
  } catch (error) {
    if (error instanceof LeewardError) return error.code;
    throw error;
  }
  return "accepted";
};

test("what is encoded decodes to the same point", () => {
  fc.assert(
    fc.property(anyPoint, (point) => {
      expect(decodeManifest(encodeManifest(point))).toEqual(point);
    }),
    { numRuns: 500 },
  );
});

test("equal points give equal bytes, whatever the order of their keys", () => {
  const { format, ...rest } = example;
  expect(encodeManifest({ ...rest, format }).equals(encodeManifest(example))).toBe(true);
});

test("every flipped bit is noticed", () => {
  const document = encodeManifest(example);
  for (let at = 0; at < document.length; at++)
    for (let bit = 0; bit < 8; bit++) {
      const damaged = Buffer.from(document);
      damaged.writeUInt8((document[at] ?? 0) ^ (1 << bit), at);
      expect(["ManifestDamaged", "ManifestVersionUnknown"], `bit ${bit} of byte ${at}`).toContain(
        refusal(damaged),
      );
    }
});

test("every truncation is noticed", () => {
  const document = encodeManifest(example);
  for (let length = 0; length < document.length; length++)
    expect(refusal(document.subarray(0, length))).toBe("ManifestDamaged");
});

test("garbage and other JSON are refused", () => {
  const anything = fc.oneof(
    fc.uint8Array().map((raw) => Buffer.from(raw)),
    fc.json().map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(anything, (document) => {
      expect(["ManifestDamaged", "ManifestVersionUnknown"]).toContain(refusal(document));
    }),
    { numRuns: 1000 },
  );
});

test("a newer format is named", () => {
  const newer = Buffer.from(JSON.stringify({ format: 3, anything: true }));
  expect(() => decodeManifest(newer)).toThrow(
    expect.objectContaining({
      code: "ManifestVersionUnknown",
      message: "a manifest of format 3; known is 2",
    }),
  );
});

const ahead = sequence(Number(example.position.sequence) + 1);
test.each<[string, Partial<RecoveryPoint>]>([
  ["a position of another generation", { position: { ...example.position, generation: generation(7) } }],
  ["a position before its barrier", { sequence: ahead }],
  ["no disks", { disks: [] }],
  ["the same disk twice", { disks: [...example.disks.slice(0, 1), ...example.disks.slice(0, 1)] }],
  [
    "a loss that is no number",
    { losses: example.losses && { ...example.losses, vm: { ...example.losses.vm, seconds: Number.NaN } } },
  ],
])("a point with %s is not encoded", (_, wrong) => {
  expect(() => encodeManifest({ ...example, ...wrong })).toThrow(RangeError);
});
