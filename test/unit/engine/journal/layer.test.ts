import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytes, diskIndex, micros, sequence } from "../../../../engine/core/units.ts";
import { decodeLayer, encodeLayer } from "../../../../engine/journal/layer-document.ts";
import { checkLayerPart, openLayerPart } from "../../../../engine/journal/layer.ts";
import type { JournalRecord } from "../../../../engine/journal/record.ts";
import { sealLayerPart } from "../../../../engine/journal/seal-layer.ts";
import { LAYER_RECORDS, LAYER_SPAN, layerOf } from "../../../golden/version-1.ts";
import { KEY, OTHER_KEY, anyDigest } from "./arbitrary.ts";

const at = { sequence: LAYER_SPAN.to, time: micros(0) };
const data = (offset: number, content: Uint8Array): JournalRecord => ({
  kind: "data",
  ...at,
  disk: diskIndex(0),
  offset: bytes(offset),
  data: content,
});
const seal = (records: readonly JournalRecord[]) =>
  sealLayerPart({ span: LAYER_SPAN, part: 3, last: false, records, key: KEY });

describe("a part of a layer", () => {
  test("opens to the records that were sealed", async () => {
    const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 2000 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(pieces, async (contents) => {
        const records = contents.map((content, i) => data(i * 2000, content));
        const { header, bytes: sealed } = await seal(records);
        expect(header).toMatchObject({ ...LAYER_SPAN, part: 3, last: false, marks: false });
        expect((await openLayerPart(checkLayerPart(sealed), KEY)).map((record) => ({ ...record }))).toEqual(
          records.map((record) =>
            "data" in record ? { ...record, data: Buffer.from(record.data) } : record,
          ),
        );
      }),
      { numRuns: 50 },
    );
  });

  test("does not open with another key", async () => {
    await expect(openLayerPart(await seal([data(0, Buffer.from("x"))]), OTHER_KEY)).rejects.toMatchObject({
      code: "KeyWrong",
    });
  });

  test.each([
    ["that overlap", [data(0, Buffer.alloc(10)), data(9, Buffer.alloc(1))], "overlaps another"],
    ["of another sequence", [{ ...data(0, Buffer.alloc(1)), sequence: sequence(1) }], "has sequence 1"],
    ["of nothing", [data(0, Buffer.alloc(0))], "covers nothing"],
  ] as const)("is not made of writes %s", async (_, records, message) => {
    await expect(seal(records)).rejects.toThrow(message);
  });

  test("is refused with any bit flipped, cut short or drawn out, and never read as something else", async () => {
    const whole = (await seal([data(0, Buffer.alloc(100, "abc")), ...(LAYER_RECORDS[1] ?? [])])).bytes;
    const open = async (sealed: Buffer) => openLayerPart(checkLayerPart(sealed), KEY);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (where, mask) => {
        const damaged = Buffer.from(whole);
        damaged[where] = (damaged[where] ?? 0) ^ mask;
        await expect(open(damaged)).rejects.toMatchObject({
          code: expect.stringMatching(/^Layer(Damaged|VersionUnknown)$/),
        });
      }),
      { numRuns: 400 },
    );
    for (const wrong of [whole.subarray(0, -1), whole.subarray(0, 100), Buffer.concat([whole, whole])])
      await expect(open(wrong)).rejects.toMatchObject({ code: "LayerDamaged" });
  });
});

describe("the document of a layer", () => {
  const part = fc.record({ size: fc.nat().map(bytes), digest: anyDigest, marks: fc.boolean() });

  test("decodes to what was encoded, and every flipped bit is noticed", () => {
    fc.assert(
      fc.property(
        fc.array(part, { minLength: 1, maxLength: 4 }),
        fc.nat(),
        fc.nat(7),
        (parts, where, bit) => {
          const document = encodeLayer(layerOf(parts));
          expect(decodeLayer("it", document)).toEqual(layerOf(parts));
          const i = where % document.length;
          document[i] = (document[i] ?? 0) ^ (1 << bit);
          expect(() => decodeLayer("it", document)).toThrow(/^it/);
        },
      ),
    );
  });

  test("has parts, and ends where it does not begin", () => {
    expect(() => encodeLayer(layerOf([]))).toThrow("not a layer");
    const [size, digest] = [bytes(1), LAYER_SPAN.chain];
    const layer = layerOf([{ size, digest, marks: true }]);
    expect(() => encodeLayer({ ...layer, begin: layer.end, end: layer.begin })).toThrow("not a layer");
  });
});
