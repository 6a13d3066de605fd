import { agentActivities } from "../../functions/activities/agent.ts";
import { lockSpool } from "../../agent/lock.ts";
import { hasCode } from "../../engine/core/errors.ts";
import { awaitsInstant } from "../../engine/recovery/barriers.ts";
import { itemKeyOf } from "../../engine/recovery/item.ts";
import { recordsIn } from "../../engine/recovery/records.ts";
import { listPoints } from "../../engine/replication/points.ts";
import { startAgent } from "./agent-process.ts";
import {
  type Plane,
  checkpoint,
  cut,
  lateCheckpoint,
  replicate,
  retain,
  tendResync,
  toolsOf,
} from "./control-plane.ts";
import { startFailover } from "./failover.ts";
import { ofGroup } from "./group-actions.ts";
import { type Guest, SPOOL } from "./guest.ts";
import type { Machine } from "./machine.ts";
import { passHours } from "./hours.ts";
import type { Often } from "./mutations.ts";
import { restoreOne, verify } from "./readers.ts";
import { rot } from "./rot.ts";
import { giveUpPlan, isDrained, shutDown } from "./planned.ts";
import { reprotect } from "./reprotect.ts";
import { type Side, otherSide } from "./side.ts";
import { completeTurn, startTurn, turnAround } from "./turn.ts";
import { Violation } from "./truth.ts";
import type { World } from "./world.ts";

type Action = () => Promise<void> | void;
type Entry = readonly [weight: number, action: Action];

/** What may happen next, and how often it does. */
export function actionFor(world: World): Action | undefined {
  const machine = world.dice.pick(world.machines);
  return (
    machine &&
    world.dice.weighted<Action>([
      [world.scheduler.ready().length > 0 ? 70 : 0, () => (world.thins ? sprint(world) : grantSome(world))],
      ...ofGuests(world, machine),
      ...ofControlPlane(world, machine),
      ...ofWeather(world),
      ...ofGroup(world, machine),
    ])
  );
}

/** Calls are many, and one after the other. */
async function grantSome(world: World): Promise<void> {
  for (let calls = world.dice.below(world.group ? 10 : 5); calls > 0; calls--) {
    await world.grant();
    await world.settle();
  }
  await world.grant();
}

/** One process has the machine for itself for a while: so even long work comes to its end. */
async function sprint(world: World): Promise<void> {
  const runner = world.dice.pick([...new Set(world.scheduler.ready().map(({ process }) => process))]);
  for (let calls = world.dice.below(50); runner && calls > 0; calls--) {
    if (!(await world.grant(runner))) return;
    await world.settle();
  }
}

const often = ({ mutation }: World, what: Often): number => mutation?.often?.[what] ?? 1;

function ofGuests(world: World, machine: Machine): Entry[] {
  const { guest, former } = machine;
  const live = guest.running !== undefined;
  const zombie = world.dice.pick(former);
  return [
    [live ? (world.thins ? 35 : 7) : 0, () => guest.write(false)],
    [live ? 2 * often(world, "zero") : 0, () => guest.write(true)],
    // Nobody waits for it: it ends when the dice let it.
    [live ? often(world, "flush") : 0, () => void guest.flush()],
    [
      !live && !guest.gone ? (machine.turn?.ready === false ? 0.5 : 25) : 0,
      () => startAgent(world, guest, machine.spoolLimit),
    ],
    [live ? 0.3 : 0, () => killAgent(world, guest)],
    [live ? 0.15 : 0, () => guest.running?.stop()],
    [live ? 0.1 * often(world, "second") : 0, () => refuseSecond(world, guest)],
    [guest.gone ? 0 : 0.12 * often(world, "crash"), () => crashMachine(world, machine)],
    [guest.gone ? 0 : 0.08, () => loseSpool(world, guest)],
    [machine.stopped && !guest.gone ? 2 : 0, () => loseSpool(world, guest)],
    [zombie?.running ? 2 : 0, () => zombie?.write(false)],
    [
      zombie && !zombie.running && !zombie.gone ? (world.turns ? 4 : 2) * often(world, "wake") : 0,
      () => zombie && wake(world, machine, zombie),
    ],
  ];
}

function ofControlPlane(world: World, machine: Machine): Entry[] {
  const { scheduler } = world;
  const start = (
    weight: number,
    kind: string,
    possible: boolean,
    work: Parameters<World["start"]>[2],
    side = machine.side,
  ): Entry => {
    const name = `${kind}:${machine.id}`;
    const few = possible && scheduler.alive(name).length < 2;
    return [few ? weight : 0, () => void world.start(name, machine, work, side)];
  };
  const { begun, failover } = machine;
  const failovers = scheduler.alive(`failover:${machine.id}`).length;
  return [
    start(world.group ? 10 : 5, "replicate", begun, async (plane) => {
      if (await replicate(plane)) world.start(`checkpoint:${machine.id}`, machine, checkpoint);
    }),
    start(1, "cut", begun, cut),
    start(2 * often(world, "checkpoint"), "checkpoint", begun && machine.warm, checkpoint),
    start(4, "resync", begun, tendResync),
    start(world.thins ? 3 : world.rots ? 2 : 0.2, "retain", begun, retain),
    start((world.thins ? 1 : 0.3) * often(world, "verify"), "verify", begun, verify),
    start(world.thins ? 1 : 0, "restore", begun, (plane) => restoreOne(plane, machine.auditor)),
    start(0.3 * often(world, "checkpoint"), "late", begun && machine.warm, lateCheckpoint),
    start(pointWeight(world), "point", machine.failover === undefined, (plane) =>
      requestPoint(world, plane, machine),
    ),
    [failovers < 2 && failover && !failover.built ? 5 : 0, () => startFailover(world, machine)],
    [!world.turns && failover?.built && world.storm.lost.size === 0 ? 2 : 0, () => reprotect(world, machine)],
    [machine.failovers > 0 && !failover ? 0.3 : 0, () => beginFailover(world, machine)],
    ...(world.turns ? ofTurns(world, machine, start) : []),
  ];
}

type Start = (
  weight: number,
  kind: string,
  possible: boolean,
  work: Parameters<World["start"]>[2],
  side?: Side,
) => Entry;

/** The direction is turned around, and what is left of the former one goes on. */
function ofTurns(world: World, machine: Machine, start: Start): Entry[] {
  const { scheduler, storm, now } = world;
  const { turn, failover, planned, guest, side } = machine;
  const runs = scheduler.alive(`turn:${machine.id}`).length;
  const former = otherSide(side);
  return [
    [failover?.built ? 4 : 0, () => turnAround(world, machine)],
    [turn && !turn.ready && runs < 2 ? 4 : 0, () => startTurn(world, machine)],
    start(1, "complete", turn?.ready === true, completeTurn),
    start(0.5, "former-ship", machine.failovers > 0, replicate, former),
    start(0.2, "former-cut", machine.failovers > 0, cut, former),
    start(0.2, "former-checkpoint", machine.failovers > 0, checkpoint, former),
    [turn?.ready && guest.running && !planned && !failover ? 0.4 : 0, () => shutDown(world, machine)],
    [planned && !failover ? 4 : 0, () => failBack(world, machine)],
    [planned && !failover && now > planned.until ? 8 : 0, () => giveUpPlan(machine)],
    [turn?.ready && storm.lost.size === 0 ? 0.05 : 0, () => loseRegion(world, side)],
    [storm.lost.size > 0 ? 0.5 : 0, () => regionReturns(world)],
  ];
}

/** As soon as nothing would be lost. */
async function failBack(world: World, machine: Machine): Promise<void> {
  if (await isDrained(world, machine)) await beginFailover(world, machine, machine.planned?.point);
}

const pointWeight = (world: World): number => (world.thins ? 9 : world.group ? 1 : 3) * often(world, "point");

function ofWeather(world: World): Entry[] {
  const { dice, storm, scheduler, machines } = world;
  const processes = scheduler.alive().filter(({ kind }) => kind !== "agent");
  const awake = processes.filter(({ state }) => state === "awake");
  const asleep = scheduler.alive().filter(({ state }) => state === "asleep");
  const over = machines.every(({ failover }) => failover?.built);
  return [
    [
      40 * storm.weather.kill,
      () => {
        const victim = dice.pick(awake);
        if (victim) scheduler.kill(victim);
        world.tally.note("event: a process of the control plane is killed");
        world.note(`${victim?.name} is killed`);
      },
    ],
    [asleep.length < 3 ? 100 * storm.weather.hang : 0, () => sleep(world, true)],
    [asleep.length > 0 ? (world.group ? 3 : 0.5) * often(world, "hold") : 0, () => sleep(world, false)],
    [asleep.length < 2 ? often(world, "hold") - 1 : 0, () => holdWriter(world)],
    [100 * storm.weather.rollback, () => rollBack(world)],
    [
      storm.lost.size > 0 || storm.cacheAway ? 0 : 10 * storm.weather.refuse * storm.weather.kill,
      () => cacheGoes(world, true),
    ],
    [storm.cacheAway ? 1 : 0, () => cacheGoes(world, false)],
    [storm.lost.size > 0 && over ? 1 : 0, () => regionReturns(world)],
    [world.thins ? 1 : 0, () => passHours(world)],
    // Little of a life is left where the direction was turned around.
    [world.rots ? (machines.some(({ side }) => side === 1) ? 16 : 4) : 0, () => rot(world)],
  ];
}

/** An ordinary one could make a group's late, as `functions/point-timer.ts` knows. */
async function requestPoint(world: World, { machine, services }: Plane, { guest }: Machine): Promise<void> {
  const asked = world.group && (await services.records.barriers.get(machine))?.value;
  if (asked && awaitsInstant(asked)) return;
  const barrier = world.newBarrier();
  const consistency = world.freezes && world.dice.chance(0.5) ? "application" : "crash";
  if (consistency === "application") guest.wantsRest.add(barrier);
  const wish = { machine, barrier, consistency } as const;
  await agentActivities.requestBarrier(wish, toolsOf(services));
}

/** Its process dies; its spool is still there. */
export function killAgent(world: World, guest: Guest): void {
  for (const process of guest.agents.splice(0)) world.scheduler.kill(process);
  guest.running = undefined;
  world.note(`the agent of ${guest.principal} dies`);
  world.tally.note("event: an agent dies");
}

/** One agent for a spool, whoever starts another. */
function refuseSecond(world: World, guest: Guest): void {
  const { process } = guest.running ?? {};
  if (process?.state !== "awake") return;
  const second = { ...process, name: "agent-0" };
  try {
    lockSpool(SPOOL, world.filesOf(guest, second), world.processesOf(second));
  } catch (error) {
    if (hasCode(error, "Conflict")) return;
    throw error;
  }
  throw new Violation(`8: two agents hold the spool of ${guest.principal}`);
}

function crashMachine(world: World, machine: Machine): void {
  const { guest } = machine;
  giveUpPlan(machine);
  killAgent(world, guest);
  for (const process of guest.helpers.splice(0)) world.scheduler.kill(process);
  guest.frozen = false;
  guest.crash();
  world.note(`${guest.principal} crashes`);
  world.tally.note("event: a machine crashes");
}

/** The journal must be begun anew: the operator says so, or the spool is gone. */
export function loseSpool(world: World, guest: Guest): void {
  world.tally.note("event: a spool is lost");
  killAgent(world, guest);
  if (guest.system.exists(`${SPOOL}/state.json`)) guest.system.remove(`${SPOOL}/state.json`);
}

/** A machine that was failed over is switched on again, and so is its agent. */
function wake(world: World, machine: Machine, zombie: Guest): void {
  world.note(`${zombie.principal} wakes up`);
  world.tally.note("event: a machine that was failed over wakes up");
  startAgent(world, zombie, machine.spoolLimit);
}

export function loseRegion(world: World, side: Side = 0): void {
  world.note(`region ${side} is lost`);
  world.tally.note(side === 0 ? "event: the source region is lost" : "event: the other region is lost");
  world.storm.lost.add(side);
  for (const machine of world.machines)
    for (const guest of [machine.guest, ...machine.former]) {
      if (guest.side !== side || guest.gone) continue;
      if (guest === machine.guest) giveUpPlan(machine);
      killAgent(world, guest);
      guest.gone = true;
    }
}

export function regionReturns(world: World): void {
  world.note("what was lost returns");
  for (const side of world.storm.lost)
    world.tally.note(side === 0 ? "event: the source region returns" : "event: the other region returns");
  world.storm.lost.clear();
  for (const { guest, former } of world.machines) for (const one of [guest, ...former]) one.gone = false;
}

function cacheGoes(world: World, away: boolean): void {
  world.note(`the cache ${away ? "takes nothing" : "is back"}`);
  world.storm.cacheAway = away;
  world.tally.note(`event: the cache ${away ? "takes nothing" : "is back"}`);
}

/** To the newest point, or to any that there is. */
export async function beginFailover(
  world: World,
  machine: Machine,
  point = machine.planned?.point,
): Promise<void> {
  if (machine.failover) return;
  const { records, target } = world.storesOf(machine.side);
  const item = (await recordsIn(records).items.get(itemKeyOf(machine.id)))?.value;
  const points = await listPoints(target, machine.id);
  if (item?.state !== "Protected" || points.length === 0) return;
  if (point !== undefined && !points.some(({ id }) => id === point)) return;
  const wanted = point ?? (world.dice.chance(0.4) ? undefined : world.dice.pick(points)?.id);
  machine.failover = { wanted, token: `failover-${machine.failovers}`, disks: new Map() };
  world.note(`a failover of ${machine.id} begins`);
  world.tally.note("event: a failover begins");
  startFailover(world, machine);
}

/** A process that hangs, and goes on when nobody expects it any more. */
function sleep({ dice, scheduler, tally }: World, falls: boolean): void {
  const one = dice.pick(scheduler.alive().filter(({ state }) => (state === "awake") === falls));
  if (one) one.state = falls ? "asleep" : "awake";
  tally.note(`event: a process ${falls ? "hangs" : "goes on"}`);
}

/** One that is about to change a replica. */
function holdWriter({ scheduler }: World): void {
  const call = scheduler.ready().find(({ store, method }) => store === "pages" && method === "write");
  if (call) call.process.state = "asleep";
}

async function rollBack(world: World): Promise<void> {
  const store = world.dice.chance(0.5) ? "cache" : "target";
  const side = world.turns && world.dice.chance(0.5) ? 1 : 0;
  const lost = await world.storm.rollBack(store, side);
  if (store === "target") for (const { auditors } of world.machines) auditors[side]?.forget(lost);
  world.note(`the ${store} goes back in time: ${lost}`);
  world.tally.note(`event: the ${store} goes back in time`);
}
