import { existsSync, readFileSync, truncateSync } from "node:fs";
import path from "node:path";

const HEADER = 32;
const FRAME_HEADER = 24;

/**
 * Cuts the last transaction off the write-ahead log of a host that is not running, as if its commit had never been synced.
 * Layout: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
 */
export function loseLastCommit(data: string): void {
  const file = path.join(data, "host.db-wal");
  if (!existsSync(file)) return;
  const commits = commitsIn(readFileSync(file));
  if (commits.length > 0) truncateSync(file, commits.at(-2) ?? HEADER);
}

/** Where each transaction of the log ends. Frames behind the last checkpoint have other salts, and are not of it. */
function commitsIn(log: Buffer): number[] {
  if (log.length < HEADER) return [];
  const frame = FRAME_HEADER + log.readUInt32BE(8);
  const salts = log.subarray(16, 24);
  const ends: number[] = [];
  for (let at = HEADER; at + frame <= log.length; at += frame) {
    if (!log.subarray(at + 8, at + 16).equals(salts)) break;
    if (log.readUInt32BE(at + 4) > 0) ends.push(at + frame);
  }
  return ends;
}
