import { readFileSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive } from "../process/pid-file.ts";

const POLL_MILLIS = 2;

/**
 * Runs `work` while the processes stand still. A stopped process has no system call half done: each thread ends its own
 * before it stops, so that a file which they write is as after a power cut.
 */
export async function whileStopped(pids: readonly number[], work: () => Promise<void>): Promise<void> {
  try {
    for (const pid of pids) tell(pid, "SIGSTOP");
    for (const pid of pids) while (isAlive(pid) && !isStopped(pid)) await sleep(POLL_MILLIS);
    await work();
  } finally {
    for (const pid of pids) tell(pid, "SIGCONT");
  }
}

/** For one that a hypervisor left stopped when it died. */
export const goOn = (pid: number): void => tell(pid, "SIGCONT");

function tell(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone: nothing writes.
  }
}

/** Every thread, by the letter behind the name in `stat`. Where there is no `/proc`, a signal sent is believed. */
function isStopped(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).every((thread) => {
      const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8");
      return ["T", "t", "Z", "X"].includes(stat.charAt(stat.lastIndexOf(")") + 2));
    });
  } catch {
    return true;
  }
}
