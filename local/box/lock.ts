import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { forgetPid, pidNames, readNumber, readPid } from "../process/pid-file.ts";

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
  for (const name of pidNames(box)) {
    const pid = readPid(box, name);
    if (pid !== undefined && isOfBox(pid)) process.kill(pid, "SIGKILL");
    forgetPid(box, name);
  }
}

const SHUTDOWN_MILLIS = 6000;

/**
 * Shuts the virtual machines down that the box's hypervisor started: machines first, so that their last writes reach
 * their agents, then the agents.
 */
export async function endVirtualMachines(box: string): Promise<void> {
  for (const kind of ["machine-", "agent-"]) {
    const names = pidNames(box).filter((name) => name.startsWith(kind));
    const ours = names
      .map((name) => readPid(box, name))
      .filter((pid) => pid !== undefined)
      .filter(isOfBox);
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
