import type { FreezeCommands } from "../../engine/core/freeze.ts";
import { messageOf } from "../../engine/core/errors.ts";
import { identityOf } from "../process-identity.ts";
import { runCommand } from "./command.ts";
import { writeMarker } from "./marker.ts";
import { thaw } from "./thaw.ts";

/** What the watchdog is started with. */
export interface FreezeTask {
  readonly commands: FreezeCommands;
  /** Where it stands written that something may be frozen. */
  readonly marker: string;
}

/** The watchdog's last word, with why the post command failed, if it did. */
export interface Thawed {
  readonly thawed: true;
  readonly why?: string;
}

export type WatchdogWord =
  /** Nothing is thawed before this instant of `process.hrtime`, unless the agent asks for it or is gone. */
  { readonly frozen: bigint } | { readonly failed: string } | Thawed;

/**
 * A process of its own, so that it outlives the agent: runs the pre command, waits until the agent asks for the end, is
 * gone, or overruns its time, and then runs the post command, whatever happened before.
 */
const over = new AbortController();
process.on("disconnect", () => over.abort());
process.on("message", (message: FreezeTask | "thaw") => {
  if (message === "thaw") over.abort();
  else void watch(message);
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => over.abort());

async function watch({ commands, marker }: FreezeTask): Promise<void> {
  const { pre, post, preTimeout, postTimeout, hold } = commands;
  const why = await runCommand(pre, {
    timeout: preTimeout,
    signal: over.signal,
    started: (pid) =>
      writeMarker(marker, { watchdog: identityOf(process.pid), pre: identityOf(pid), post, postTimeout }),
  }).catch((error: unknown) => `the spool takes no note of the freeze: ${messageOf(error)}`);
  if (why === undefined) {
    say({ frozen: process.hrtime.bigint() + BigInt(hold) * 1_000_000n });
    await lasts(hold);
  } else say({ failed: why });
  const failure = await thaw(marker, { post, postTimeout });
  end({ thawed: true, ...(failure !== undefined && { why: failure }) });
}

/** Timers may be early by a millisecond; a thaw may not. */
const lasts = (hold: number): Promise<void> =>
  new Promise((resolve) => {
    if (over.signal.aborted) return resolve();
    const timer = setTimeout(resolve, hold + 2);
    over.signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });

/** Nobody may be there to hear it. */
function say(word: WatchdogWord, said?: () => void): void {
  if (process.connected) process.send?.(word, undefined, undefined, () => said?.());
  else said?.();
}

const end = (word: WatchdogWord): void => say(word, () => process.exit());
