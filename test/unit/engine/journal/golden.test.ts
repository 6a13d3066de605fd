import { readFileSync } from "node:fs";
import { zstdDecompressSync } from "node:zlib";
import { expect, test } from "vitest";
import { decodeBase } from "../../../../engine/journal/base.ts";
import { bodyLength, encodeBody } from "../../../../engine/journal/body.ts";
import { follow } from "../../../../engine/journal/chain.ts";
import { decryptInto } from "../../../../engine/journal/cipher.ts";
import { masterKey } from "../../../../engine/journal/file-key.ts";
import { dataKeyBytes, decodeWrappedKey } from "../../../../engine/journal/key.ts";
import { decodeGroupPoint, encodeGroupPoint } from "../../../../engine/journal/group-manifest.ts";
import { decodeManifest } from "../../../../engine/journal/manifest.ts";
import { decodeLayer, encodeLayer } from "../../../../engine/journal/layer-document.ts";
import { checkLayerPart, openLayerPart } from "../../../../engine/journal/layer.ts";
import { openSegment } from "../../../../engine/journal/open.ts";
import { startOf } from "../../../../engine/journal/position.ts";
import { checkSegment, splitPack } from "../../../../engine/journal/segment.ts";
import * as v1 from "../../../golden/version-1.ts";
import * as v2 from "../../../golden/version-2.ts";
import * as v3 from "../../../golden/version-3.ts";
import * as v4 from "../../../golden/version-4.ts";
import * as v5 from "../../../golden/version-5.ts";

const read = (name: string, { FOLDER }: { readonly FOLDER: URL } = v1): Buffer =>
  readFileSync(new URL(name, FOLDER));
const segmentsOf = (version: typeof v1 | typeof v2 | typeof v3 | typeof v4 | typeof v5) =>
  version.SEGMENT_FILES.map((name, i) => ({ bytes: read(name, version), records: version.RECORDS[i] ?? [] }));
const segments = segmentsOf(v1);
const VERSIONS = [
  [1, v1],
  [2, v2],
  [3, v3],
  [4, v4],
  [5, v5],
] as const;

test.each(VERSIONS)("segments of version %d open to what was sealed then", async (number, version) => {
  for (const { bytes, records } of segmentsOf(version)) {
    const checked = checkSegment(bytes);
    expect(checked.header.version).toBe(number);
    expect(await openSegment(checked, version.DATA_KEY)).toEqual(records);
  }
});

test.each(VERSIONS.slice(0, 2))(
  "segments of version %d chain to the position of their point",
  (_, version) => {
    const start = startOf(version.GENERATION, version.FROM);
    const end = segmentsOf(version).reduce(
      (position, { bytes }) => follow(version.MACHINE, position, checkSegment(bytes)),
      start,
    );
    expect(end).toEqual(v1.positionOf(end.chain));
  },
);

test("manifest and base document of version 1 are bound to the chain of its segments", () => {
  const { digest } = checkSegment(segments.at(-1)?.bytes ?? Buffer.alloc(0));
  expect(decodeManifest(read(v1.POINT_FILE))).toEqual(v1.pointOf(digest));
  expect(decodeBase(v1.BASE_FILE, read(v1.BASE_FILE))).toEqual(v1.baseOf(digest));
});

test("a group's manifest of version 1 is what was written then, byte for byte", () => {
  expect(decodeGroupPoint(read(v1.GROUP_FILE))).toEqual(v1.GROUP_POINT);
  expect(encodeGroupPoint(v1.GROUP_POINT).equals(read(v1.GROUP_FILE))).toBe(true);
});

test("a segment of version 2 says whether it holds a barrier or a proof, one of version 1 whether it may", () => {
  const said = (version: typeof v1 | typeof v2) =>
    segmentsOf(version).map(({ bytes }) => {
      const { marks, barriers, proofs } = checkSegment(bytes).header;
      return { marks, barriers, proofs };
    });
  const none = { marks: false, barriers: false, proofs: false };
  expect(said(v2)).toEqual([none, none, { marks: true, barriers: true, proofs: true }]);
  expect(said(v1)).toEqual(said(v2));
});

test("a segment of version 3 says which writes are copies; one of version 2 cannot", async () => {
  const [copies] = segmentsOf(v3).slice(-1);
  const checked = checkSegment(copies?.bytes ?? Buffer.alloc(0));
  const records = await openSegment(checked, v3.DATA_KEY);
  expect(records.map((record) => "copied" in record)).toEqual([true, true]);
  const blind = { ...checked, header: { ...checked.header, version: 2 } };
  await expect(openSegment(blind, v3.DATA_KEY)).rejects.toThrow(/not an origin/);
});

test("a segment of version 4 says in the clear how much of it is copies; one of version 3 does not", () => {
  const said = (version: typeof v3 | typeof v4) =>
    segmentsOf(version).map(({ bytes }) => {
      const { copiedWrites, copiedBytes } = checkSegment(bytes).header;
      return [copiedWrites, copiedBytes];
    });
  const none = [0, 0];
  expect(said(v4)).toEqual([none, none, none, [2, 65_536]]);
  expect(said(v3)).toEqual([none, none, none, none]);
});

test("a segment of version 5 says whether its change goes on, and its barrier how far its disks are apart", async () => {
  const said = segmentsOf(v5).map(({ bytes }) => checkSegment(bytes).header.continues);
  expect(said).toEqual([false, false, false, false, true, true, false]);
  const checked = checkSegment(segmentsOf(v5).at(-1)?.bytes ?? Buffer.alloc(0));
  const older = { ...checked, header: { ...checked.header, version: 4 } };
  await expect(openSegment(older, v5.DATA_KEY)).rejects.toThrow(/reserved bytes/);
});

test("a position counts the copies before it, as far as segments tell", () => {
  const end = (version: typeof v3 | typeof v4) =>
    segmentsOf(version).reduce(
      (position, { bytes }) => follow(version.MACHINE, position, checkSegment(bytes)),
      startOf(version.GENERATION, version.FROM),
    );
  expect(end(v4).copied).toEqual({ writes: 2, bytes: 65_536 });
  expect(end(v3).copied).toBeUndefined();
});

test("both forms of a body, stored as is and compressed, are among them", () => {
  const forms = segments.map(({ bytes }) => checkSegment(bytes).header.compressed);
  expect(forms.slice(0, 2)).toEqual([true, false]);
});

test.each(VERSIONS)("a pack of version %d splits into its segments", (_, version) => {
  expect(splitPack(read(version.PACK_FILE, version))).toEqual(segmentsOf(version).map(({ bytes }) => bytes));
});

test("a layer of version 1 opens to what was sealed then", async () => {
  const layer = decodeLayer(v1.LAYER_FILE, read(v1.LAYER_FILE));
  expect(layer).toEqual(v1.layerOf(layer.parts));
  expect(encodeLayer(layer)).toEqual(read(v1.LAYER_FILE));
  for (const [i, name] of v1.LAYER_PART_FILES.entries()) {
    const part = checkLayerPart(read(name));
    expect(part.header).toMatchObject({ ...v1.LAYER_SPAN, part: i, last: i === 1, compressed: i === 1 });
    expect(layer.parts[i]).toEqual({
      size: part.bytes.length,
      digest: part.digest,
      marks: part.header.marks,
    });
    expect(await openLayerPart(part, v1.DATA_KEY)).toEqual(v1.LAYER_RECORDS[i]);
  }
});

test("a layer whose parts are in the order of the disks has a document of format 2", () => {
  const name = "layer-format-2.json";
  const document = readFileSync(new URL(`../../../golden/${name}`, import.meta.url));
  const layer = decodeLayer(name, document);
  expect(layer).toEqual({ ...v1.layerOf(layer.parts), format: 2 });
  expect(encodeLayer(layer)).toEqual(document);
});

test("a wrapped key of version 1 unwraps", async () => {
  const key = await masterKey(v1.MASTER_KEY).unwrap(decodeWrappedKey(read(v1.KEY_FILE)));
  expect(dataKeyBytes(key)).toEqual(dataKeyBytes(v1.DATA_KEY));
});

test("today's writer lays out the same records in the same bytes", async () => {
  for (const { bytes, records } of [
    ...segments,
    ...segmentsOf(v2),
    ...segmentsOf(v3),
    ...segmentsOf(v4),
    ...segmentsOf(v5),
  ]) {
    const checked = checkSegment(bytes);
    const stored = Buffer.alloc(checked.header.storedLength);
    decryptInto(stored, checked.bytes, v1.DATA_KEY, "golden");
    const body = Buffer.alloc(bodyLength(records));
    encodeBody(checked.header.from, records, body);
    expect(checked.header.compressed ? zstdDecompressSync(stored) : stored).toEqual(body);
  }
});
