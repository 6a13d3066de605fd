import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { openLog } from "../process/log-file.ts";
import { forgetPid, isAlive, readPid, writePid } from "../process/pid-file.ts";

export interface ProcessSpec {
  /** Names the pid file and the log. */
  readonly name: string;
  readonly script: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const POLL_MILLIS = 10;

/**
 * Starts a Node process that outlives its starter, with `pids/<name>.pid` and everything it prints in
 * `logs/<name>.log` of the box.
 */
export function startProcess(box: string, spec: ProcessSpec): number {
  const log = openLog(box, spec.name);
  const child = spawn(process.execPath, [spec.script, ...spec.args], {
    detached: true, // Ctrl-C is for the supervisor alone
    stdio: ["ignore", log, log],
    env: { ...process.env, ...spec.env },
  });
  closeSync(log);
  child.once("error", () => undefined); // shows as a process without a pid
  if (child.pid === undefined) throw new Error(`${spec.name} could not be started: ${process.execPath}`);
  child.unref();
  writePid(box, spec.name, child.pid);
  return child.pid;
}

/** The pid of a process that was started under this name and is alive; it may be a former starter's. */
export function runningProcess(box: string, name: string): number | undefined {
  const pid = readPid(box, name);
  return pid !== undefined && isAlive(pid) ? pid : undefined;
}

/** SIGTERM, then waits until it is gone, but not for longer than this. */
export async function endProcess(pid: number, limit: number): Promise<void> {
  const until = performance.now() + limit;
  try {
    process.kill(pid, "SIGTERM");
  } catch {
    return; // It is gone already.
  }
  while (isAlive(pid) && performance.now() < until) await sleep(POLL_MILLIS);
}

/** SIGKILL, then waits until it is gone. */
export async function killProcess(box: string, name: string, pid: number): Promise<void> {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone already.
  }
  while (isAlive(pid)) await sleep(POLL_MILLIS);
  forgetPid(box, name);
}
