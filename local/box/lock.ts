import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

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
export function endOrphans(box: string): void {
  const directory = path.join(box, "pids");
  for (const name of readNames(directory)) {
    const file = path.join(directory, name);
    const pid = readNumber(file);
    if (pid !== undefined && isOfBox(pid)) process.kill(pid, "SIGKILL");
    rmSync(file, { force: true });
  }
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
