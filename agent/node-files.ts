import {
  type Stats,
  closeSync,
  constants,
  existsSync,
  fdatasync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  read,
  readFileSync,
  readSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writevSync,
} from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { SECTOR } from "../engine/core/units.ts";
import type { FileInfo, Files, OpenFile, OpenMode } from "./files.ts";

const syncData = promisify(fdatasync);
const readAt = promisify(read);

const FLAGS = {
  read: constants.O_RDONLY,
  update: constants.O_RDWR,
  durable: constants.O_RDWR | constants.O_DSYNC,
  append: "a",
  "append-new": "ax",
} as const satisfies Record<OpenMode, number | string>;

/** What the agent makes is nobody else's to read. */
const PRIVATE = 0o600;
const PRIVATE_DIRECTORY = 0o700;

/** The system's own. */
export const nodeFiles: Files = {
  open: (path, mode) => new NodeFile(openSync(path, flagsOf(path, mode), PRIVATE)),
  exists: existsSync,
  read: (path) => readFileSync(path),
  readAsync: (path) => readFile(path),
  write: (path, content, mode) =>
    writeFileSync(path, content, { mode: PRIVATE, flag: mode === "new" ? "wx" : "w" }),
  writeAsync: (path, content) => writeFile(path, content, { mode: PRIVATE }),
  rename: renameSync,
  truncate: truncateSync,
  remove: (path) => rmSync(path, { force: true }),
  removeAsync: (path) => rm(path, { force: true }),
  removeDirectory: (path) => rmSync(path, { recursive: true }),
  makeDirectory: (path) => void mkdirSync(path, { recursive: true, mode: PRIVATE_DIRECTORY }),
  list: (directory) =>
    readdirSync(directory, { withFileTypes: true }).map((entry) => ({
      name: entry.name,
      kind: entry.isFile() ? "file" : entry.isDirectory() ? "directory" : "other",
    })),
  sync: (path) => {
    const file = openSync(path, "r");
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  },
};

/**
 * A device that is written to is taken for oneself (EBUSY while it, or a part of it, is mounted, swapped to or under another
 * device): beside the agent nobody writes what the journal would not have. The kernel keeps a mount away as long.
 */
const flagsOf = (path: string, mode: OpenMode): number | string =>
  mode === "update" && statSync(path, { throwIfNoEntry: false })?.isBlockDevice()
    ? FLAGS[mode] | constants.O_EXCL
    : FLAGS[mode];

class NodeFile implements OpenFile {
  readonly #file: number;

  constructor(file: number) {
    this.#file = file;
  }

  info(): FileInfo {
    const stat = fstatSync(this.#file);
    return {
      kind: stat.isFile() ? "file" : stat.isBlockDevice() ? "device" : "other",
      size: stat.isBlockDevice() ? deviceSize(stat) : stat.size,
      changed: stat.mtimeMs,
      identity: stat.isBlockDevice() ? `device ${stat.rdev}` : `file ${stat.ino} on ${stat.dev}`,
    };
  }

  read(into: Uint8Array, at: number): number {
    return readSync(this.#file, into, 0, into.length, at);
  }

  async readAsync(into: Uint8Array, at: number): Promise<number> {
    const { bytesRead } = await readAt(this.#file, into, 0, into.length, at);
    return bytesRead;
  }

  write(parts: readonly Uint8Array[], at?: number): number {
    return writevSync(this.#file, parts, at);
  }

  sync(): Promise<void> {
    return syncData(this.#file);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** A block device tells its size only to the kernel, in sectors of 512 bytes. */
function deviceSize({ rdev }: Stats): number {
  const major = (rdev >> 8) & 0xfff;
  const minor = (rdev & 0xff) | ((rdev >> 12) & 0xfff00);
  return SECTOR * Number(readFileSync(`/sys/dev/block/${major}:${minor}/size`, "utf8"));
}
