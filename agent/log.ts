import { crc32 } from "node:zlib";
import { KINDS } from "../engine/journal/entry.ts";
import { type Layout, getNumber, putNumber, sizeOf } from "../engine/journal/field.ts";
import {
  type MarkRecord,
  payloadLength,
  readBarrier,
  readDigests,
  readProof,
  writePayload,
} from "../engine/journal/payload.ts";
import type { DataRecord, JournalRecord } from "../engine/journal/record.ts";
import { type Bytes, bytes, diskIndex, micros, sequence } from "../engine/core/units.ts";

/**
 * A log is the spool's form of a segment to come: frames back to back, each a header and a payload. The checksum is of
 * the header. A log is only ever appended to, and the kernel appends in order, so a killed process leaves at most one
 * frame that is shorter than it says, at the end. A machine that crashed leaves a spool that is not continued at all.
 */
const FRAME = {
  checksum: { at: 0, size: 4 },
  kind: { at: 4, size: 1 },
  disk: { at: 5, size: 1 },
  /** 1 in a reference whose bytes were merged from writes that were not recorded. */
  merged: { at: 6, size: 1 },
  /** 1 in what a comparison put there. */
  copied: { at: 7, size: 1 },
  sequence: { at: 8, size: 8 },
  time: { at: 16, size: 8 },
  offset: { at: 24, size: 8 },
  /** Of the payload; a zero record and a reference have none, and this is the length of their range. */
  length: { at: 32, size: 8 },
} as const satisfies Layout;
export const FRAME_BYTES = sizeOf(FRAME);

/** A log's own kind beside those of segments. */
const FRAME_KINDS = { ...KINDS, reference: 129 } as const;

/** Data that were not written into the log: they are on the disk, see `references.ts`. */
export interface ReferenceRecord extends Omit<DataRecord, "kind" | "data"> {
  readonly kind: "reference";
  readonly length: Bytes;
  /** Its bytes came about in writes that have no number: it and its neighbours are one change. */
  readonly merged: boolean;
}
export type LogRecord = JournalRecord | ReferenceRecord;

/** What stands in front of a payload. */
export interface Frame {
  readonly kind: keyof typeof FRAME_KINDS;
  readonly disk: number;
  readonly sequence: number;
  readonly time: number;
  readonly offset: number;
  readonly length: number;
  readonly merged?: boolean;
  readonly copied?: true | undefined;
}

export function writeFrame(to: Buffer, at: number, frame: Frame): void {
  putNumber(to, at, FRAME.kind, FRAME_KINDS[frame.kind]);
  putNumber(to, at, FRAME.disk, frame.disk);
  putNumber(to, at, FRAME.merged, frame.merged ? 1 : 0);
  putNumber(to, at, FRAME.copied, frame.copied ? 1 : 0);
  putNumber(to, at, FRAME.sequence, frame.sequence);
  putNumber(to, at, FRAME.time, frame.time);
  putNumber(to, at, FRAME.offset, frame.offset);
  putNumber(to, at, FRAME.length, frame.length);
  putNumber(to, at, FRAME.checksum, checksumAt(to, at));
}

const checksumAt = (of: Buffer, at: number): number =>
  crc32(of.subarray(at + FRAME.kind.at, at + FRAME_BYTES));

/** A whole frame with its payload. */
export function encodeMark(record: MarkRecord): Buffer {
  const length = payloadLength(record);
  const frame = Buffer.alloc(FRAME_BYTES + length);
  const disk = record.kind === "digests" ? record.disk : 0;
  const { kind, sequence: of, time } = record;
  writeFrame(frame, 0, { kind, disk, sequence: of, time, offset: 0, length });
  writePayload(record, frame.subarray(FRAME_BYTES));
  return frame;
}

export interface LogContent {
  /** Their data are views of the log. */
  readonly records: readonly LogRecord[];
  /** Length of the whole frames; what follows was torn. */
  readonly whole: number;
}

/** Reads as far as the log is sound. */
export function readLog(log: Buffer): LogContent {
  const records: LogRecord[] = [];
  let at = 0;
  for (;;) {
    const end = frameEnd(log, at);
    if (end === undefined) return { records, whole: at };
    records.push(readRecord(log, at, log.subarray(at + FRAME_BYTES, end)));
    at = end;
  }
}

function frameEnd(log: Buffer, at: number): number | undefined {
  if (log.length - at < FRAME_BYTES) return undefined;
  if (getNumber(log, at, FRAME.checksum) !== checksumAt(log, at)) return undefined;
  const kind = getNumber(log, at, FRAME.kind);
  const bare = kind === FRAME_KINDS.zero || kind === FRAME_KINDS.reference;
  const payload = bare ? 0 : getNumber(log, at, FRAME.length);
  const end = at + FRAME_BYTES + payload;
  return end <= log.length ? end : undefined;
}

/** @throws RangeError when a frame with a right checksum makes no sense: it was written wrong. */
function readRecord(log: Buffer, at: number, payload: Buffer): LogRecord {
  const number = (field: keyof typeof FRAME) => getNumber(log, at, FRAME[field]);
  const common = { sequence: sequence(number("sequence")), time: micros(number("time")) };
  const origin = number("copied") === 1 ? ({ copied: true } as const) : {};
  const disk = diskIndex(number("disk"));
  const offset = bytes(number("offset"));
  switch (number("kind")) {
    case KINDS.data:
      return { kind: "data", ...common, disk, offset, data: payload };
    case KINDS.zero:
      return { kind: "zero", ...common, ...origin, disk, offset, length: bytes(number("length")) };
    case FRAME_KINDS.reference:
      return {
        kind: "reference",
        ...common,
        ...origin,
        disk,
        offset,
        length: bytes(number("length")),
        merged: number("merged") === 1,
      };
    case KINDS.barrier:
      return { kind: "barrier", ...common, ...readBarrier(payload, false) };
    case KINDS.digests:
      return { kind: "digests", ...common, disk, ...readDigests(payload) };
    case KINDS.proof:
      return { kind: "proof", ...common, ...readProof(payload) };
    default:
      throw new RangeError(`not a kind of record: ${number("kind")}`);
  }
}
