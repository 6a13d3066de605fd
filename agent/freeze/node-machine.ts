import { type ChildProcess, spawn } from "node:child_process";
import { systemClock } from "../../engine/core/clock.ts";
import { startHelper } from "../helper.ts";
import { nodeFiles } from "../node-files.ts";
import { identityOf, isAlive } from "../process-identity.ts";
import type { Command, FreezeMachine, WatchdogListener, WatchdogProcess } from "./machine.ts";
import type { WatchdogWord } from "./watch.ts";

/** Of what a command says on its error output. */
const MOST_WORDS = 400;
const WINDOWS = process.platform === "win32";
/** Waits for a line, and does nothing when there comes none. */
const GATE = 'read -r _ && exec /bin/sh -c "$1" </dev/null';

/** The system's own. */
export const nodeMachine: FreezeMachine = {
  files: nodeFiles,
  now: () => process.hrtime.bigint(),
  sleep: (duration, signal) => systemClock.sleep(duration, signal),
  pid: process.pid,
  identityOf: (pid) => identityOf(pid),
  isAlive: (of) => isAlive(of),
  start,
  killGroup,
  startWatchdog,
};

/** Runs in the system's shell. */
function start(command: string): Command {
  const stdio = ["pipe", "ignore", "pipe"] as const;
  const child = WINDOWS
    ? spawn(command, { shell: true, stdio: [...stdio] })
    : spawn("/bin/sh", ["-c", GATE, "leeward", command], { detached: true, stdio: [...stdio] });
  let said = "";
  child.stderr?.on("data", (part) => (said = `${said}${String(part)}`.slice(-MOST_WORDS)));
  return {
    pid: child.pid,
    ended: endOf(child),
    begin: () => child.stdin?.on("error", () => undefined).end("go\n"),
    words: () => {
      // What it left running may hold the other end.
      child.stderr?.destroy();
      return said.trim();
    },
  };
}

const endOf = (child: ChildProcess): Promise<string | undefined> =>
  new Promise((resolve) => {
    child.once("error", (error) => resolve(`it could not be started: ${error.message}`));
    child.once("exit", (code, signal) => {
      if (code === 0) resolve(undefined);
      else resolve(code === null ? `it was ended by ${signal}` : `it ended with ${code}`);
    });
  });

function killGroup(pid: number): void {
  try {
    process.kill(WINDOWS ? pid : -pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

/** In a session of its own: what ends the agent's group or terminal must not end it. */
function startWatchdog(listener: WatchdogListener): WatchdogProcess {
  const child = startHelper("watchdog", {
    detached: true,
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  child.on("message", (word: WatchdogWord) => listener.word(word));
  child.once("error", (error) => listener.gone(error.message));
  child.once("exit", () => listener.gone());
  return {
    send: (message) => {
      if (child.connected) child.send(message, () => undefined);
    },
  };
}
