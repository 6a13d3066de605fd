import { BLOCK, type Bytes, type DiskIndex, KIB, type Ordinal, bytes, micros } from "../engine/core/units.ts";
import type { Disk } from "./disk.ts";
import type { Files, OpenFile } from "./files.ts";
import { FRAME_BYTES, type ReferenceRecord, writeFrame } from "./log.ts";
import { copiesFile } from "./spool.ts";

/** From here on saving a copy of the payload is worth a frame of its own. */
const LEAST = 64 * KIB;

/** Whether a write goes into the journal by reference. */
export const isReferable = ({ length }: { readonly length: Bytes }): boolean => length >= LEAST;

interface OpenLog {
  readonly records: ReferenceRecord[];
  /** Of its copies, once there is one. */
  file?: OpenFile;
}

/**
 * Large writes stand in a log by reference: where, not what. The content is on the disk, and the sealer reads it there.
 * Who changes the disk in a range that an unsealed log refers to first copies what is there to a file beside that log:
 * frames as in a log, each a whole block's part of one reference, which its sequence names. The sealer reads the disk,
 * then the copies, and lays the copies over what it read: where the disk had changed under it, the copy was there first.
 * Of several copies of one place the oldest counts.
 *
 * The order of one change is: copies; frame; disk; answer. All three are one turn of the event loop, and a change by
 * reference has a turn of the batch to itself: everything in front of it in the log is on the disk. So of a process that
 * is killed
 * - while it copies: the copy is cut off at the next start, or it is whole and says what the disk still says;
 * - after the copies: as before. The next process holds no range for copied, and may copy again what came later; the
 *   older copy counts;
 * - in the middle of the frame: it is cut off, and the disk does not have the change;
 * - after the frame, by value: the copies are whole; the next start brings the disk up to it (`recover.ts`);
 * - after the frame, by reference, or in the middle of its disk write: the write was not answered, so any content is
 *   right as long as journal and disk agree, and what the journal gets is what the disk has. The next start writes
 *   nothing from in front of this frame to the disk again, or it would change it;
 * - while the log is sealed: a draft without its name is thrown away, log and copies are still there;
 * - when the segment has its name: log and copies go at the next start.
 * A machine that crashes continues no spool, unless the disks and all of this were made durable in an orderly end, and
 * then only with disks that nobody touched since.
 *
 * A journal that broke takes no more changes, but its logs still refer to the disk: `keep` goes on until they are sealed.
 */
export class References {
  readonly #files: Files;
  readonly #directory: string;
  readonly #disks: readonly Disk[];
  /** For each disk the references that its blocks still hold the content of. */
  readonly #blocks: readonly Map<number, readonly Held[]>[];
  readonly #logs = new Map<Ordinal, OpenLog>();
  readonly #frame = Buffer.allocUnsafeSlow(FRAME_BYTES + BLOCK);

  constructor(files: Files, directory: string, disks: readonly Disk[]) {
    this.#files = files;
    this.#directory = directory;
    this.#disks = disks;
    this.#blocks = disks.map(() => new Map<number, readonly Held[]>());
  }

  /** The record stands in the log of this ordinal. */
  add(ordinal: Ordinal, record: ReferenceRecord): void {
    const held = { ordinal, record };
    const log = this.#logs.get(ordinal);
    if (log) log.records.push(record);
    else this.#logs.set(ordinal, { records: [record] });
    const blocks = this.#blocks[record.disk];
    for (const block of blocksOf(record)) blocks?.set(block, [...(blocks.get(block) ?? []), held]);
  }

  /** Call before the range changes. @throws DiskUnreadable, and the file system's error: then logs have lost content. */
  keep(disk: DiskIndex, offset: Bytes, length: Bytes): void {
    const blocks = this.#blocks[disk];
    if (!blocks || blocks.size === 0) return;
    for (const block of blocksOf({ offset, length })) {
      const there = blocks.get(block);
      if (!there) continue;
      const touched = there.filter(({ record }) => overlap(record, { offset, length }));
      for (const held of touched) this.#copy(held, block);
      replace(
        blocks,
        block,
        there.filter((one) => !touched.includes(one)),
      );
    }
  }

  /** The log is a segment and refers to nothing any more. */
  release(ordinal: Ordinal): void {
    const log = this.#logs.get(ordinal);
    if (!log) return;
    this.#logs.delete(ordinal);
    for (const record of log.records) {
      const blocks = this.#blocks[record.disk];
      for (const block of blocksOf(record)) {
        const there = blocks?.get(block);
        if (there && blocks)
          replace(
            blocks,
            block,
            there.filter((held) => held.record !== record),
          );
      }
    }
    log.file?.close();
    this.#files.remove(copiesFile(this.#directory, ordinal));
  }

  /** Nothing is copied any more. */
  close(): void {
    for (const blocks of this.#blocks) blocks.clear();
    for (const { file } of this.#logs.values()) file?.close();
    this.#logs.clear();
  }

  #copy({ ordinal, record }: Held, block: number): void {
    const log = this.#logs.get(ordinal);
    const disk = this.#disks[record.disk];
    if (!log || !disk) return;
    const start = Math.max(record.offset, block * BLOCK);
    const end = Math.min(record.offset + record.length, (block + 1) * BLOCK);
    const frame = this.#frame.subarray(0, FRAME_BYTES + end - start);
    const { sequence } = record;
    const head = { kind: "data", disk: record.disk, sequence, offset: start, length: end - start } as const;
    writeFrame(frame, 0, { ...head, time: micros(0) });
    disk.read(bytes(start), frame.subarray(FRAME_BYTES));
    log.file ??= this.#files.open(copiesFile(this.#directory, ordinal), "append");
    const written = log.file.write([frame]);
    if (written !== frame.length)
      throw new Error(`${written} of ${frame.length} bytes of a copy were written`);
  }
}

interface Held {
  readonly ordinal: Ordinal;
  readonly record: ReferenceRecord;
}

interface Range {
  readonly offset: number;
  readonly length: number;
}

function* blocksOf({ offset, length }: Range): Generator<number> {
  for (let block = Math.floor(offset / BLOCK); block * BLOCK < offset + length; block++) yield block;
}

const overlap = (one: Range, other: Range): boolean =>
  one.offset < other.offset + other.length && other.offset < one.offset + one.length;

function replace(blocks: Map<number, readonly Held[]>, block: number, held: readonly Held[]): void {
  if (held.length > 0) blocks.set(block, held);
  else blocks.delete(block);
}
