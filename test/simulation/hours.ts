import { HOST_PATIENCE } from "./machine.ts";
import type { World } from "./world.ts";

const MINUTE = 60e6;
const SPANS = [70 * MINUTE, 3 * 60 * MINUTE, 13 * 60 * MINUTE];

/** Nothing happens for hours but that time passes: whatever was at work is ended by its host, and agents go on. */
export function passHours(world: World): void {
  const span = world.dice.pick(SPANS) ?? MINUTE;
  world.pass(span);
  world.note(`${span / MINUTE} minutes pass`);
  for (const process of world.scheduler.alive())
    if (process.kind !== "agent" && world.now - process.since > HOST_PATIENCE) world.scheduler.kill(process);
}
