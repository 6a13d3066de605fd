import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { createInterface } from "node:readline";
import { lastWords, openLog } from "../process/log-file.ts";
import { forgetPid, writePid } from "../process/pid-file.ts";

export interface ChildSpec {
  /** Names the pid file and the log, e.g. `host`. */
  readonly name: string;
  readonly script: string;
  readonly args: readonly string[];
  /** For Node itself, before the script. */
  readonly nodeFlags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Child {
  readonly name: string;
  readonly pid: number;
  /** The JSON object that the child printed first. */
  readonly ready: unknown;
  /** Resolves when the process is gone. */
  readonly exited: Promise<void>;
  alive(): boolean;
  /** SIGTERM, and SIGKILL after the grace. */
  stop(graceMillis?: number): Promise<void>;
  /** SIGKILL, now. */
  kill(): Promise<void>;
}

/** `{ port: 1 }` as `--port 1`. */
export const flags = (values: Readonly<Record<string, string | number>>): string[] =>
  Object.entries(values).flatMap(([name, value]) => [`--${name}`, String(value)]);

const READY_MILLIS = 120_000;

/**
 * Starts a Node process of the box and waits for the one JSON line by which it says that it is ready. Its standard error
 * goes to `logs/<name>.log`.
 * @throws Error with the end of the log when it dies or is silent for two minutes.
 */
export async function startChild(box: string, spec: ChildSpec): Promise<Child> {
  const out = openLog(box, spec.name);
  const child = spawn(
    process.execPath,
    [...NODE_FLAGS, ...(spec.nodeFlags ?? []), spec.script, ...spec.args],
    {
      // A group of its own: Ctrl-C reaches the supervisor alone, which then stops the others in order.
      detached: true,
      stdio: ["ignore", "pipe", out],
      env: { ...process.env, ...spec.env },
    },
  );
  closeSync(out);
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${spec.name} could not be started: ${process.execPath}`);
  writePid(box, spec.name, pid);
  void exited.then(() => forgetPid(box, spec.name));
  try {
    const ready = await firstLine(child, exited, spec.name);
    return handle(child, pid, spec.name, ready, exited);
  } catch (cause) {
    child.kill("SIGKILL");
    throw new Error(`${messageOf(cause)}\n${lastWords(box, spec.name)}`, { cause });
  }
}

const NODE_FLAGS = ["--disable-warning=ExperimentalWarning"];
const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

function firstLine(child: ChildProcess, exited: Promise<void>, name: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`${name} was not ready after two minutes`)),
      READY_MILLIS,
    );
    const settle = (act: () => void) => {
      clearTimeout(timer);
      act();
    };
    void exited.then(() => settle(() => reject(new Error(`${name} ended before it was ready`))));
    if (!child.stdout) return reject(new Error(`${name} has no standard output`));
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.startsWith("{")) settle(() => resolve(JSON.parse(line)));
    });
  });
}

function handle(
  child: ChildProcess,
  pid: number,
  name: string,
  ready: unknown,
  exited: Promise<void>,
): Child {
  const alive = () => child.exitCode === null && child.signalCode === null;
  const kill = async () => {
    if (alive()) child.kill("SIGKILL");
    await exited;
  };
  const stop = async (graceMillis = 8000) => {
    if (!alive()) return;
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), graceMillis);
    await exited;
    clearTimeout(timer);
  };
  return { name, pid, ready, exited, alive, stop, kill };
}
