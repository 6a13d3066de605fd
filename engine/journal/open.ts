import { decodeBody } from "./body.ts";
import { type SegmentHeader, tellsCopies, tellsSpread } from "./header.ts";
import { plainBody } from "./inflate.ts";
import type { DataKey } from "./key.ts";
import type { JournalRecord } from "./record.ts";
import { type CheckedSegment, damaged, placeOf, soundly } from "./segment.ts";
import { summarize, summaryFields } from "./summary.ts";

/**
 * The records, in order. Their data are views of one buffer: keeping one record keeps them all in memory.
 * @param into what that buffer may be: of the header's `bodyLength`
 * @throws KeyWrong, SegmentDamaged
 */
export async function openSegment(
  checked: CheckedSegment,
  key: DataKey,
  into?: Buffer,
): Promise<JournalRecord[]> {
  const { header } = checked;
  const body = await plainBody(checked, key, { place: placeOf(header), damaged }, into);
  return soundly(placeOf(header), () => readRecords(header, body));
}

/** A header that says anything else than its records is a fault of the writer, and not believed. */
function readRecords(header: SegmentHeader, body: Buffer): JournalRecord[] {
  const tells = { origins: tellsCopies(header), spreads: tellsSpread(header) };
  const records = decodeBody(header.from, header.records, body, tells);
  const summary = summarize(header.from, records);
  for (const field of summaryFields(header))
    if (summary[field] !== header[field])
      throw new RangeError(`the header says ${field} ${header[field]}, its records say ${summary[field]}`);
  return records;
}
