import { setTimeout as sleep } from "node:timers/promises";
import { isAlive } from "../process-identity.ts";
import { killGroup, runCommand } from "./command.ts";
import { type FreezeMarker, readMarker, removeMarker } from "./marker.ts";

/** Waits in milliseconds before each further try. */
const TRIES = [200, 1000, 3000, 10_000];
/** What was killed and does not go within this time waits for a disk, perhaps the very one that is frozen. */
const GOING = 1000;

/**
 * Runs the post command until it succeeds, some times, and removes the marker when it did. A pre command that still runs
 * is killed first, lest it freezes what was just thawed.
 * @returns why the last try failed; the marker then stays for whoever comes next
 */
export async function thaw(
  path: string,
  { post, postTimeout: timeout }: Pick<FreezeMarker, "post" | "postTimeout">,
): Promise<string | undefined> {
  const marker = readMarker(path);
  if (marker) await end(marker.pre);
  let why = await runCommand(post, { timeout });
  for (const wait of TRIES) {
    if (why === undefined) break;
    await sleep(wait);
    why = await runCommand(post, { timeout });
  }
  if (why === undefined) removeMarker(path);
  return why;
}

async function end(pre: FreezeMarker["pre"]): Promise<void> {
  if (!isAlive(pre)) return;
  killGroup(pre.pid);
  for (let waited = 0; waited < GOING && isAlive(pre); waited += 10) await sleep(10);
}
