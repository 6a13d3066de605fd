import { join } from "node:path";
import type { Mark } from "../engine/contract/agent-api.ts";
import { LeewardError, messageOf } from "../engine/core/errors.ts";
import { ExtentSet } from "../engine/core/extent.ts";
import {
  type Bytes,
  type DiskIndex,
  type Ordinal,
  type Sequence,
  bytes,
  ordinal,
} from "../engine/core/units.ts";
import { copiesIn } from "../engine/journal/header.ts";
import { withCopies } from "../engine/core/copies.ts";
import { markOf } from "../engine/journal/position.ts";
import { checkSegment } from "../engine/journal/segment.ts";
import { type RecordOutline, type Summary, summarize } from "../engine/journal/summary.ts";
import type { Disk } from "./disk.ts";
import type { Files } from "./files.ts";
import type { KeptSegment } from "./kept-segments.ts";
import { type LogRecord, type ReferenceRecord, readLog } from "./log.ts";
import type { SpoolState } from "./spool-state.ts";
import { type ClosedLog, copiesFile, logFile, segmentFile } from "./spool.ts";

/** What a killed agent left in the spool, in order and without a hole. */
export interface Recovered {
  readonly logs: readonly ClosedLog[];
  /** What the logs that are no segment yet have changed. */
  readonly changes: readonly Change[];
  /** Of the same logs. */
  readonly references: readonly { readonly ordinal: Ordinal; readonly record: ReferenceRecord }[];
  readonly end: Mark;
  readonly next: Ordinal;
  /** Segments that are in the cache and were kept, in order, up to the newest. */
  readonly kept: readonly KeptSegment[];
  readonly used: number;
}

interface Change {
  readonly disk: DiskIndex;
  readonly offset: Bytes;
  readonly length: Bytes;
}

/**
 * Reads the spool from the cached position on, cuts a torn tail, and brings the disks up to the newest record: the
 * last log may hold a write that the kill kept from its disk. A reference stands behind all that was written before
 * it, so only what follows the last one is written again; its copies were made before it got into the log. May run twice.
 * @throws SpoolDamaged when there is a hole, DiskUnreadable
 */
export function recover(
  files: Files,
  directory: string,
  { cached, merging, ended }: Pick<SpoolState, "cached" | "merging" | "ended">,
  disks: readonly Disk[],
): Recovered {
  if (merging?.recording) undoCutShort(files, directory, cached.next, merging.recording);
  removeDrafts(files, directory);
  const logs: ClosedLog[] = [];
  let end = markOf(cached);
  let next = cached.next;
  const references: { ordinal: Ordinal; record: ReferenceRecord }[] = [];
  const changes: Change[] = [];
  let newest: readonly LogRecord[] = [];
  for (;;) {
    const found = segmentAt(files, directory, next, end) ?? logAt(files, directory, next, end);
    if (!found) break;
    logs.push(found.log);
    ({ end } = found.log);
    newest = found.records;
    changes.push(...newest.flatMap(changeOf));
    for (const record of newest) if (record.kind === "reference") references.push({ ordinal: next, record });
    next = ordinal(next + 1);
  }
  const kept = keptSegments(files, directory, cached.next);
  refuseLeftovers(files, directory, { first: kept[0]?.ordinal ?? cached.next, next });
  const last = newest.findLastIndex(({ kind }) => kind === "reference");
  // While writes are merged, and since a journal ended, the disks are ahead of it, and all that is in it was on them before.
  if (!merging && !ended) replay(newest.slice(last + 1), disks);
  const used = [...logs, ...kept].reduce((sum, { size }) => sum + size, 0);
  return { logs, changes, references, end, next, kept, used };
}

/**
 * A recording of what was merged is in the journal as a whole or not at all. It has logs of its own, the newest, which
 * cannot have become segments within its turn.
 */
function undoCutShort(
  files: Files,
  directory: string,
  first: Ordinal,
  { before, after }: { readonly before: Sequence; readonly after: Sequence },
): void {
  const behind: string[] = [];
  let end: number = before;
  for (let at: number = first; ; at++) {
    if (files.exists(segmentFile(directory, ordinal(at)))) continue;
    const path = logFile(directory, ordinal(at));
    if (!files.exists(path)) break;
    const { records } = soundly(path, () => readLog(files.read(path)));
    const last = records.at(-1)?.sequence ?? 0;
    if (last > before) behind.push(path);
    end = Math.max(end, last);
  }
  if (end < after) for (const path of behind) files.remove(path);
}

function removeDrafts(files: Files, directory: string): void {
  if (!files.exists(directory)) return;
  for (const { name } of files.list(directory))
    if (name.endsWith(".tmp")) files.remove(join(directory, name));
}

interface Found {
  readonly log: ClosedLog;
  /** Of a log; a segment was closed long ago, and its writes are on the disk. */
  readonly records: readonly LogRecord[];
}

function segmentAt(files: Files, directory: string, at: Ordinal, before: Mark): Found | undefined {
  const path = segmentFile(directory, at);
  if (!files.exists(path)) return undefined;
  const { header, bytes: segment } = soundly(path, () => checkSegment(files.read(path)));
  files.remove(logFile(directory, at));
  files.remove(copiesFile(directory, at));
  const end = behind(before, header);
  return { log: { ordinal: at, from: before.sequence, end, size: segment.length }, records: [] };
}

function logAt(files: Files, directory: string, at: Ordinal, before: Mark): Found | undefined {
  const path = logFile(directory, at);
  if (!files.exists(path)) return undefined;
  const content = files.read(path);
  const { records, whole } = soundly(path, () => readLog(content));
  if (whole === 0) files.remove(path);
  if (whole === 0) return undefined;
  if (whole < content.length) files.truncate(path, whole);
  cutCopies(files, copiesFile(directory, at));
  const end = behind(
    before,
    soundly(path, () => summarize(before.sequence, records.map(outline))),
  );
  const referenced = records.reduce((sum, one) => sum + (one.kind === "reference" ? one.length : 0), 0);
  return { log: { ordinal: at, from: before.sequence, end, size: whole + referenced }, records };
}

function changeOf(record: LogRecord): Change[] {
  if (record.kind === "data")
    return [{ disk: record.disk, offset: record.offset, length: bytes(record.data.length) }];
  if (record.kind === "zero" || record.kind === "reference")
    return [{ disk: record.disk, offset: record.offset, length: record.length }];
  return [];
}

const outline = (record: LogRecord): RecordOutline =>
  record.kind === "reference" ? { ...record, kind: "data", data: record } : record;

/** What a copy that was torn was to save is still on the disk. Later copies must follow a whole one. */
function cutCopies(files: Files, path: string): void {
  if (!files.exists(path)) return;
  const content = files.read(path);
  const { whole } = soundly(path, () => readLog(content));
  if (whole < content.length) files.truncate(path, whole);
}

const behind = (
  { sequence, time, bytes: total, copied }: Mark,
  {
    to,
    lastTime,
    dataBytes,
    ...copies
  }: Pick<Summary, "to" | "lastTime" | "dataBytes" | "copiedWrites" | "copiedBytes">,
): Mark => ({
  sequence: to,
  time: to > sequence ? lastTime : time,
  bytes: bytes(total + dataBytes),
  ...withCopies(copied, copiesIn(copies)),
});

function soundly<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new LeewardError("SpoolDamaged", `${path}: ${messageOf(error)}`, error);
  }
}

/** From the newest that is in the cache back to where one is missing. */
function keptSegments(files: Files, directory: string, cached: Ordinal): KeptSegment[] {
  const kept: KeptSegment[] = [];
  for (let at = cached - 1; at >= 0; at--) {
    const path = segmentFile(directory, ordinal(at));
    if (!files.exists(path)) break;
    kept.unshift({ ordinal: ordinal(at), size: sizeOf(files, path) });
  }
  return kept;
}

function sizeOf(files: Files, path: string): number {
  const file = files.open(path, "read");
  try {
    return file.info().size;
  } finally {
    file.close();
  }
}

/** Older files are done with. Newer ones would mean that one is missing between. */
function refuseLeftovers(
  files: Files,
  directory: string,
  { first, next }: { readonly first: Ordinal; readonly next: Ordinal },
): void {
  if (!files.exists(directory)) return;
  for (const { name } of files.list(directory)) {
    const at = Number.parseInt(name, 10);
    if (at < first) files.remove(join(directory, name));
    if (at >= next)
      throw new LeewardError("SpoolDamaged", `${name} is there, but segment ${next} is missing`);
  }
}

/**
 * Newest first, each byte once: the disk must never go back to what was overwritten, or a crash of the machine could take from it
 * what was flushed.
 */
function replay(records: readonly LogRecord[], disks: readonly Disk[]): void {
  const done = disks.map(() => new ExtentSet());
  for (const record of records.toReversed()) {
    if (record.kind !== "data" && record.kind !== "zero") continue;
    const { offset } = record;
    const disk = disks[record.disk];
    if (!disk) throw new LeewardError("SpoolDamaged", `a record of disk ${record.disk}, which is not there`);
    const end = offset + (record.kind === "data" ? record.data.length : record.length);
    for (const part of done[record.disk]?.claim(offset, end) ?? []) {
      const at = bytes(part.start);
      const length = bytes(part.end - part.start);
      if (record.kind === "zero") disk.zero(at, length);
      else disk.write(at, length, [record.data.subarray(part.start - offset, part.end - offset)]);
    }
  }
}
