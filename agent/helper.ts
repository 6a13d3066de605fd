import { type ChildProcess, type ForkOptions, fork } from "node:child_process";

const HELPERS = ["seal", "hash", "watchdog"] as const;
type Helper = (typeof HELPERS)[number];

/** Of the packaged agent, which is a single file, every module has the file's own URL. */
const MAIN = new URL(import.meta.filename.endsWith(".ts") ? "./main.ts" : import.meta.url, import.meta.url);

const ARGUMENT = "--helper=";

/** Another process of the agent. It inherits none of Node's own options. */
export const startHelper = (helper: Helper, options: ForkOptions = {}): ChildProcess =>
  fork(MAIN, [ARGUMENT + helper], { serialization: "advanced", execArgv: [], ...options });

/** Which helper a process is; undefined for the agent itself. */
export const helperOf = ([, , first]: readonly string[]): Helper | undefined =>
  HELPERS.find((helper) => first === ARGUMENT + helper);
