import { randomBytes } from "node:crypto";
import { bytes } from "../core/units.ts";
import { bodyLength, encodeBody } from "./body.ts";
import { encryptInto } from "./cipher.ts";
import { deflated } from "./deflate.ts";
import { MAX_BODY } from "./header.ts";
import type { DataKey } from "./key.ts";
import {
  LAYER_HEADER,
  LAYER_HEADER_BYTES,
  LAYER_VERSION,
  type LayerSpan,
  writeLayerHeader,
} from "./layer-header.ts";
import {
  type CheckedLayerPart,
  checkLayerPart,
  damagedLayer,
  openLayerPart,
  placeOfPart,
  summarizePart,
} from "./layer.ts";
import type { JournalRecord } from "./record.ts";
import { sameRecord } from "./same-record.ts";
import { withScratch } from "./scratch.ts";
import { TRAILER_BYTES, writeTrailer } from "./segment.ts";

export interface LayerPartContent {
  readonly span: LayerSpan;
  readonly part: number;
  readonly last: boolean;
  /** As `openLayerPart` gives them. Must not change until the promise settles. */
  readonly records: readonly JournalRecord[];
  readonly key: DataKey;
}

/**
 * Compresses off-thread. What comes back was decoded and compared with what was given.
 * @throws RangeError for records that break the rules or exceed 64 MiB together, LayerDamaged when it does not decode
 */
export async function sealLayerPart(content: LayerPartContent): Promise<CheckedLayerPart> {
  const { span, records, key } = content;
  const summary = summarizePart(span.to, records);
  const length = bodyLength(records);
  if (length > MAX_BODY) throw new RangeError(`a part of ${length} bytes; the limit is ${MAX_BODY}`);
  const sealed = await withScratch(length, (body) => {
    encodeBody(span.to, records, body);
    return encode(content, summary, body);
  });
  const checked = checkLayerPart(sealed);
  const found = await openLayerPart(checked, key);
  const wrong = records.findIndex((record, i) => !sameRecord(record, found[i]));
  if (wrong >= 0)
    throw damagedLayer(`${placeOfPart(checked.header)}: record ${wrong} does not decode to what was sealed`);
  return checked;
}

async function encode(
  { span, part, last, records, key }: LayerPartContent,
  summary: ReturnType<typeof summarizePart>,
  body: Buffer,
): Promise<Buffer> {
  const { stored, compressed } = await deflated(body);
  const sealed = Buffer.allocUnsafeSlow(LAYER_HEADER_BYTES + stored.length + TRAILER_BYTES);
  writeLayerHeader(sealed, {
    ...span,
    ...summary,
    version: LAYER_VERSION,
    part,
    last,
    records: records.length,
    compressed,
    bodyLength: bytes(body.length),
    storedLength: bytes(stored.length),
    nonce: randomBytes(LAYER_HEADER.nonce.size),
  });
  encryptInto(sealed, stored, key);
  writeTrailer(sealed);
  return sealed;
}
