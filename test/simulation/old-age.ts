import { agentActivities } from "../../functions/activities/agent.ts";
import { checkpointsPrefix } from "../../engine/journal/names.ts";
import { collect } from "../fixtures/collect.ts";
import { beginFailover } from "./actions.ts";
import { startAgent } from "./agent-process.ts";
import { checkpoint, replicate, retain, tendResync, toolsOf } from "./control-plane.ts";
import { endFailover } from "./finish.ts";
import { protectedOf, turn } from "./finish-group.ts";
import { failOverTogether } from "./group-actions.ts";
import { pause } from "./pause.ts";
import { passHours } from "./hours.ts";
import type { Machine } from "./machine.ts";
import { rot } from "./rot.ts";
import { restoreOne, verify } from "./readers.ts";
import type { World } from "./world.ts";

const ROUNDS = 4;

/**
 * Days pass, in which what was given up is deleted: while points are made, checkpoints written, points verified and
 * restored, and at last failed over to, with two of each at work. What stays is whole.
 * @throws Violation
 */
export async function growOld(world: World): Promise<void> {
  world.note("the machines grow old");
  for (let round = 0; round < ROUNDS; round++) {
    passHours(world);
    await spoilCheckpoint(world);
    for (const machine of world.machines) {
      if (!machine.guest.gone && !machine.failover) await live(world, machine);
      if (world.rots) await rot(world);
      for (const _ of [1, 2]) await readSlowly(world, machine);
      for (const _ of [1, 2]) work(world, machine);
      if (round === ROUNDS - 2 && world.dice.chance(0.3)) await beginFailover(world, machine);
    }
    await together(world, round);
    await pause(world, 5);
    for (const process of world.scheduler.alive()) process.state = "awake";
    await pause(world, 5);
  }
  for (const machine of world.machines) {
    if (machine.failover) await endFailover(world, machine);
    await machine.auditor.everything();
  }
  await world.group?.auditor.everything();
}

/** A common point is asked for, and at last perhaps failed over to, while members' points are thinned. */
async function together(world: World, round: number): Promise<void> {
  const { group, dice } = world;
  if (!group) return;
  const members = await protectedOf(world, group);
  const there = members.length > 0 && members.every(({ guest }) => !guest.gone);
  for (let points = 0; there && points < 2; points++) await turn(world, group, members);
  if (round === ROUNDS - 2 && dice.chance(0.3)) failOverTogether(world);
}

/** A document rots where it lies. What it says of the replica is lost, and nothing else. */
async function spoilCheckpoint({ dice, stores, machines }: World): Promise<void> {
  const machine = dice.pick(machines);
  const all = machine ? await collect(stores.target.list(checkpointsPrefix(machine.id))) : [];
  const name = dice.pick(all)?.name;
  const found = name && (await stores.target.get(name));
  if (!name || !found) return;
  if (dice.chance(0.3)) await stores.target.delete([name]);
  else await stores.target.put(name, found.body.subarray(0, dice.below(found.body.length)), "any");
}

/** The guest writes, and a point is asked for. */
async function live(world: World, machine: Machine): Promise<void> {
  const { guest } = machine;
  if (!guest.running) startAgent(world, guest, machine.spoolLimit);
  await pause(world, 2);
  for (let writes = world.dice.below(12); writes > 0; writes--) {
    await guest.write(world.dice.chance(0.2));
    await pause(world, 0.5);
  }
  world.start("point", machine, ({ services }) =>
    agentActivities.requestBarrier(
      { machine: machine.id, barrier: world.newBarrier(), consistency: "crash" },
      toolsOf(services),
    ),
  );
  await pause(world, 4);
}

/** Somebody begins to restore, and hangs: what is deleted meanwhile is nothing that is still to be read. */
async function readSlowly(world: World, machine: Machine): Promise<void> {
  const reader = world.start(`restore:${machine.id}`, machine, (plane) => restoreOne(plane, machine.auditor));
  await world.settle();
  for (let calls = world.dice.below(12); calls > 0; calls--) {
    await world.grant(reader);
    await world.settle();
  }
  if (reader.state === "awake") reader.state = "asleep";
}

/** One of each of the control plane's processes. */
function work(world: World, machine: Machine): void {
  world.start(`replicate:${machine.id}`, machine, replicate);
  world.start(`retain:${machine.id}`, machine, retain);
  world.start(`verify:${machine.id}`, machine, verify);
  world.start(`resync:${machine.id}`, machine, tendResync);
  if (machine.warm) world.start(`checkpoint:${machine.id}`, machine, checkpoint);
}
