import { agentActivities } from "../../functions/activities/agent.ts";
import type { BarrierId } from "../../engine/core/ids.ts";
import { recordsIn } from "../../engine/recovery/records.ts";
import { listPoints, readPoint } from "../../engine/replication/points.ts";
import { killAgent, loseSpool, regionReturns } from "./actions.ts";
import { startAgent } from "./agent-process.ts";
import { checkpoint, replicate, tendResync, toolsOf } from "./control-plane.ts";
import { startFailover } from "./failover.ts";
import { endGroup } from "./finish-group.ts";
import { pause } from "./pause.ts";
import { giveUpPlan } from "./planned.ts";
import { type Turn, startTurn } from "./turn.ts";
import type { Machine } from "./machine.ts";
import { Violation } from "./truth.ts";
import { CALM } from "./weather.ts";
import type { World } from "./world.ts";

const TRIES = 12;

/**
 * The weather clears and everything that hangs goes on: what was begun must come to its end. A failover ends with disks;
 * otherwise a new write still becomes a point and a checkpoint.
 * @throws Violation
 */
export async function recover(world: World): Promise<void> {
  world.note("the weather clears");
  world.storm.weather = CALM;
  world.storm.cacheAway = false;
  for (const process of world.scheduler.alive()) process.state = "awake";
  if (world.turns) regionReturns(world);
  for (const machine of world.machines) {
    await pause(world, 5);
    if (machine.planned && !machine.failover) giveUpPlan(machine);
    if (machine.turn && !machine.failover) await endTurn(world, machine, machine.turn);
    if (machine.failover) await endFailover(world, machine);
    else if (!machine.guest.gone) await goOn(world, machine);
  }
  if (world.group) await endGroup(world, world.group);
}

export async function endFailover(world: World, machine: Machine): Promise<void> {
  const isOver = () => !machine.failover || machine.failover.built !== undefined;
  for (let tries = 0; !isOver() && tries < TRIES; tries++) {
    startFailover(world, machine);
    await pause(world, 2);
  }
  if (!isOver() && !world.storm.lied) throw new Violation(`a failover of ${machine.id} never ends`);
}

/** The old disks are the base in the end, and agents are let in. */
async function endTurn(world: World, machine: Machine, turn: Turn): Promise<void> {
  for (let tries = 0; !turn.ready && tries < TRIES; tries++) {
    startTurn(world, machine);
    await pause(world, 2);
  }
  if (!turn.ready && !world.storm.lied)
    throw new Violation(`the direction of ${machine.id} is never turned around`);
}

/** @param again an agent that has just started may yet hear that its generation is over: then all is asked of the next one */
async function goOn(world: World, machine: Machine, again = true): Promise<void> {
  const { guest } = machine;
  if (machine.stopped || world.storm.lied) loseSpool(world, guest);
  // What was asked of an agent that is being stopped is its own; the next one is asked again.
  if (!guest.running) await pause(world, 2);
  if (!guest.running) startAgent(world, guest, machine.spoolLimit);
  const streams = () => guest.running?.capture.status?.mode === "streaming";
  for (let tries = 0; tries < TRIES && !streams(); tries++) {
    await pause(world, 8, streams);
    // One that was being stopped has ended only now.
    if (!guest.running) startAgent(world, guest, machine.spoolLimit);
    world.start("resync", machine, tendResync);
  }
  // The next freeze may begin in the same turn as this one ends.
  let thawed = false;
  await pause(world, 60, () => (thawed ||= !guest.frozen));
  if (!thawed) throw new Violation(`freeze: ${machine.id} is left frozen`);
  if (!streams()) throw new Violation(`the agent of ${machine.id} never streams: ${whyOf(machine)}`);
  await guest.write(false);
  const begun = generationOf(machine);
  const wanted = world.newBarrier();
  world.start("point", machine, ({ services }) =>
    agentActivities.requestBarrier(
      { machine: machine.id, barrier: wanted, consistency: "crash" },
      toolsOf(services),
    ),
  );
  for (let tries = 0; tries < TRIES; tries++) {
    await pause(world, 4);
    world.start("replicate", machine, replicate);
    await pause(world, 1);
    if (machine.warm) world.start("checkpoint", machine, checkpoint);
  }
  await pause(world, 4);
  if (again && generationOf(machine) !== begun) return goOn(world, machine, false);
  await mustHold(world, machine, wanted);
  killAgent(world, guest);
}

const generationOf = ({ guest }: Machine) => guest.running?.capture.status?.generation;

const whyOf = ({ guest }: Machine): string => {
  const { capture } = guest.running ?? {};
  return JSON.stringify({ status: capture?.status, problem: capture?.status?.problem?.message });
};

async function mustHold(world: World, machine: Machine, wanted: BarrierId): Promise<void> {
  const { target, records } = world.storesOf(machine.side);
  const progress = (await recordsIn(records).progress.get(machine.id))?.value;
  const why = progress?.problem
    ? `${progress.problem.code}: ${progress.problem.message}`
    : `no problem is noted; ${whyOf(machine)}`;
  const { cached } = machine.guest.running?.capture.status ?? {};
  if (progress?.arrived.next !== cached?.next)
    throw new Violation(`arrived is at ${progress?.arrived.next} of ${cached?.next} for ever; ${why}`);
  if (!(await listPoints(target, machine.id)).some(({ id }) => id === wanted))
    throw new Violation(`barrier ${wanted} never became a point; ${why}`);
  const point = await readPoint(target, machine.id, wanted);
  if (machine.warm && !(await machine.auditor.hasCheckpoint(point)))
    throw new Violation(`point ${wanted} never became a checkpoint; ${why}`);
}
