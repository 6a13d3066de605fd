import { DIGEST_BYTES } from "../core/digest.ts";
import { type Bytes, type Micros, type Sequence, bytes, micros, sequence } from "../core/units.ts";
import { type SegmentHeader, countsCopies, isExact } from "./header.ts";
import type { DataRecord, DigestsRecord, JournalRecord, ProofRecord } from "./record.ts";

/** What a segment's header says about its records. */
const FIELDS = ["to", "firstTime", "lastTime", "dataBytes", "records", "marks"] as const;
const EXACT_FIELDS = [...FIELDS, "barriers", "proofs"] as const;
const ALL_FIELDS = [...EXACT_FIELDS, "copiedBytes", "copiedWrites"] as const;
export type Summary = Pick<SegmentHeader, (typeof ALL_FIELDS)[number]>;

/** Those in which a header of its version must agree with its records. */
export function summaryFields(header: SegmentHeader): readonly (keyof Summary)[] {
  if (countsCopies(header)) return ALL_FIELDS;
  return isExact(header) ? EXACT_FIELDS : FIELDS;
}

/** A record whose data may be elsewhere: only their length counts here. */
export type RecordOutline =
  | Exclude<JournalRecord, DataRecord>
  | (Omit<DataRecord, "data"> & { readonly data: { readonly length: number } });

/**
 * The one place of the rules for records: writers and readers both pass through it.
 * Writes take the sequences after `from` one by one; marks take none and carry that of the last write.
 * @throws RangeError naming the record, by its position, that breaks a rule.
 */
export function summarize(from: Sequence, records: readonly RecordOutline[]): Summary {
  let to: Sequence = from;
  let firstTime: Micros = micros(0);
  let lastTime: Micros = micros(0);
  let dataBytes: Bytes = bytes(0);
  let copiedBytes: Bytes = bytes(0);
  let copiedWrites = 0;
  let marks = false;
  let barriers = false;
  let proofs = false;
  records.forEach((record, position) => {
    const write = record.kind === "data" || record.kind === "zero";
    const wanted = write ? to + 1 : to;
    if (record.sequence !== wanted)
      throw new RangeError(
        `record ${position} (${record.kind}) has sequence ${record.sequence}, not ${wanted}`,
      );
    const fault = faultOf(record);
    if (fault) throw new RangeError(`record ${position} (${record.kind}) ${fault}`);
    if (!write) {
      marks = true;
      barriers ||= record.kind === "barrier";
      proofs ||= record.kind === "proof";
      return;
    }
    if (to === from) firstTime = record.time;
    lastTime = record.time;
    to = sequence(wanted);
    const length = record.kind === "data" ? record.data.length : 0;
    dataBytes = bytes(dataBytes + length);
    if (!record.copied) return;
    copiedBytes = bytes(copiedBytes + length);
    copiedWrites++;
  });
  const spans = { to, firstTime, lastTime, dataBytes, copiedBytes, copiedWrites };
  return { ...spans, records: records.length, marks, barriers, proofs };
}

/** Empty when the record is sound in itself. */
export function faultOf(record: RecordOutline): string {
  switch (record.kind) {
    case "data":
      return faultOfRange(record.offset, record.data.length);
    case "zero":
      return faultOfRange(record.offset, record.length);
    case "barrier":
      return "";
    case "digests":
      return faultOfDigests(record);
    case "proof":
      return faultOfProof(record);
  }
}

function faultOfRange(offset: number, length: number): string {
  if (length < 1) return "covers nothing";
  return Number.isSafeInteger(offset + length) ? "" : `ends behind every disk: ${offset} + ${length}`;
}

function faultOfDigests({ blocks, digests }: DigestsRecord): string {
  if (digests.length !== blocks.length * DIGEST_BYTES)
    return `has ${digests.length} bytes of digests for ${blocks.length} blocks`;
  return isAscending(blocks) ? "" : "names blocks out of order";
}

const faultOfProof = ({ roots }: ProofRecord): string =>
  isAscending(roots.map(({ disk }) => disk)) ? "" : "names disks out of order";

function isAscending(numbers: ArrayLike<number>): boolean {
  for (let i = 1; i < numbers.length; i++) if ((numbers[i] ?? 0) <= (numbers[i - 1] ?? 0)) return false;
  return true;
}
