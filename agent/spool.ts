import { join } from "node:path";
import type { Mark } from "../engine/contract/agent-api.ts";
import { LeewardError, messageOf } from "../engine/core/errors.ts";
import {
  type Bytes,
  type Generation,
  type Micros,
  type Ordinal,
  type Sequence,
  bytes,
  ordinal,
} from "../engine/core/units.ts";
import { withCopies } from "../engine/core/copies.ts";
import type { Files, OpenFile } from "./files.ts";

/** A log that takes no more records. */
export interface ClosedLog {
  readonly ordinal: Ordinal;
  /** The last write before it. */
  readonly from: Sequence;
  /** Its last write, and all bytes of the generation up to there. */
  readonly end: Mark;
  /** Of the file and of what it only refers to: about what the segment will have at most. */
  readonly size: number;
}

/** Frames of some records, to be appended together. */
export interface Batch {
  /** Headers and payloads, in order. Nothing is kept after the call. */
  readonly parts: readonly Uint8Array[];
  readonly size: number;
  /** Bytes of data in it. */
  readonly payload: number;
  /** Its writes are copies of a comparison: so many of them. */
  readonly copies?: number;
  /** Those of them that are not in the parts, but on the disk. */
  readonly referenced?: number;
  /** The last write in it, or the one before when it holds only marks. */
  readonly sequence: Sequence;
  /** Of its last write; undefined when it holds only marks. */
  readonly time?: Micros;
}

export const generationDirectory = (spool: string, of: Generation): string =>
  join(spool, String(of).padStart(6, "0"));

const fileOf = (directory: string, of: Ordinal, kind: "log" | "old" | "seg") =>
  join(directory, `${String(of).padStart(12, "0")}.${kind}`);
export const logFile = (directory: string, of: Ordinal): string => fileOf(directory, of, "log");
/** Beside a log: what it referred to and was overwritten since. */
export const copiesFile = (directory: string, of: Ordinal): string => fileOf(directory, of, "old");
export const segmentFile = (directory: string, of: Ordinal): string => fileOf(directory, of, "seg");

const copiesIn = ({ copies = 0, payload }: Batch) => ({
  writes: copies,
  bytes: bytes(copies > 0 ? payload : 0),
});

interface OpenLog {
  readonly file: OpenFile;
  /** The newest write before it. */
  readonly before: Mark;
  readonly opened: Micros;
  size: number;
}

/** The writing end of the spool: one growing log, which is to become one segment. */
export class Spool {
  readonly directory: string;
  /** Bytes of all its files, whoever wrote them, and of what logs refer to: they may yet be copied to it. */
  used: number;
  readonly #files: Files;
  readonly #limit: Bytes;
  readonly #opened: () => void;
  readonly #crowded: (size: number) => void;
  #next: Ordinal;
  #end: Mark;
  #log: OpenLog | undefined;

  /**
   * @param end the newest write of the generation so far, in logs before `next`
   * @param opened called when a log is about to get its first record
   * @param crowded called when so many bytes are missing: whoever can do without files lets them go
   */
  constructor(s: {
    files: Files;
    directory: string;
    limit: Bytes;
    next: Ordinal;
    end: Mark;
    used: number;
    opened: () => void;
    crowded: (size: number) => void;
  }) {
    this.#files = s.files;
    this.directory = s.directory;
    this.#limit = s.limit;
    this.#opened = s.opened;
    this.#crowded = s.crowded;
    this.#next = s.next;
    this.#end = s.end;
    this.used = s.used;
    s.files.makeDirectory(s.directory);
  }

  /** The newest write. */
  get end(): Mark {
    return this.#end;
  }

  /** Which log is open, or is opened next. */
  get ordinal(): Ordinal {
    return this.#next;
  }

  /** Of the open log's file and what it refers to. */
  get openSize(): number {
    return this.#log?.size ?? 0;
  }

  /** When the open log got its first record; undefined when there is none. */
  get openSince(): Micros | undefined {
    return this.#log?.opened;
  }

  /** In the page cache when it returns. @throws SpoolFull; the log may then end with a torn frame. */
  append(batch: Batch, now: Micros): void {
    const held = batch.size + (batch.referenced ?? 0);
    if (this.used + held > this.#limit) this.#crowded(this.used + held - this.#limit);
    if (this.used + held > this.#limit)
      throw new LeewardError(
        "SpoolFull",
        `the spool in ${this.directory} holds ${this.used} bytes of ${this.#limit}`,
      );
    const log = (this.#log ??= this.#open(now));
    const written = this.#write(log.file, batch.parts);
    if (written !== batch.size)
      throw new LeewardError("SpoolFull", `the spool took ${written} of ${batch.size} bytes`);
    log.size += held;
    this.used += held;
    this.#end = {
      sequence: batch.sequence,
      time: batch.time ?? this.#end.time,
      bytes: bytes(this.#end.bytes + batch.payload),
      ...withCopies(this.#end.copied, copiesIn(batch)),
    };
  }

  /** Ends the open log; undefined when nothing was written since the last. */
  rotate(): ClosedLog | undefined {
    const log = this.#log;
    if (!log) return undefined;
    log.file.close();
    this.#log = undefined;
    const from = log.before.sequence;
    const closed = { ordinal: this.#next, from, end: this.#end, size: log.size };
    this.#next = ordinal(this.#next + 1);
    return closed;
  }

  /** The open log is no part of the journal, and its place is free again. Should its file stay, a start undoes it. */
  drop(): Ordinal {
    const log = this.#log;
    if (!log) return this.#next;
    log.file.close();
    this.#log = undefined;
    this.used -= log.size;
    this.#end = log.before;
    try {
      this.#files.remove(logFile(this.directory, this.#next));
    } catch {
      // What keeps a file from being removed kept its records from being written.
    }
    return this.#next;
  }

  #open(now: Micros): OpenLog {
    try {
      const file = this.#files.open(logFile(this.directory, this.#next), "append-new");
      this.#opened();
      return { file, before: this.#end, opened: now, size: 0 };
    } catch (error) {
      throw new LeewardError("SpoolDamaged", `a log cannot be opened: ${messageOf(error)}`, error);
    }
  }

  #write(file: OpenFile, parts: readonly Uint8Array[]): number {
    try {
      return file.write(parts);
    } catch (error) {
      throw new LeewardError("SpoolFull", `the spool cannot be written: ${messageOf(error)}`, error);
    }
  }
}
