import { type ChildProcess, spawn } from "node:child_process";
import { type Millis, millis } from "../../engine/core/units.ts";

/** A process that the kernel does not let go of, as one that waits for a disk, is not waited for any longer. */
const AFTER_KILL = millis(1000);
/** Of what the command says on its error output. */
const MOST_WORDS = 400;
const WINDOWS = process.platform === "win32";
/** Waits for a line, and does nothing when there comes none. */
const GATE = 'read -r _ && exec /bin/sh -c "$1" </dev/null';

export interface CommandRun {
  readonly timeout: Millis;
  /** Kills it. */
  readonly signal?: AbortSignal;
  /** Called with the number of its process group before it does anything: should this process die, it can be found. */
  readonly started?: (pid: number) => void;
}

/**
 * Runs a command in the system's shell, in a process group of its own, which is killed as a whole when it takes too long
 * or is no longer wanted. It does not begin before `started` has returned, and not at all when this process dies before.
 * @returns why it failed, with the end of what it said; undefined when it succeeded
 */
export async function runCommand(command: string, run: CommandRun): Promise<string | undefined> {
  const { timeout, signal, started } = run;
  if (signal?.aborted) return UNWANTED;
  const child = start(command);
  let words = "";
  child.stderr?.on("data", (part) => (words = `${words}${String(part)}`.slice(-MOST_WORDS)));
  const ended = endOf(child);
  const cut = Promise.withResolvers<string>();
  const timer = setTimeout(() => cut.resolve(`it took longer than ${timeout} ms`), timeout);
  const stop = () => cut.resolve(UNWANTED);
  signal?.addEventListener("abort", stop, { once: true });
  if (child.pid !== undefined) started?.(child.pid);
  child.stdin?.on("error", () => undefined).end("go\n");
  const late = await Promise.race([ended.then(() => undefined), cut.promise]);
  clearTimeout(timer);
  signal?.removeEventListener("abort", stop);
  if (late !== undefined) await killed(child, ended);
  const why = late ?? (await ended);
  // What it left running may hold the other end.
  child.stderr?.destroy();
  return why === undefined || words.trim() === "" ? why : `${why}: ${words.trim()}`;
}

const UNWANTED = "it was not wanted any more";

/** Kills a whole process group; nothing happens when there is none. */
export function killGroup(pid: number): void {
  try {
    process.kill(WINDOWS ? pid : -pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

function start(command: string): ChildProcess {
  const stdio = ["pipe", "ignore", "pipe"] as const;
  return WINDOWS
    ? spawn(command, { shell: true, stdio: [...stdio] })
    : spawn("/bin/sh", ["-c", GATE, "leeward", command], { detached: true, stdio: [...stdio] });
}

const endOf = (child: ChildProcess): Promise<string | undefined> =>
  new Promise((resolve) => {
    child.once("error", (error) => resolve(`it could not be started: ${error.message}`));
    child.once("exit", (code, signal) => {
      if (code === 0) resolve(undefined);
      else resolve(code === null ? `it was ended by ${signal}` : `it ended with ${code}`);
    });
  });

async function killed(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  if (child.pid !== undefined) killGroup(child.pid);
  await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, AFTER_KILL))]);
}
