import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

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
export async function startProcess(box: string, spec: ProcessSpec): Promise<number> {
  mkdirSync(path.join(box, "logs"), { recursive: true });
  mkdirSync(path.join(box, "pids"), { recursive: true });
  const log = openSync(logFile(box, spec.name), "a");
  const child = spawn(process.execPath, [spec.script, ...spec.args], {
    detached: true, // Ctrl-C is for the supervisor alone
    stdio: ["ignore", log, log],
    env: { ...process.env, ...spec.env },
  });
  closeSync(log);
  child.once("error", () => undefined); // shows as a process without a pid
  if (child.pid === undefined) throw new Error(`${spec.name} could not be started: ${process.execPath}`);
  child.unref();
  await writeFile(pidFile(box, spec.name), `${child.pid}\n`);
  return child.pid;
}

/** The pid of a process that was started under this name and is alive; it may be a former starter's. */
export async function runningProcess(box: string, name: string): Promise<number | undefined> {
  const text = await readFile(pidFile(box, name), "utf8").catch(() => "");
  const pid = Number.parseInt(text, 10);
  return Number.isSafeInteger(pid) && pid > 1 && isAlive(pid) ? pid : undefined;
}

/** SIGKILL, then waits until it is gone. */
export async function killProcess(box: string, name: string, pid: number): Promise<void> {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone already.
  }
  while (isAlive(pid)) await sleep(POLL_MILLIS);
  await rm(pidFile(box, name), { force: true });
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The last lines that the process printed, for an error message. */
export async function lastWords(box: string, name: string): Promise<string> {
  const text = await readFile(logFile(box, name), "utf8").catch(() => "");
  return text.trimEnd().split("\n").slice(-25).join("\n");
}

const pidFile = (box: string, name: string) => path.join(box, "pids", `${name}.pid`);
const logFile = (box: string, name: string) => path.join(box, "logs", `${name}.log`);
