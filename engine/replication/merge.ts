import { ExtentSet } from "../core/extent.ts";
import { LeewardError } from "../core/errors.ts";
import { mapInOrder } from "../core/in-order.ts";
import { type Bytes, type DiskIndex, MIB, type Sequence, bytes } from "../core/units.ts";
import type { DataKey } from "../journal/key.ts";
import { openSegment } from "../journal/open.ts";
import type { JournalRecord, WriteRecord } from "../journal/record.ts";
import { type CheckedSegment, placeOf } from "../journal/segment.ts";
import { type Run, runsOf } from "./run.ts";

export interface MergeRequest {
  /** Newest first, without a hole. */
  readonly segments: AsyncIterable<CheckedSegment>;
  readonly key: DataKey;
  /** The last write to take; later ones are passed over. */
  readonly upTo: Sequence;
  /** A write to any other disk, or behind the end of one, is damage. */
  readonly disks: readonly { readonly index: DiskIndex; readonly size: Bytes }[];
  /**
   * Guest bytes merged at a time, 64 MiB when absent; about twice this is held in memory. More gives longer runs, so
   * fewer calls, for scattered writes.
   */
  readonly batchBytes?: Bytes | undefined;
}

/** Which parts of each disk the merge has emitted so far. */
export type Coverage = ReadonlyMap<DiskIndex, ExtentSet>;

export const emptyCoverage = (disks: MergeRequest["disks"]): Coverage =>
  new Map(disks.map(({ index }) => [index, new ExtentSet()]));

/**
 * What a run of segments leaves on the disks: each byte once, with its newest value, whatever the number of writes.
 * Runs ascend within a batch, never overlap, and hold at most 4 MiB of data; zeros are runs without data, of any length.
 * @param coverage filled as runs are emitted
 * @throws SegmentDamaged for a write outside the disks, KeyWrong, and what `segments` throws
 */
export async function* mergeNewest(s: MergeRequest, coverage: Coverage): AsyncGenerator<Run> {
  const sizes = new Map(s.disks.map(({ index, size }) => [index, size]));
  for await (const batch of batches(s)) {
    const pieces: Run[] = [];
    for (const { segment, records } of batch)
      for (const record of records.toReversed()) {
        if (!isWrite(record) || record.sequence > s.upTo) continue;
        checkInside(segment, record, sizes.get(record.disk));
        claim(record, coverage.get(record.disk), pieces);
      }
    yield* runsOf(pieces);
  }
}

interface Opened {
  readonly segment: CheckedSegment;
  readonly records: readonly JournalRecord[];
}

const BATCH_BYTES = 64 * MIB;
/** Decompression runs in the thread pool; more than the cores of a small plan gains nothing. */
const OPENING = 2;
/** What a record weighs in memory besides its data. */
const RECORD_BYTES = 200;

async function* batches(s: MergeRequest): AsyncGenerator<Opened[]> {
  const limit = s.batchBytes ?? BATCH_BYTES;
  let batch: Opened[] = [];
  let weight = 0;
  for await (const opened of mapInOrder(s.segments, OPENING, (segment) => open(s, segment))) {
    const { dataBytes, records } = opened.segment.header;
    const own = dataBytes + records * RECORD_BYTES;
    if (batch.length > 0 && weight + own > limit) {
      yield batch;
      batch = [];
      weight = 0;
    }
    batch.push(opened);
    weight += own;
  }
  if (batch.length > 0) yield batch;
}

/** A segment without a write that matters is not even decrypted. */
async function open({ key, upTo }: MergeRequest, segment: CheckedSegment): Promise<Opened> {
  const { from, to } = segment.header;
  return { segment, records: from === to || from >= upTo ? [] : await openSegment(segment, key) };
}

const isWrite = (record: JournalRecord): record is WriteRecord =>
  record.kind === "data" || record.kind === "zero";

const lengthOf = (record: WriteRecord): number =>
  record.kind === "data" ? record.data.length : record.length;

function checkInside({ header }: CheckedSegment, record: WriteRecord, size: Bytes | undefined): void {
  const end = record.offset + lengthOf(record);
  if (size !== undefined && end <= size) return;
  throw new LeewardError(
    "SegmentDamaged",
    `${placeOf(header)}: write ${record.sequence} ends at ${end} of disk ${record.disk}, which has ${size ?? "no"} bytes`,
  );
}

function claim(record: WriteRecord, covered: ExtentSet | undefined, pieces: Run[]): void {
  for (const { start, end } of covered?.claim(record.offset, record.offset + lengthOf(record)) ?? [])
    pieces.push({
      disk: record.disk,
      offset: bytes(start),
      length: bytes(end - start),
      data:
        record.kind === "data" ? record.data.subarray(start - record.offset, end - record.offset) : undefined,
    });
}
