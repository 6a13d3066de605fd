import type { FileInfo, Files, OpenFile } from "../../agent/files.ts";
import type { Process, Scheduler } from "./scheduler.ts";
import { type MemoryFileSystem, memoryFiles } from "../fixtures/memory-files.ts";

/** Hears what a living process did to its files, in order, before anything else happens. */
export interface FileWatch {
  appended(path: string, data: Buffer): void;
  renamed(from: string, to: string): void;
  removed(path: string): void;
}

/**
 * The machine's files as one process has them. Calls that take time wait for the scheduler. What a killed process still
 * does, since JavaScript cannot be stopped between two of its turns, reaches nothing.
 */
export function mortalFiles(
  system: MemoryFileSystem,
  scheduler: Scheduler,
  process: Process,
  watch: FileWatch,
  /** What is wrong with them. */
  fault: (files: Files) => Files = (files) => files,
): Files {
  const files = fault(
    memoryFiles(system, async <T>(method: string, path: string, act: () => T) => {
      const args = [path.replace(/\.\d+\.tmp$/, ".tmp")];
      const held: { done?: { readonly value: T } } = {};
      const perform = async () => void (held.done = { value: act() });
      await scheduler.call({ process, store: "files", method, args, perform });
      if (!held.done) throw new RangeError(`${method} ${path} was answered and not done`);
      return held.done.value;
    }),
  );
  const alive = <T>(act: () => T, dead: T): T => (process.state === "dead" ? dead : act());
  return {
    open: (path, mode) =>
      alive(() => mortal(files.open(path, mode), process, (data) => watch.appended(path, data)), GHOST),
    exists: (path) => alive(() => files.exists(path), false),
    read: (path) => alive(() => files.read(path), Buffer.alloc(0)),
    readAsync: (path) => files.readAsync(path),
    write: (path, content, mode) => alive(() => files.write(path, content, mode), undefined),
    writeAsync: (path, content) => files.writeAsync(path, content),
    rename: (from, to) =>
      alive(() => {
        files.rename(from, to);
        watch.renamed(from, to);
      }, undefined),
    truncate: (path, length) => alive(() => files.truncate(path, length), undefined),
    remove: (path) =>
      alive(() => {
        const there = files.exists(path);
        files.remove(path);
        if (there) watch.removed(path);
      }, undefined),
    removeAsync: async (path) => {
      await files.removeAsync(path);
      watch.removed(path);
    },
    removeDirectory: (path) => alive(() => files.removeDirectory(path), undefined),
    makeDirectory: (path) => alive(() => files.makeDirectory(path), undefined),
    list: (directory) => alive(() => files.list(directory), []),
    sync: (path) => alive(() => files.sync(path), undefined),
  };
}

const NOWHERE: FileInfo = { kind: "file", size: 0, changed: 0, identity: "nowhere" };
const sizeOf = (parts: readonly Uint8Array[]) => parts.reduce((sum, part) => sum + part.length, 0);

/** What a dead process opens. */
const GHOST: OpenFile = {
  info: () => NOWHERE,
  read: (into) => into.length,
  readAsync: () => new Promise(() => {}),
  write: sizeOf,
  sync: () => new Promise(() => {}),
  close: () => undefined,
};

function mortal(file: OpenFile, process: Process, appended: (data: Buffer) => void): OpenFile {
  const here = (): OpenFile => (process.state === "dead" ? GHOST : file);
  return {
    info: () => here().info(),
    read: (into, at) => here().read(into, at),
    readAsync: (into, at) => here().readAsync(into, at),
    write: (parts, at) => {
      const written = here().write(parts, at);
      if (process.state !== "dead" && at === undefined) appended(Buffer.concat(parts));
      return written;
    },
    sync: () => here().sync(),
    close: () => here().close(),
  };
}
