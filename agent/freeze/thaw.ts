import { millis } from "../../engine/core/units.ts";
import { runCommand } from "./command.ts";
import type { FreezeMachine } from "./machine.ts";
import { type FreezeMarker, readMarker, removeMarker } from "./marker.ts";

/** Waits before each further try. */
const TRIES = [200, 1000, 3000, 10_000].map(millis);
/** What was killed and does not go within so many milliseconds waits for a disk, perhaps the very one that is frozen. */
const GOING = 1000;
const LOOK = millis(10);

/**
 * Runs the post command until it succeeds, some times, and removes the marker when it did. A pre command that still runs
 * is killed first, lest it freezes what was just thawed.
 * @returns why the last try failed; the marker then stays for whoever comes next
 */
export async function thaw(
  machine: FreezeMachine,
  path: string,
  { post, postTimeout: timeout }: Pick<FreezeMarker, "post" | "postTimeout">,
): Promise<string | undefined> {
  const marker = readMarker(machine.files, path);
  if (marker) await end(machine, marker.pre);
  let why = await runCommand(machine, post, { timeout });
  for (const wait of TRIES) {
    if (why === undefined) break;
    await machine.sleep(wait);
    why = await runCommand(machine, post, { timeout });
  }
  if (why === undefined) removeMarker(machine.files, path);
  return why;
}

async function end(machine: FreezeMachine, pre: FreezeMarker["pre"]): Promise<void> {
  if (!machine.isAlive(pre)) return;
  machine.killGroup(pre.pid);
  for (let waited = 0; waited < GOING && machine.isAlive(pre); waited += LOOK) await machine.sleep(LOOK);
}
