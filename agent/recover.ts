import { existsSync, readFileSync, readdirSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import type { Mark } from "../engine/contract/agent-api.ts";
import { LeewardError, messageOf } from "../engine/core/errors.ts";
import { type Ordinal, bytes, ordinal } from "../engine/core/units.ts";
import type { JournalPosition } from "../engine/journal/position.ts";
import type { JournalRecord } from "../engine/journal/record.ts";
import { checkSegment } from "../engine/journal/segment.ts";
import { summarize } from "../engine/journal/summary.ts";
import type { Disk } from "./disk.ts";
import { readLog } from "./log.ts";
import { type ClosedLog, logFile, segmentFile } from "./spool.ts";

/** What a killed agent left in the spool, in order and without a hole. */
export interface Recovered {
  readonly logs: readonly ClosedLog[];
  readonly end: Mark;
  readonly next: Ordinal;
  readonly used: number;
}

/**
 * Reads the spool from the cached position on, cuts a torn tail, and brings the disks up to the newest record: the
 * last log may hold a write that the kill kept from its disk. May run twice.
 * @throws SpoolDamaged when there is a hole, DiskUnreadable
 */
export function recover(directory: string, cached: JournalPosition, disks: readonly Disk[]): Recovered {
  removeDrafts(directory);
  const logs: ClosedLog[] = [];
  let end: Mark = { sequence: cached.sequence, time: cached.time, bytes: cached.bytes };
  let next = cached.next;
  let newest: readonly JournalRecord[] = [];
  for (;;) {
    const found = segmentAt(directory, next, end) ?? logAt(directory, next, end);
    if (!found) break;
    logs.push(found.log);
    ({ end } = found.log);
    newest = found.records;
    next = ordinal(next + 1);
  }
  refuseLeftovers(directory, cached.next, next);
  for (const record of newest) replay(record, disks);
  return { logs, end, next, used: logs.reduce((sum, { size }) => sum + size, 0) };
}

function removeDrafts(directory: string): void {
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory)) if (name.endsWith(".tmp")) rmSync(join(directory, name));
}

interface Found {
  readonly log: ClosedLog;
  /** Of a log; a segment was closed long ago, and its writes are on the disk. */
  readonly records: readonly JournalRecord[];
}

function segmentAt(directory: string, at: Ordinal, before: Mark): Found | undefined {
  const path = segmentFile(directory, at);
  if (!existsSync(path)) return undefined;
  const { header, bytes: segment } = soundly(path, () => checkSegment(readFileSync(path)));
  rmSync(logFile(directory, at), { force: true });
  const end = behind(before, header);
  return { log: { ordinal: at, from: before.sequence, end, size: segment.length }, records: [] };
}

function logAt(directory: string, at: Ordinal, before: Mark): Found | undefined {
  const path = logFile(directory, at);
  if (!existsSync(path)) return undefined;
  const content = readFileSync(path);
  const { records, whole } = soundly(path, () => readLog(content));
  if (whole === 0) rmSync(path);
  if (whole === 0) return undefined;
  if (whole < content.length) truncateSync(path, whole);
  const end = behind(
    before,
    soundly(path, () => summarize(before.sequence, records)),
  );
  return { log: { ordinal: at, from: before.sequence, end, size: whole }, records };
}

const behind = (
  { sequence, time, bytes: total }: Mark,
  { to, lastTime, dataBytes }: Pick<ReturnType<typeof summarize>, "to" | "lastTime" | "dataBytes">,
): Mark => ({ sequence: to, time: to > sequence ? lastTime : time, bytes: bytes(total + dataBytes) });

function soundly<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new LeewardError("SpoolDamaged", `${path}: ${messageOf(error)}`, error);
  }
}

/** Older files are done with. Newer ones would mean that one is missing between. */
function refuseLeftovers(directory: string, first: Ordinal, next: Ordinal): void {
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory)) {
    const at = Number.parseInt(name, 10);
    if (at < first) rmSync(join(directory, name));
    if (at >= next)
      throw new LeewardError("SpoolDamaged", `${name} is there, but segment ${next} is missing`);
  }
}

function replay(record: JournalRecord, disks: readonly Disk[]): void {
  if (record.kind !== "data" && record.kind !== "zero") return;
  const disk = disks[record.disk];
  if (!disk) throw new LeewardError("SpoolDamaged", `a record of disk ${record.disk}, which is not there`);
  if (record.kind === "data") disk.write(record.offset, bytes(record.data.length), [record.data]);
  else disk.zero(record.offset, record.length);
}
