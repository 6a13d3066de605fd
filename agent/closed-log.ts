import { open, readFile } from "node:fs/promises";
import type { Ordinal } from "../engine/core/units.ts";
import type { JournalRecord } from "../engine/journal/record.ts";
import { type DiskFile, identityOf } from "./disk.ts";
import { type LogRecord, type ReferenceRecord, readLog } from "./log.ts";
import { copiesFile, logFile } from "./spool.ts";

/**
 * The records of a closed log with all their data, while the disks change: `references.ts` says why that works.
 * @param disks in index order
 * @throws the file system's error
 */
export async function readClosedLog(
  directory: string,
  ordinal: Ordinal,
  disks: readonly DiskFile[],
): Promise<JournalRecord[]> {
  const { records } = readLog(await readFile(logFile(directory, ordinal)));
  const found = await readReferenced(records.filter(isReference), disks);
  if (found.size > 0) overlay(found, readLog(await readCopies(copiesFile(directory, ordinal))).records);
  return records.map((record) => (isReference(record) ? withData(record, found) : record));
}

const isReference = (record: LogRecord): record is ReferenceRecord => record.kind === "reference";

/** By sequence. */
type Content = ReadonlyMap<number, { readonly offset: number; readonly data: Buffer }>;

async function readReferenced(
  records: readonly ReferenceRecord[],
  disks: readonly DiskFile[],
): Promise<Content> {
  const all = Buffer.allocUnsafeSlow(records.reduce((sum, { length }) => sum + length, 0));
  const found = new Map<number, { offset: number; data: Buffer }>();
  let at = 0;
  for (const [index, { path, identity }] of disks.entries()) {
    const here = records.filter(({ disk }) => disk === index);
    if (here.length === 0) continue;
    const disk = await open(path);
    try {
      if (identityOf(await disk.stat()) !== identity)
        throw new Error(`${path} is not the agent's disk any more`);
      for (const { sequence, offset, length } of here) {
        const data = all.subarray(at, (at += length));
        const { bytesRead } = await disk.read(data, 0, length, offset);
        if (bytesRead !== length) throw new Error(`${path}: ${bytesRead} of ${length} bytes at ${offset}`);
        found.set(sequence, { offset, data });
      }
    } finally {
      await disk.close();
    }
  }
  return found;
}

/** Read after the disks. There are none when nothing was overwritten. */
async function readCopies(path: string): Promise<Buffer> {
  return readFile(path).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return Buffer.alloc(0);
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

function withData({ sequence, time, disk, offset }: ReferenceRecord, found: Content): JournalRecord {
  const data = found.get(sequence)?.data;
  if (!data) throw new Error(`write ${sequence} is of disk ${disk}, which is not there`);
  return { kind: "data", sequence, time, disk, offset, data };
}
