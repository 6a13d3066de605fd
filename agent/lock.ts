import { dirname, join } from "node:path";
import { LeewardError, hasCode, messageOf } from "../engine/core/errors.ts";
import type { Files } from "./files.ts";
import { nodeFiles } from "./node-files.ts";
import { type ProcessIdentity, identityOf, isAlive } from "./process-identity.ts";

/** The right to use a spool, held until `release` or until this process is gone. */
export interface SpoolLock {
  release(): void;
}

/** The processes of the system, this one among them. */
export interface Processes {
  readonly own: ProcessIdentity;
  isAlive(process: ProcessIdentity): boolean;
}

const systemProcesses: Processes = { own: identityOf(process.pid), isAlive };

/**
 * One agent per spool. Makes the directory. The lock of a dead process is taken over; a process that got the dead one's
 * id is told apart by its start time.
 * @throws InvalidSetting when the directory cannot be used, Conflict when a live agent holds it.
 */
export function lockSpool(
  directory: string,
  files: Files = nodeFiles,
  processes: Processes = systemProcesses,
): SpoolLock {
  const file = join(directory, "lock");
  const { pid, start } = processes.own;
  const mine = `${pid} ${start}\n`;
  try {
    files.makeDirectory(directory);
    acquire(files, processes, file, mine);
  } catch (error) {
    if (hasCode(error, "Conflict")) throw error;
    throw new LeewardError("InvalidSetting", `--spool: cannot lock ${directory}: ${messageOf(error)}`, error);
  }
  return { release: () => files.remove(file) };
}

function acquire(files: Files, processes: Processes, file: string, mine: string): void {
  for (let tries = 0; tries < 3; tries++) {
    try {
      files.write(file, mine, "new");
      return;
    } catch {
      const holder = readHolder(files, file);
      if (holder && processes.isAlive(holder))
        throw new LeewardError("Conflict", `--spool: ${dirname(file)} is in use by process ${holder.pid}`);
      takeAway(files, processes.own.pid, file);
    }
  }
  throw new Error("others take it again and again");
}

/** Two that find the same stale lock: one rename wins, and the loser meets the winner's new lock. */
function takeAway(files: Files, own: number, file: string): void {
  const aside = `${file}.${own}`;
  try {
    files.rename(file, aside);
  } catch {
    return;
  }
  files.remove(aside);
}

function readHolder(files: Files, file: string): ProcessIdentity | undefined {
  try {
    const [, pid, start] = /^(\d+) (\S*)$/m.exec(files.read(file).toString("utf8")) ?? [];
    return pid === undefined ? undefined : { pid: Number(pid), start: start ?? "" };
  } catch {
    return undefined;
  }
}
