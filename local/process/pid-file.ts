import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

/** `pids/<name>.pid` of a box: which process bears this name; it is left behind when its writer is killed. */
export function writePid(box: string, name: string, pid: number): void {
  const file = pidFile(box, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${pid}\n`);
}

/** Undefined when there is none, or something else. The process may be gone, or another by now. */
export const readPid = (box: string, name: string): number | undefined => readNumber(pidFile(box, name));

export const forgetPid = (box: string, name: string): void => rmSync(pidFile(box, name), { force: true });

/** Names for which there are pids. */
export function pidNames(box: string): string[] {
  try {
    return readdirSync(directoryOf(box)).flatMap((name) =>
      name.endsWith(END) ? [name.slice(0, -END.length)] : [],
    );
  } catch {
    return [];
  }
}

/** A pid that a file holds. */
export function readNumber(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, "utf8").trim());
    return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined;
  } catch {
    return undefined;
  }
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const END = ".pid";
const directoryOf = (box: string) => path.join(box, "pids");
const pidFile = (box: string, name: string) => path.join(directoryOf(box), `${name}${END}`);
