import type { FreezeCommands } from "../../engine/core/freeze.ts";
import { messageOf } from "../../engine/core/errors.ts";
import { type Millis, millis } from "../../engine/core/units.ts";
import { runCommand } from "./command.ts";
import type { FreezeMachine } from "./machine.ts";
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
  /** Nothing is thawed before this instant of the machine's steady clock, unless the agent asks for it or is gone. */
  { readonly frozen: bigint } | { readonly failed: string } | Thawed;

/**
 * Runs the pre command, waits until the agent asks for the end, is gone, or overruns its time, and then runs the post
 * command, whatever happened before.
 * @param over aborted when the agent asks, or is gone
 * @returns the last word, for the agent if it is still there
 */
export async function watch(
  machine: FreezeMachine,
  { commands, marker }: FreezeTask,
  over: AbortSignal,
  say: (word: WatchdogWord) => void,
): Promise<Thawed> {
  const { pre, post, preTimeout, postTimeout, hold } = commands;
  const why = await runCommand(machine, pre, {
    timeout: preTimeout,
    signal: over,
    started: (pid) =>
      writeMarker(machine.files, marker, {
        watchdog: machine.identityOf(machine.pid),
        pre: machine.identityOf(pid),
        post,
        postTimeout,
      }),
  }).catch((error: unknown) => `the spool takes no note of the freeze: ${messageOf(error)}`);
  if (why === undefined) {
    say({ frozen: machine.now() + BigInt(hold) * 1_000_000n });
    await lasts(machine, hold, over);
  } else say({ failed: why });
  const failure = await thaw(machine, marker, { post, postTimeout });
  return { thawed: true, ...(failure !== undefined && { why: failure }) };
}

/** Timers may be early by a millisecond; a thaw may not. */
async function lasts(machine: FreezeMachine, hold: Millis, over: AbortSignal): Promise<void> {
  if (!over.aborted) await machine.sleep(millis(hold + 2), over).catch(() => undefined);
}
