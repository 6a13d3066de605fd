import { type Sequence, bytes, diskIndex, micros, sequence } from "../core/units.ts";
import { ENTRY, ENTRY_BYTES, KINDS, ORIGINS } from "./entry.ts";
import { getNumber, putNumber } from "./field.ts";
import { payloadLength, readBarrier, readDigests, readProof, writePayload } from "./payload.ts";
import type { JournalRecord } from "./record.ts";

/** The length of index and payloads. */
export const bodyLength = (records: readonly JournalRecord[]): number =>
  records.reduce((sum, record) => sum + payloadBytes(record), records.length * ENTRY_BYTES);

/** Index, then payloads, both in the order of the records. Fills `body`, which is `bodyLength` long. */
export function encodeBody(from: Sequence, records: readonly JournalRecord[], body: Buffer): void {
  let at = records.length * ENTRY_BYTES;
  body.fill(0, 0, at);
  records.forEach((record, i) => {
    writeEntry(record, from, body, i * ENTRY_BYTES);
    const end = at + payloadBytes(record);
    if (record.kind === "data") body.set(record.data, at);
    else if (record.kind !== "zero") writePayload(record, body.subarray(at, end).fill(0));
    at = end;
  });
}

function payloadBytes(record: JournalRecord): number {
  if (record.kind === "data") return record.data.length;
  return record.kind === "zero" ? 0 : payloadLength(record);
}

function writeEntry(record: JournalRecord, from: Sequence, to: Buffer, base: number): void {
  putNumber(to, base, ENTRY.kind, KINDS[record.kind]);
  putNumber(to, base, ENTRY.sequenceDelta, record.sequence - from);
  putNumber(to, base, ENTRY.time, record.time);
  putNumber(to, base, ENTRY.length, record.kind === "zero" ? record.length : payloadBytes(record));
  if ("disk" in record) putNumber(to, base, ENTRY.disk, record.disk);
  if ("offset" in record) putNumber(to, base, ENTRY.offset, record.offset);
  if ("copied" in record) putNumber(to, base, ENTRY.origin, record.copied ? ORIGINS.copy : ORIGINS.guest);
}

/**
 * The inverse of `encodeBody`. Data and digests of the records are views of `body`, not copies.
 * @param tells what records may say: nothing of it those of layers, nor those of segments that are older than it
 * @throws RangeError when the bytes are not a body of so many records.
 */
export function decodeBody(
  from: Sequence,
  count: number,
  body: Buffer,
  tells: Tells = NOTHING,
): JournalRecord[] {
  const records: JournalRecord[] = [];
  let at = count * ENTRY_BYTES;
  for (let base = 0; base < count * ENTRY_BYTES; base += ENTRY_BYTES) {
    const inPayload = getNumber(body, base, ENTRY.kind) !== KINDS.zero;
    const end = inPayload ? at + getNumber(body, base, ENTRY.length) : at;
    if (end > body.length) throw new RangeError(`record ${records.length} ends behind the segment`);
    records.push(readRecord({ from, body, base, ...tells }, body.subarray(at, end)));
    at = end;
  }
  if (at !== body.length) throw new RangeError(`${body.length - at} bytes behind the last record`);
  return records;
}

interface Tells {
  /** Which writes are copies. */
  readonly origins: boolean;
  /** How far the disks of a barrier are apart. */
  readonly spreads: boolean;
}
const NOTHING: Tells = { origins: false, spreads: false };

interface EntryPlace extends Tells {
  readonly from: Sequence;
  readonly body: Buffer;
  readonly base: number;
}

/** @throws RangeError for a code that means nothing here */
function originOf({ body, base, origins }: EntryPlace, write: boolean): { readonly copied?: true } {
  const code = getNumber(body, base, ENTRY.origin);
  if (code === ORIGINS.guest) return {};
  if (!write || !origins || code !== ORIGINS.copy) throw new RangeError(`not an origin: ${code}`);
  return { copied: true };
}

function readRecord(place: EntryPlace, payload: Buffer): JournalRecord {
  const { from, body, base } = place;
  const kind = getNumber(body, base, ENTRY.kind);
  const common = {
    sequence: sequence(from + getNumber(body, base, ENTRY.sequenceDelta)),
    time: micros(getNumber(body, base, ENTRY.time)),
  };
  const disk = diskIndex(getNumber(body, base, ENTRY.disk));
  const offset = bytes(getNumber(body, base, ENTRY.offset));
  if (getNumber(body, base, ENTRY.reserved) !== 0) throw new RangeError("reserved bytes in use");
  const origin = originOf(place, kind === KINDS.data || kind === KINDS.zero);
  const length = getNumber(body, base, ENTRY.length);
  switch (kind) {
    case KINDS.data:
      return { kind: "data", ...common, ...origin, disk, offset, data: payload };
    case KINDS.zero:
      return { kind: "zero", ...common, ...origin, disk, offset, length: bytes(length) };
    case KINDS.barrier:
      unused(disk + offset);
      return { kind: "barrier", ...common, ...readBarrier(payload, place.spreads) };
    case KINDS.digests:
      unused(offset);
      return { kind: "digests", ...common, disk, ...readDigests(payload) };
    case KINDS.proof:
      unused(disk + offset);
      return { kind: "proof", ...common, ...readProof(payload) };
    default:
      throw new RangeError(`not a kind of record: ${kind}`);
  }
}

function unused(fields: number): void {
  if (fields !== 0) throw new RangeError("a field that this kind of record does not use is not zero");
}
