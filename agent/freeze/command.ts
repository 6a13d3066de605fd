import { type Millis, millis } from "../../engine/core/units.ts";
import type { Command, FreezeMachine } from "./machine.ts";

/** A process that the kernel does not let go of, as one that waits for a disk, is not waited for any longer. */
const AFTER_KILL = millis(1000);

export interface CommandRun {
  readonly timeout: Millis;
  /** Kills it. */
  readonly signal?: AbortSignal;
  /** Called with the number of its process group before it does anything: should this process die, it can be found. */
  readonly started?: (pid: number) => void;
}

/**
 * Runs a command in a process group of its own, which is killed as a whole when it takes too long or is no longer wanted. It
 * does not begin before `started` has returned, and not at all when this process dies before.
 * @returns why it failed, with the end of what it said; undefined when it succeeded
 */
export async function runCommand(
  machine: FreezeMachine,
  command: string,
  run: CommandRun,
): Promise<string | undefined> {
  const { signal, started } = run;
  if (signal?.aborted) return UNWANTED;
  const child = machine.start(command);
  const over = new AbortController();
  const cut = cutOf(machine, run, over.signal);
  if (child.pid !== undefined) started?.(child.pid);
  child.begin();
  const late = await Promise.race([child.ended.then(() => undefined), cut]);
  over.abort();
  if (late !== undefined) await killed(machine, child);
  const why = late ?? (await child.ended);
  const words = child.words();
  return why === undefined || words === "" ? why : `${why}: ${words}`;
}

const UNWANTED = "it was not wanted any more";

/** Resolves when it takes too long or is no longer wanted, with which of these; never once it is over. */
function cutOf(machine: FreezeMachine, { timeout, signal }: CommandRun, over: AbortSignal): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const late = () => resolve(`it took longer than ${timeout} ms`);
  machine.sleep(timeout, over).then(late, () => undefined);
  signal?.addEventListener("abort", () => resolve(UNWANTED), { once: true, signal: over });
  return promise;
}

async function killed(machine: FreezeMachine, { pid, ended }: Command): Promise<void> {
  if (pid !== undefined) machine.killGroup(pid);
  await Promise.race([ended, machine.sleep(AFTER_KILL)]);
}
