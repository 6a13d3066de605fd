import { ExtentSet } from "../core/extent.ts";
import { LeewardError } from "../core/errors.ts";
import { mapInOrder } from "../core/in-order.ts";
import { giveBack, lend } from "../core/lent.ts";
import { type Bytes, type DiskIndex, type Generation, MIB, type Sequence, bytes } from "../core/units.ts";
import type { DataKey } from "../journal/key.ts";
import type { DataRecord, JournalRecord, WriteRecord } from "../journal/record.ts";
import type { Run } from "./run.ts";
import { type Sealed, openSealed, placeOfSealed } from "./sealed.ts";
import { Body, Windows } from "./windows.ts";

export interface MergeRequest {
  /** Newest first, without a hole: segments, then parts of layers. */
  readonly segments: AsyncIterable<Sealed>;
  readonly key: DataKey;
  /** For each generation among them the last write to take; later ones are passed over. */
  readonly upTo: ReadonlyMap<Generation, Sequence>;
  /** The last write not to take any more; all are taken when absent. */
  readonly above?: Sequence | undefined;
  /**
   * A write behind the end of one is damage, and so is one to any other disk, but in a generation below the newest, which may
   * have been of more disks: such a write is passed over.
   */
  readonly disks: readonly { readonly index: DiskIndex; readonly size: Bytes }[];
  /**
   * Bytes that decoded segments may hold while their data wait for neighbours, 256 MiB when absent. Scattered writes go
   * out in longer runs, so in fewer calls, the more there is.
   */
  readonly memory?: Bytes | undefined;
  /** The consumer releases each run, and nobody else looks at the segments' bytes: their memory is used again. */
  readonly releases?: boolean;
}

/** Which parts of each disk the merge has emitted so far. */
export type Coverage = ReadonlyMap<DiskIndex, ExtentSet>;

export const emptyCoverage = (disks: MergeRequest["disks"]): Coverage =>
  new Map(disks.map(({ index }) => [index, new ExtentSet()]));

/**
 * What a run of segments leaves on the disks: each byte once, with its newest value, whatever the number of writes.
 * Runs come in no order and never overlap; they hold at most 4 MiB of data. Zeros are runs without data, of any length.
 * @param coverage filled as segments are merged
 * @throws SegmentDamaged for a write outside the disks, KeyWrong, and what `segments` throws
 */
export async function* mergeNewest(s: MergeRequest, coverage: Coverage): AsyncGenerator<Run> {
  const limit = s.memory ?? MEMORY;
  const windows = new Windows();
  for await (const { segment, writes, memory } of newestWrites(s)) {
    const { bodyLength, records: count } = segment.header;
    const claimed = writes.flatMap((record) => [...claim(record, coverage.get(record.disk))]);
    const left = claimed.reduce((sum, { data }) => sum + (data?.length ?? 0), 0);
    const isMost = left > bodyLength / 2;
    const pieces = isMost ? claimed : copied(claimed, left);
    if (memory && !isMost) giveBack(memory);
    const body = isMost
      ? new Body(bodyLength + count * RECORD_BYTES, memory)
      : new Body(left + claimed.length * RECORD_BYTES);
    for (const piece of pieces) yield* windows.put(piece, body);
    body.leave();
    if (windows.held > limit) yield* windows.flush();
  }
  yield* windows.flush();
}

/** In a buffer of their own, so that what newer writes covered does not stay in memory with them. */
function copied(pieces: readonly Run[], length: number): Run[] {
  const all = Buffer.allocUnsafeSlow(length);
  let at = 0;
  return pieces.map((piece) => {
    if (!piece.data) return piece;
    all.set(piece.data, at);
    return { ...piece, data: all.subarray(at, (at += piece.data.length)) };
  });
}

type WritesRequest = Omit<MergeRequest, "memory">;

interface OpenedWrites {
  readonly segment: Sealed;
  /** Newest first, each on a disk that there is and inside it; their data are views of one buffer. */
  readonly writes: readonly WriteRecord[];
  /** What that buffer is, where it is to be given back. */
  readonly memory: Buffer | undefined;
}

/**
 * The writes above `above` and up to `upTo`, newest first, a segment or part at a time.
 * @throws SegmentDamaged for a write outside the disks, KeyWrong, and what `segments` throws
 */
export async function* newestWrites(s: WritesRequest): AsyncGenerator<OpenedWrites> {
  const sizes = new Map(s.disks.map(({ index, size }) => [index, size]));
  const newest = Math.max(...s.upTo.keys());
  for await (const { segment, records, memory } of mapInOrder(s.segments, OPENING, (each) => open(s, each))) {
    const upTo = lastOf(s, segment);
    const writes = records
      .filter(isWrite)
      .filter(({ sequence }) => sequence <= upTo && sequence > (s.above ?? -1))
      .filter(({ disk }) => sizes.has(disk) || segment.header.generation === newest);
    for (const record of writes) checkInside(segment, record, sizes.get(record.disk));
    yield { segment, writes: writes.toReversed(), memory };
  }
}

interface Opened {
  readonly segment: Sealed;
  readonly records: readonly JournalRecord[];
  readonly memory: Buffer | undefined;
}

const MEMORY = 256 * MIB;
/** Decompression runs in the thread pool; more than the cores of a small plan gains nothing. */
const OPENING = 2;
/** Small bodies are decompressed faster in one piece. */
const WORTH_LENDING = MIB;
/** What a record weighs in memory besides its data. */
const RECORD_BYTES = 200;

/** A segment without a write that matters is not even decrypted. */
async function open(s: WritesRequest, segment: Sealed): Promise<Opened> {
  const { from, to } = segment.header;
  const matters = from < to && from < lastOf(s, segment) && to > (s.above ?? -1);
  if (!matters) return { segment, records: [], memory: undefined };
  const { bodyLength } = segment.header;
  const memory = s.releases && bodyLength >= WORTH_LENDING ? lend(bodyLength) : undefined;
  const records = await openSealed(segment, s.key, memory);
  // Records are views of what was decrypted, never of what was stored.
  if (s.releases) giveBack(segment.bytes);
  return { segment, records, memory };
}

function lastOf({ upTo }: WritesRequest, segment: Sealed): Sequence {
  const last = upTo.get(segment.header.generation);
  if (last === undefined)
    throw new RangeError(`${placeOfSealed(segment)} is of no generation that is wanted`);
  return last;
}

export const isWrite = (record: JournalRecord): record is WriteRecord =>
  record.kind === "data" || record.kind === "zero";

export const lengthOf = (
  record: Pick<DataRecord, "kind" | "data"> | Exclude<WriteRecord, DataRecord>,
): number => (record.kind === "data" ? record.data.length : record.length);

export function checkInside(segment: Sealed, record: WriteRecord, size: Bytes | undefined): void {
  const end = record.offset + lengthOf(record);
  if (size !== undefined && end <= size) return;
  throw new LeewardError(
    "SegmentDamaged",
    `${placeOfSealed(segment)}: write ${record.sequence} ends at ${end} of disk ${record.disk}, which has ${size ?? "no"} bytes`,
  );
}

/** The parts of the write that no newer one covers. */
export function* claim(record: WriteRecord, covered: ExtentSet | undefined): Generator<Run> {
  const { disk, offset } = record;
  for (const { start, end } of covered?.claim(offset, offset + lengthOf(record)) ?? [])
    yield {
      disk,
      offset: bytes(start),
      length: bytes(end - start),
      data: record.kind === "data" ? record.data.subarray(start - offset, end - offset) : undefined,
    };
}
