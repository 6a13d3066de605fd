import type { Digest } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";
import { ExtentSet } from "../core/extent.ts";
import { type Bytes, type DiskIndex, type Sequence, bytes } from "../core/units.ts";
import { decodeBody } from "./body.ts";
import { getBytes, getNumber } from "./field.ts";
import { MAX_BODY } from "./header.ts";
import { plainBody } from "./inflate.ts";
import type { DataKey } from "./key.ts";
import {
  LAYER_HEADER,
  LAYER_HEADER_BYTES,
  LAYER_MAGIC,
  LAYER_VERSION,
  type LayerHeader,
  readLayerHeader,
} from "./layer-header.ts";
import type { JournalRecord } from "./record.ts";
import { END_MAGIC, TRAILER, TRAILER_BYTES, digestIn } from "./segment.ts";
import { faultOf } from "./summary.ts";

/** A part of a layer whose structure and digest are right. What is inside is still encrypted. */
export interface CheckedLayerPart {
  readonly header: LayerHeader;
  /** SHA-256 of all stored bytes before it. */
  readonly digest: Digest;
  readonly bytes: Buffer;
}

/** Checks one whole part without its key. @throws LayerDamaged, LayerVersionUnknown */
export function checkLayerPart(bytes: Buffer): CheckedLayerPart {
  checkLengths(bytes);
  const header = soundly("header", () => readLayerHeader(bytes));
  const digest = digestIn(bytes);
  const base = bytes.length - TRAILER_BYTES;
  if (digest !== getBytes(bytes, base, TRAILER.digest).toString("hex"))
    throw damagedLayer(`${placeOfPart(header)}: the bytes do not fit their SHA-256`);
  if (!getBytes(bytes, base, TRAILER.magic).equals(END_MAGIC))
    throw damagedLayer(`${placeOfPart(header)}: no mark at its end`);
  return { header, digest, bytes };
}

/**
 * The records of the part: writes that do not overlap, each with the sequence `to` and time 0, digests, and at the very
 * end of the last part barrier and proof of the end. Their data are views of one buffer.
 * @param into as in `openSegment`
 * @throws KeyWrong, LayerDamaged
 */
export async function openLayerPart(
  part: CheckedLayerPart,
  key: DataKey,
  into?: Buffer,
): Promise<JournalRecord[]> {
  const { header } = part;
  const place = placeOfPart(header);
  const body = await plainBody(part, key, { place, damaged: damagedLayer }, into);
  return soundly(place, () => {
    const records = decodeBody(header.to, header.records, body);
    const { dataBytes, marks } = summarizePart(header.to, records);
    if (dataBytes !== header.dataBytes || marks !== header.marks)
      throw new RangeError("the header says otherwise than its records");
    return records;
  });
}

/**
 * The one place of the rules for a part's records.
 * @throws RangeError naming the record, by its position, that breaks a rule
 */
export function summarizePart(
  to: Sequence,
  records: readonly JournalRecord[],
): Pick<LayerHeader, "marks" | "dataBytes"> {
  const written = new Map<DiskIndex, ExtentSet>();
  let dataBytes: Bytes = bytes(0);
  let marks = false;
  records.forEach((record, position) => {
    const fault = record.sequence === to ? faultOf(record) : `has sequence ${record.sequence}, not ${to}`;
    if (fault) throw new RangeError(`record ${position} (${record.kind}) ${fault}`);
    if (record.kind !== "data" && record.kind !== "zero") {
      marks = true;
      return;
    }
    const length = record.kind === "data" ? record.data.length : record.length;
    const extents = written.get(record.disk) ?? new ExtentSet();
    written.set(record.disk, extents);
    const before = extents.total;
    extents.add(record.offset, record.offset + length);
    if (extents.total !== before + length)
      throw new RangeError(`record ${position} (${record.kind}) overlaps another`);
    if (record.kind === "data") dataBytes = bytes(dataBytes + length);
  });
  return { marks, dataBytes };
}

function checkLengths(bytes: Buffer): void {
  if (bytes.length < LAYER_HEADER_BYTES + TRAILER_BYTES)
    throw damagedLayer(`${bytes.length} bytes are less than a part of a layer`);
  if (!getBytes(bytes, 0, LAYER_HEADER.magic).equals(LAYER_MAGIC)) throw damagedLayer("no layer begins here");
  const version = getNumber(bytes, 0, LAYER_HEADER.version);
  if (version !== LAYER_VERSION)
    throw new LeewardError("LayerVersionUnknown", `a layer of version ${version}; known is ${LAYER_VERSION}`);
  const headerLength = getNumber(bytes, 0, LAYER_HEADER.headerLength);
  const storedLength = getNumber(bytes, 0, LAYER_HEADER.storedLength);
  if (headerLength !== LAYER_HEADER_BYTES || storedLength > MAX_BODY)
    throw damagedLayer(`impossible header: lengths ${headerLength} and ${storedLength}`);
  const length = LAYER_HEADER_BYTES + storedLength + TRAILER_BYTES;
  if (length !== bytes.length)
    throw damagedLayer(`a part of a layer of ${length} bytes came with ${bytes.length}`);
}

/** Which part it is, for messages. */
export const placeOfPart = ({ machine, generation, begin, end, part }: LayerHeader): string =>
  `part ${part} of the layer from ${begin} to ${end} of ${machine}, generation ${generation}`;

export const damagedLayer = (message: string, cause?: unknown): LeewardError =>
  new LeewardError("LayerDamaged", message, cause);

function soundly<T>(where: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof RangeError) throw damagedLayer(`${where}: ${error.message}`, error);
    throw error;
  }
}
