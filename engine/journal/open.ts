import { promisify } from "node:util";
import { zstdDecompress } from "node:zlib";
import { decodeBody } from "./body.ts";
import { decryptInto } from "./cipher.ts";
import type { SegmentHeader } from "./header.ts";
import type { DataKey } from "./key.ts";
import type { JournalRecord } from "./record.ts";
import { withScratch } from "./scratch.ts";
import { type CheckedSegment, damaged, placeOf, soundly } from "./segment.ts";
import { SUMMARY_FIELDS, summarize } from "./summary.ts";

const decompress = promisify(zstdDecompress);

/**
 * The records, in order. Their data are views of one buffer: keeping one record keeps them all in memory.
 * @throws KeyWrong, SegmentDamaged
 */
export async function openSegment(checked: CheckedSegment, key: DataKey): Promise<JournalRecord[]> {
  const { header } = checked;
  const body = await bodyOf(checked, key);
  return soundly(placeOf(header), () => readRecords(header, body));
}

async function bodyOf(checked: CheckedSegment, key: DataKey): Promise<Buffer> {
  const { header } = checked;
  if (header.compressed)
    return withScratch(header.storedLength, async (stored) => {
      await decryptInto(stored, checked, key);
      return inflate(header, stored);
    });
  const body = Buffer.allocUnsafeSlow(header.storedLength);
  await decryptInto(body, checked, key);
  return body;
}

async function inflate(header: SegmentHeader, stored: Buffer): Promise<Buffer> {
  const { bodyLength } = header;
  // zlib takes no chunk below 64 bytes; a lone barrier has a smaller body.
  const chunkSize = Math.max(64, bodyLength + 1);
  const body = await decompress(stored, { chunkSize, maxOutputLength: bodyLength }).catch(
    (error: unknown) => {
      throw damaged(`${placeOf(header)}: the body does not decompress`, error);
    },
  );
  if (body.length !== bodyLength)
    throw damaged(`${placeOf(header)}: a body of ${body.length}, not ${bodyLength}`);
  return body;
}

/** A header that says anything else than its records is a fault of the writer, and not believed. */
function readRecords(header: SegmentHeader, body: Buffer): JournalRecord[] {
  const records = decodeBody(header.from, header.records, body);
  const summary = summarize(header.from, records);
  for (const field of SUMMARY_FIELDS)
    if (summary[field] !== header[field])
      throw new RangeError(`the header says ${field} ${header[field]}, its records say ${summary[field]}`);
  return records;
}
