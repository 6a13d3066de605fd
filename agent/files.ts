/**
 * - `read`: the file is there;
 * - `update`: the file is there; reads and writes at any place;
 * - `durable`: as `update`, and a write is on stable storage when it returns;
 * - `append`: every write goes to the end, of a new file where there is none;
 * - `append-new`: as `append`, and there is no such file.
 */
export type OpenMode = "read" | "update" | "durable" | "append" | "append-new";

export interface FileInfo {
  readonly kind: "file" | "device" | "other";
  /** Of a block device, that of the device. */
  readonly size: number;
  /** Milliseconds since 1970 when the content last changed; says nothing for a block device. */
  readonly changed: number;
  /** Which file it is: a path may come to mean another one. */
  readonly identity: string;
}

/** Reads and writes take and give what the file system takes and gives at once, which may be less than was asked for. */
export interface OpenFile {
  info(): FileInfo;
  /** Fills the buffer from its start; returns how many bytes there were. */
  read(into: Uint8Array, at: number): number;
  readAsync(into: Uint8Array, at: number): Promise<number>;
  /** The parts one behind the other, at this place, or at the end of a file that is open for `append`. */
  write(parts: readonly Uint8Array[], at?: number): number;
  /** Resolves when what was written is on stable storage. */
  sync(): Promise<void>;
  close(): void;
}

/**
 * Everything that the agent does to files: its disks, its spool, what the system says of itself. A change is in the page
 * cache when its call returns: it outlives the process, and the machine only once it was synced. Every method throws the
 * file system's error, with its `code`.
 */
export interface Files {
  open(path: string, mode: OpenMode): OpenFile;
  exists(path: string): boolean;
  read(path: string): Buffer;
  readAsync(path: string): Promise<Buffer>;
  /** Replaces what is there, not atomically; `new`: there is nothing. */
  write(path: string, content: string, mode?: "new"): void;
  writeAsync(path: string, content: Uint8Array): Promise<void>;
  /** Atomic: a reader of the new name finds what it had before, or all of this. */
  rename(from: string, to: string): void;
  truncate(path: string, length: number): void;
  /** Nothing happens when it is gone. */
  remove(path: string): void;
  /** As `remove`. */
  removeAsync(path: string): Promise<void>;
  /** With everything in it. */
  removeDirectory(path: string): void;
  /** And those above it; nothing happens when it is there. Only the agent's user may enter it. */
  makeDirectory(path: string): void;
  list(directory: string): readonly Entry[];
  /** Puts a file, or the names in a directory, on stable storage. */
  sync(path: string): void;
}

interface Entry {
  readonly name: string;
  readonly kind: "file" | "directory" | "other";
}

/** Whether the error says that there is no such file. */
export const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "ENOENT";

/** For `update`, of a new file where there is none. */
export function openOrMake(files: Files, path: string): OpenFile {
  if (!files.exists(path)) files.write(path, "", "new");
  return files.open(path, "update");
}
