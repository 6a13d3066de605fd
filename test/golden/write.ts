import { mkdir, writeFile } from "node:fs/promises";
import { bytes as sizeOf } from "../../engine/core/units.ts";
import { encodeBase } from "../../engine/journal/base.ts";
import { follow } from "../../engine/journal/chain.ts";
import { masterKey } from "../../engine/journal/file-key.ts";
import { encodeWrappedKey } from "../../engine/journal/key.ts";
import { type Layer, encodeLayer } from "../../engine/journal/layer-document.ts";
import { encodeManifest } from "../../engine/journal/manifest.ts";
import { startOf } from "../../engine/journal/position.ts";
import { sealLayerPart } from "../../engine/journal/seal-layer.ts";
import { sealSegment } from "../../engine/journal/seal.ts";
import {
  BASE_FILE,
  DATA_KEY,
  FOLDER,
  FROM,
  GENERATION,
  KEY_FILE,
  LAYER_FILE,
  LAYER_PART_FILES,
  LAYER_RECORDS,
  LAYER_SPAN,
  MACHINE,
  MASTER_KEY,
  PACK_FILE,
  POINT_FILE,
  RECORDS,
  SEGMENT_FILES,
  baseOf,
  layerOf,
  pointOf,
} from "./version-1.ts";

/** `node test/golden/write.ts`: writes the golden files of the newest version, once. What is there is never replaced. */
await mkdir(FOLDER, { recursive: true });
const put = (name: string, content: Uint8Array) => writeFile(new URL(name, FOLDER), content, { flag: "wx" });

let position = startOf(GENERATION, FROM);
const sealed: Buffer[] = [];
for (const records of RECORDS) {
  const { generation, next: ordinal, chain: previous, sequence: from } = position;
  const segment = await sealSegment({
    machine: MACHINE,
    generation,
    ordinal,
    previous,
    from,
    records,
    key: DATA_KEY,
  });
  await put(SEGMENT_FILES[ordinal] ?? `${ordinal}.seg`, segment.bytes);
  sealed.push(segment.bytes);
  position = follow(MACHINE, position, segment);
}
await put(PACK_FILE, Buffer.concat(sealed));
await put(BASE_FILE, encodeBase(baseOf(position.chain)));
await put(POINT_FILE, encodeManifest(pointOf(position.chain)));
const parts: Layer["parts"] = [];
for (const [part, records] of LAYER_RECORDS.entries()) {
  const last = part === LAYER_RECORDS.length - 1;
  const { bytes, digest, header } = await sealLayerPart({ span: LAYER_SPAN, part, last, records, key: DATA_KEY });
  await put(LAYER_PART_FILES[part] ?? `layer-${part}.lay`, bytes);
  parts.push({ size: sizeOf(bytes.length), digest, marks: header.marks });
}
await put(LAYER_FILE, encodeLayer(layerOf(parts)));
await put(KEY_FILE, encodeWrappedKey(await masterKey(MASTER_KEY).wrap(DATA_KEY)));
