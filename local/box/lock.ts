import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * One supervisor for one box. The lock names the process that holds it; the lock of a dead process is taken over, and the
 * children that it left behind are ended first.
 * @throws Error when a living supervisor holds the box.
 */
export function lockBox(box: string): { release(): void } {
  mkdirSync(box, { recursive: true });
  const file = path.join(box, "lock");
  const holder = readNumber(file);
  if (holder !== undefined && holder !== process.pid && isOfBox(holder)) {
    throw new Error(`this box is in use by process ${holder}: stop it (Ctrl-C there), or give another --box`);
  }
  endOrphans(box);
  writeFileSync(file, `${process.pid}\n`);
  return { release: () => rmSync(file, { force: true }) };
}

/** Ends what a supervisor that was killed has left: only pids that it wrote down and that still run our scripts. */
function endOrphans(box: string): void {
  const directory = path.join(box, "pids");
  for (const name of readNames(directory)) {
    const file = path.join(directory, name);
    const pid = readNumber(file);
    if (pid !== undefined && isOfBox(pid)) process.kill(pid, "SIGKILL");
    rmSync(file, { force: true });
  }
}

/** Keeps a pid file for a process that was started elsewhere, until it is gone. */
export function notePid(box: string, name: string, pid: number, exited: Promise<void>): void {
  const file = path.join(box, "pids", `${name}.pid`);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${pid}\n`);
  void exited.then(() => rmSync(file, { force: true }));
}

const SHUTDOWN_MILLIS = 6000;

/**
 * Shuts the virtual machines down that the box's hypervisor started: machines first, so that their last writes reach
 * their agents, then the agents.
 */
export async function endVirtualMachines(box: string): Promise<void> {
  const directory = path.join(box, "pids");
  for (const kind of ["machine-", "agent-"]) {
    const files = readNames(directory).filter((name) => name.startsWith(kind));
    const pids = files
      .map((name) => readNumber(path.join(directory, name)))
      .filter((pid) => pid !== undefined);
    const ours = pids.filter(isOfBox);
    for (const pid of ours) process.kill(pid, "SIGTERM");
    const until = performance.now() + SHUTDOWN_MILLIS;
    while (ours.some(isOfBox) && performance.now() < until) await sleep(50);
  }
  endOrphans(box);
}

const OURS = /(local\/(main|arm\/main|functions-host\/main|machine\/main)\.ts|agent\/main\.ts|azurite)/;

/** A pid alone proves nothing, since pids come round: the process must run one of the box's programs. */
function isOfBox(pid: number): boolean {
  try {
    return OURS.test(readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " "));
  } catch {
    return false;
  }
}

function readNumber(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, "utf8").trim());
    return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function readNames(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => name.endsWith(".pid"));
  } catch {
    return [];
  }
}
