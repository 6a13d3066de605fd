import type { Files } from "./files.ts";
import { nodeFiles } from "./node-files.ts";

/** Tells a process from a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it began, in ticks since boot; empty where the system does not tell. */
  readonly start: string;
}

export const identityOf = (pid: number, files: Files = nodeFiles): ProcessIdentity => ({
  pid,
  start: startOf(files, pid),
});

export function isAlive({ pid, start }: ProcessIdentity, files: Files = nodeFiles): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
  return startOf(files, pid) === start;
}

function startOf(files: Files, pid: number): string {
  try {
    // The name in parentheses may hold anything; start time is the 20th field behind it.
    return files.read(`/proc/${pid}/stat`).toString("utf8").split(") ").at(-1)?.split(" ")[19] ?? "";
  } catch {
    return "";
  }
}
