import type { BarrierId } from "../../engine/core/ids.ts";
import { recordsIn } from "../../engine/recovery/records.ts";
import { listPoints } from "../../engine/replication/points.ts";
import { readPoint } from "../../engine/replication/points.ts";
import { heartbeat, register, upload } from "./agent.ts";
import { checkpoint, replicate } from "./control-plane.ts";
import { MACHINE } from "./machine.ts";
import { Violation } from "./truth.ts";
import type { World } from "./world.ts";

/** More storage calls than anything here takes. */
const ENDLESS = 20_000;
const TRIES = 12;

/**
 * The weather clears and everything that hangs goes on: what was begun must come to its end. A failover ends with disks;
 * otherwise a new write still becomes a point and a checkpoint.
 * @throws Violation
 */
export async function recover(world: World, startFailover: (world: World) => void): Promise<void> {
  world.note("the weather clears");
  world.storm.weather = {
    refuse: 0,
    timeout: 0,
    echo: 0,
    stale: 0,
    damage: 0,
    rollback: 0,
    kill: 0,
    hang: 0,
  };
  for (const process of world.scheduler.alive()) process.state = "awake";
  await quiet(world);
  if (world.failover) await endFailover(world, startFailover);
  else if (!world.storm.regionLost) await goOn(world);
}

/** Until nothing is at work any more. */
async function quiet(world: World): Promise<void> {
  for (let calls = 0; world.scheduler.ready().length > 0; calls++) {
    if (calls > ENDLESS) throw new Violation("a process never ends");
    await world.grant();
    await world.settle();
  }
}

async function endFailover(world: World, startFailover: (world: World) => void): Promise<void> {
  const { failover } = world;
  for (let tries = 0; !failover?.built && tries < TRIES; tries++) {
    startFailover(world);
    await quiet(world);
  }
  if (!failover?.built && !world.storm.lied) throw new Violation("a failover never ends");
}

async function goOn(world: World): Promise<void> {
  const { source } = world;
  if (world.stopped || world.storm.lied) world.lostPlace = true;
  if (world.lostPlace) world.registered = false;
  source.forget();
  const wanted = await nextBarrier(world);
  for (let tries = 0; tries < TRIES; tries++) {
    world.pass(2_000_000);
    world.start("upload", (plane) => upload(world, plane));
    await quiet(world);
    world.start("replicate", replicate);
    await quiet(world);
    if (world.warm) world.start("checkpoint", checkpoint);
    await quiet(world);
  }
  await mustHold(world, wanted);
}

async function nextBarrier(world: World): Promise<BarrierId> {
  const { source } = world;
  for (let tries = 0; tries < 3; tries++) {
    if (world.registered) world.start("heartbeat", (plane) => heartbeat(world, plane));
    await quiet(world);
    if (!world.registered) world.start("register", (plane) => register(world, plane));
    await quiet(world);
  }
  if (!world.registered) throw new Violation("the agent never gets a generation");
  while (!source.copied) source.copy();
  source.write(false);
  const before = world.truth.moments.size;
  source.barrier();
  const wanted = [...world.truth.moments.keys()][before];
  if (!wanted) throw new Violation("no barrier could be set");
  source.prove();
  await source.seal();
  return wanted;
}

async function mustHold(world: World, wanted: BarrierId): Promise<void> {
  const { target, records } = world.stores;
  const progress = (await recordsIn(records).progress.get(MACHINE))?.value;
  const why = progress?.problem
    ? `${progress.problem.code}: ${progress.problem.message}`
    : "no problem is noted";
  const { end } = world.source;
  if (progress?.arrived.next !== end?.next)
    throw new Violation(`arrived is at ${progress?.arrived.next} of ${end?.next} for ever; ${why}`);
  if (!(await listPoints(target, MACHINE)).some(({ id }) => id === wanted))
    throw new Violation(`barrier ${wanted} never became a point; ${why}`);
  const point = await readPoint(target, MACHINE, wanted);
  if (world.warm && !(await world.auditor.hasCheckpoint(point)))
    throw new Violation(`point ${wanted} never became a checkpoint; ${why}`);
}
