import { type Millis, millis } from "../../engine/core/units.ts";
import type { Guest } from "./guest.ts";
import type { Process } from "./scheduler.ts";
import type { World } from "./world.ts";

/** Longer than any command is waited for. */
const HANGS = millis(9000);
/** A post command fails so often in a row at most: its watchdog tries five times. */
const MOST_FAILURES = 3;

/** What a freeze command does in the guest. Returns why it failed, if it did. */
export const runScript = (
  world: World,
  guest: Guest,
  process: Process,
  command: string,
): Promise<string | undefined> =>
  command === "pre" ? pre(world, guest, process) : post(world, guest, process);

/** Succeeds, fails, half done or not at all, or hangs before it freezes or behind it. */
async function pre(world: World, guest: Guest, process: Process): Promise<string | undefined> {
  const { dice, tally } = world;
  const how = dice.pick(["succeeds", "succeeds", "succeeds", "fails", "fails half done", "hangs"]) ?? "";
  tally.note(`freeze: pre ${how}`);
  if (how === "hangs") {
    if (dice.chance(0.5)) guest.frozen = true;
    await takes(world, guest, process, HANGS);
  } else await takes(world, guest, process, millis(dice.below(1500)));
  if (how !== "fails") guest.frozen = true;
  return how === "succeeds" || how === "hangs" ? undefined : `it ${how}`;
}

async function post(world: World, guest: Guest, process: Process): Promise<string | undefined> {
  const fails = world.dice.chance(0.2) && guest.postFailures < MOST_FAILURES;
  await takes(world, guest, process, millis(world.dice.below(300)));
  if (fails) {
    guest.postFailures++;
    world.tally.note("freeze: post fails");
    return "it fails";
  }
  guest.postFailures = 0;
  guest.frozen = false;
  world.tally.note("freeze: thawed");
  return undefined;
}

/** Time, and then a call of the process, before which it may die. */
async function takes(world: World, { clock }: Guest, process: Process, time: Millis): Promise<void> {
  await world.clockOf(process, clock).sleep(time);
  const perform = async () => undefined;
  await world.scheduler.call({ process, store: "files", method: "acts", args: [], perform });
}
