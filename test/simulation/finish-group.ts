import type { MachineId } from "../../engine/core/ids.ts";
import { itemKeyOf } from "../../engine/recovery/item.ts";
import { recordsIn } from "../../engine/recovery/records.ts";
import { startAgent } from "./agent-process.ts";
import { replicate, tendResync } from "./control-plane.ts";
import { ask, giveUp, observe, tell } from "./group-actions.ts";
import type { Group } from "./group.ts";
import type { Machine } from "./machine.ts";
import { pause } from "./pause.ts";
import { Violation } from "./truth.ts";
import type { World } from "./world.ts";

const TRIES = 12;

/**
 * In clear weather whoever is still protected gets a common point, whatever was on its way before.
 * @throws Violation
 */
export async function endGroup(world: World, group: Group): Promise<void> {
  const members = await protectedOf(world, group);
  if (members.length === 0 || members.some(({ guest }) => guest.gone)) return;
  for (const machine of members) await stream(world, machine);
  const before = group.record.newest?.id;
  const done = () => group.record.newest !== undefined && group.record.newest.id !== before;
  for (let tries = 0; tries < TRIES && !done(); tries++) await turn(world, group, members);
  if (!done())
    throw new Violation(`group: ${members.length} members never have a point: ${group.record.missed?.why}`);
}

export async function protectedOf({ machines, stores }: World, group: Group): Promise<Machine[]> {
  const { items } = recordsIn(stores.records);
  // Its own record says to which group a machine belongs; the group's row of it may have stayed behind.
  const takesPart = async (id: MachineId) => {
    const item = (await items.get(itemKeyOf(id)))?.value;
    return item?.state === "Protected" && item.group === group.key;
  };
  const found: Machine[] = [];
  for (const machine of machines)
    if (group.has(machine.id) && (await takesPart(machine.id))) found.push(machine);
  return found;
}

async function stream(world: World, machine: Machine): Promise<void> {
  const { guest } = machine;
  startAgent(world, guest, machine.spoolLimit);
  const streams = () => guest.running?.capture.status?.mode === "streaming";
  for (let tries = 0; tries < TRIES && !streams(); tries++) {
    await pause(world, 4, streams);
    world.start("resync", machine, tendResync);
  }
}

/** One barrier from its beginning to its end, or the end of one that was begun. */
export async function turn(world: World, group: Group, members: readonly Machine[]): Promise<void> {
  const [first] = members;
  if (!first) return;
  await pause(world, 3);
  // Set by a process that died before its proof: the orchestration's own patience ends it.
  const { round } = group.record;
  if (round && world.now > round.at + 60e6) {
    world.start("give-up", first, (plane) => giveUp(plane, group));
    await pause(world, 1);
  }
  world.start("ask", first, (plane) => ask(world, plane, group));
  await pause(world, 3);
  for (const machine of members) void tell(world, machine);
  await pause(world, 5);
  for (let twice = 0; twice < 2; twice++) {
    for (const machine of members) world.start("replicate", machine, replicate);
    await pause(world, 1);
  }
  world.start("observe", first, (plane) => observe(plane, group));
  await pause(world, 1);
}
