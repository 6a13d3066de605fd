import { readFileSync } from "node:fs";
import { zstdDecompressSync } from "node:zlib";
import { expect, test } from "vitest";
import { decodeBase } from "../../../../engine/journal/base.ts";
import { bodyLength, encodeBody } from "../../../../engine/journal/body.ts";
import { follow } from "../../../../engine/journal/chain.ts";
import { decryptInto } from "../../../../engine/journal/cipher.ts";
import { masterKey } from "../../../../engine/journal/file-key.ts";
import { dataKeyBytes, decodeWrappedKey } from "../../../../engine/journal/key.ts";
import { decodeManifest } from "../../../../engine/journal/manifest.ts";
import { decodeLayer, encodeLayer } from "../../../../engine/journal/layer-document.ts";
import { checkLayerPart, openLayerPart } from "../../../../engine/journal/layer.ts";
import { openSegment } from "../../../../engine/journal/open.ts";
import { startOf } from "../../../../engine/journal/position.ts";
import { checkSegment, splitPack } from "../../../../engine/journal/segment.ts";
import * as v1 from "../../../golden/version-1.ts";

const read = (name: string): Buffer => readFileSync(new URL(name, v1.FOLDER));
const segments = v1.SEGMENT_FILES.map((name, i) => ({ bytes: read(name), records: v1.RECORDS[i] ?? [] }));

test("segments of version 1 open to what was sealed then", async () => {
  for (const { bytes, records } of segments)
    expect(await openSegment(checkSegment(bytes), v1.DATA_KEY)).toEqual(records);
});

test("segments of version 1 chain to the position of their point", () => {
  const start = startOf(v1.GENERATION, v1.FROM);
  const end = segments.reduce(
    (position, { bytes }) => follow(v1.MACHINE, position, checkSegment(bytes)),
    start,
  );
  expect(end).toEqual(v1.positionOf(end.chain));
  expect(decodeManifest(read(v1.POINT_FILE))).toEqual(v1.pointOf(end.chain));
  expect(decodeBase(v1.BASE_FILE, read(v1.BASE_FILE))).toEqual(v1.baseOf(end.chain));
});

test("both forms of a body, stored as is and compressed, are among them", () => {
  const forms = segments.map(({ bytes }) => checkSegment(bytes).header.compressed);
  expect(forms.slice(0, 2)).toEqual([true, false]);
});

test("a pack of version 1 splits into its segments", () => {
  expect(splitPack(read(v1.PACK_FILE))).toEqual(segments.map(({ bytes }) => bytes));
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

test("a wrapped key of version 1 unwraps", async () => {
  const key = await masterKey(v1.MASTER_KEY).unwrap(decodeWrappedKey(read(v1.KEY_FILE)));
  expect(dataKeyBytes(key)).toEqual(dataKeyBytes(v1.DATA_KEY));
});

test("today's writer lays out the same records in the same bytes", async () => {
  for (const { bytes, records } of segments) {
    const checked = checkSegment(bytes);
    const stored = Buffer.alloc(checked.header.storedLength);
    await decryptInto(stored, checked.bytes, v1.DATA_KEY, "golden");
    const body = Buffer.alloc(bodyLength(records));
    encodeBody(checked.header.from, records, body);
    expect(checked.header.compressed ? zstdDecompressSync(stored) : stored).toEqual(body);
  }
});
