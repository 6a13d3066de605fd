import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";

const MAIN = path.join(import.meta.dirname, "../../../local/functions-host/main.ts");

export interface ChildHost {
  readonly process: ChildProcess;
  readonly url: string;
  /** Everything that it wrote to stderr so far. */
  readonly log: () => string;
}

export interface Spawning {
  /** The host's own code, where that is not this repository's. */
  readonly main?: string;
  /** Is given the process at once. */
  readonly begun?: (child: ChildProcess) => void;
}

/**
 * A host in its own process.
 * @throws Error with its output when it ends before it serves
 */
export async function spawnHost(
  args: readonly string[],
  env: Record<string, string> = {},
  { main = MAIN, begun }: Spawning = {},
): Promise<ChildHost> {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", main, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, TEST_HUB: "ChildHub", ...QUIET, ...env },
  });
  begun?.(child);
  let errors = "";
  child.stderr.on("data", (text: Buffer) => (errors += text.toString()));
  const lines = createInterface({ input: child.stdout });
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`the host ended with ${String(code)}: ${errors}`);
  });
  ended.catch(() => undefined);
  const first = once(lines, "line").then(([line]) => String(line));
  const { url }: { url: string } = JSON.parse(await Promise.race([first, ended]));
  return { process: child, url, log: () => errors };
}

const QUIET = {
  TEST_SCHEDULE: "0 0 0 1 1 *",
  TEST_FAST_SCHEDULE: "0 0 0 1 1 *",
  WEBSITE_HOSTNAME: "localhost:7071",
};

/** Sends the signal and waits for the end; gives the exit code, or null for a signal. */
export async function end(host: ChildHost, signal: NodeJS.Signals): Promise<number | null> {
  const ended = once(host.process, "exit");
  host.process.kill(signal);
  const [code]: unknown[] = await ended;
  return typeof code === "number" ? code : null;
}
