import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LeewardError, hasCode, messageOf } from "../engine/core/errors.ts";

/** The right to use a spool, held until `release` or until this process is gone. */
export interface SpoolLock {
  release(): void;
}

/**
 * One agent per spool. Makes the directory. The lock of a dead process is taken over; a process that got the dead one's
 * id is told apart by its start time.
 * @throws InvalidSetting when the directory cannot be used, Conflict when a live agent holds it.
 */
export function lockSpool(directory: string): SpoolLock {
  const file = join(directory, "lock");
  const mine = `${process.pid} ${startOf(process.pid)}\n`;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    acquire(directory, file, mine);
  } catch (error) {
    if (hasCode(error, "Conflict")) throw error;
    throw new LeewardError("InvalidSetting", `--spool: cannot lock ${directory}: ${messageOf(error)}`, error);
  }
  return { release: () => rmSync(file, { force: true }) };
}

function acquire(directory: string, file: string, mine: string): void {
  for (let tries = 0; tries < 3; tries++) {
    try {
      writeFileSync(file, mine, { flag: "wx", mode: 0o600 });
      return;
    } catch {
      const holder = readHolder(file);
      if (holder && isAlive(holder))
        throw new LeewardError("Conflict", `--spool: ${directory} is in use by process ${holder.pid}`);
      takeAway(file);
    }
  }
  throw new Error("others take it again and again");
}

/** Two that find the same stale lock: one rename wins, and the loser meets the winner's new lock. */
function takeAway(file: string): void {
  const aside = `${file}.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  rmSync(aside, { force: true });
}

interface Holder {
  readonly pid: number;
  readonly start: string;
}

function readHolder(file: string): Holder | undefined {
  try {
    const [, pid, start] = /^(\d+) (\S*)$/m.exec(readFileSync(file, "utf8")) ?? [];
    return pid === undefined ? undefined : { pid: Number(pid), start: start ?? "" };
  } catch {
    return undefined;
  }
}

function isAlive({ pid, start }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
  return startOf(pid) === start;
}

/** When a process began, in ticks since boot; empty where the system does not tell. */
function startOf(pid: number): string {
  try {
    // The name in parentheses may hold anything; start time is the 20th field behind it.
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ")[19] ?? "";
  } catch {
    return "";
  }
}
