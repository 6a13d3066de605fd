import { mkdirSync, openSync, readFileSync } from "node:fs";
import path from "node:path";

/** What a process of the box prints. */
export const logFile = (box: string, name: string): string => path.join(box, "logs", `${name}.log`);

/** A file descriptor to append to it; the caller closes it. */
export function openLog(box: string, name: string): number {
  const file = logFile(box, name);
  mkdirSync(path.dirname(file), { recursive: true });
  return openSync(file, "a");
}

/** The end of it as it is; empty when there is none. */
export function consoleEnd(box: string, name: string): string {
  try {
    return readFileSync(logFile(box, name), "utf8").slice(-64 * 1024);
  } catch {
    return "";
  }
}

/** The end of it, for an error message. */
export function lastWords(box: string, name: string): string {
  try {
    const lines = readFileSync(logFile(box, name), "utf8").trimEnd().split("\n");
    return lines
      .slice(-25)
      .map((line) => `    ${line}`)
      .join("\n");
  } catch {
    return "    it printed nothing";
  }
}
