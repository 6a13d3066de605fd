import type { Ordinal } from "../engine/core/units.ts";
import type { JournalRecord } from "../engine/journal/record.ts";
import type { DiskFile } from "./disk.ts";
import { type Files, isMissing } from "./files.ts";
import { type LogRecord, type ReferenceRecord, readLog } from "./log.ts";
import { copiesFile, logFile } from "./spool.ts";

interface LogRecords {
  readonly records: JournalRecord[];
  /** It is a recording of what was merged: its writes are one change. */
  readonly indivisible: boolean;
}

/**
 * The records of a closed log with all their data, while the disks change: `references.ts` says why that works.
 * @param disks in index order
 * @throws the file system's error
 */
export async function readClosedLog(
  files: Files,
  directory: string,
  ordinal: Ordinal,
  disks: readonly DiskFile[],
): Promise<LogRecords> {
  const { records } = readLog(await files.readAsync(logFile(directory, ordinal)));
  const found = await readReferenced(files, records.filter(isReference), disks);
  if (found.size > 0)
    overlay(found, readLog(await readCopies(files, copiesFile(directory, ordinal))).records);
  return {
    records: records.map((record) => (isReference(record) ? withData(record, found) : record)),
    indivisible: records.some((record) => isReference(record) && record.merged),
  };
}

const isReference = (record: LogRecord): record is ReferenceRecord => record.kind === "reference";

/** By sequence. */
type Content = ReadonlyMap<number, { readonly offset: number; readonly data: Buffer }>;

async function readReferenced(
  files: Files,
  records: readonly ReferenceRecord[],
  disks: readonly DiskFile[],
): Promise<Content> {
  const all = Buffer.allocUnsafeSlow(records.reduce((sum, { length }) => sum + length, 0));
  const found = new Map<number, { offset: number; data: Buffer }>();
  let at = 0;
  for (const [index, { path, identity }] of disks.entries()) {
    const here = records.filter(({ disk }) => disk === index);
    if (here.length === 0) continue;
    const disk = files.open(path, "read");
    try {
      if (disk.info().identity !== identity) throw new Error(`${path} is not the agent's disk any more`);
      for (const { sequence, offset, length } of here) {
        const data = all.subarray(at, (at += length));
        const read = await disk.readAsync(data, offset);
        if (read !== length) throw new Error(`${path}: ${read} of ${length} bytes at ${offset}`);
        found.set(sequence, { offset, data });
      }
    } finally {
      disk.close();
    }
  }
  return found;
}

/** Read after the disks. There are none when nothing was overwritten. */
async function readCopies(files: Files, path: string): Promise<Buffer> {
  return files.readAsync(path).catch((error: unknown) => {
    if (isMissing(error)) return Buffer.alloc(0);
    throw error;
  });
}

/** From the newest to the oldest, which is the one that counts. */
function overlay(found: Content, copies: readonly LogRecord[]): void {
  for (const copy of copies.toReversed()) {
    const into = found.get(copy.sequence);
    if (copy.kind === "data" && into) into.data.set(copy.data, copy.offset - into.offset);
  }
}

function withData({ sequence, time, disk, offset, copied }: ReferenceRecord, found: Content): JournalRecord {
  const data = found.get(sequence)?.data;
  if (!data) throw new Error(`write ${sequence} is of disk ${disk}, which is not there`);
  return { kind: "data", sequence, time, disk, offset, data, ...(copied && { copied }) };
}
