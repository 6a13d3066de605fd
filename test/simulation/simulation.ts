import "./synchronous.ts";
import { messageOf } from "../../engine/core/errors.ts";
import { itemKeyOf } from "../../engine/recovery/item.ts";
import { recordsIn } from "../../engine/recovery/records.ts";
import { listPoints } from "../../engine/replication/points.ts";
import { heartbeat, register, upload } from "./agent.ts";
import { checkpoint, cut, lateCheckpoint, replicate } from "./control-plane.ts";
import { failOver, fence } from "./failover.ts";
import { recover } from "./finish.ts";
import { MACHINE } from "./machine.ts";
import { MUTATIONS } from "./mutations.ts";
import { World } from "./world.ts";

export interface Run {
  readonly seed: number;
  readonly steps: number;
  /** Of everything that happened, in order: the same for the same seed. */
  readonly hash: string;
  /** What must not be, and where it showed: a step, or the end. */
  readonly failure: { readonly at: number | "end"; readonly message: string } | undefined;
  /** The last things that happened. */
  readonly trace: readonly string[];
  readonly points: number;
  readonly restored: number;
  readonly checkpoints: number;
  readonly road: "import" | "upload" | undefined;
}

export const STEPS = 400;

/** One whole life of a protected machine, as the seed says. */
export async function simulate(seed: number, steps = STEPS, mutation?: string): Promise<Run> {
  const world = new World(seed, mutation === undefined ? undefined : MUTATIONS[mutation]);
  const plan = planOf(world);
  let at: number | "end" = 0;
  let points = 0;
  let failure: Run["failure"];
  try {
    await world.prepare();
    for (let step = 0; step < steps; step++) {
      at = step;
      world.pass(world.dice.below(400_000));
      if (step === plan.lossAt) loseRegion(world);
      if (step >= plan.failoverAt) await beginFailover(world);
      await (actionFor(world) ?? (async () => undefined))();
      await world.settle();
    }
    at = "end";
    await recover(world, startFailover);
    points = await world.auditor.everything();
  } catch (error) {
    failure = { at, message: messageOf(error) };
  }
  const { restored, checkpoints } = world.auditor;
  const road = world.failover?.built?.road;
  return {
    seed,
    steps,
    hash: world.digest(),
    failure,
    trace: world.trace,
    points,
    restored,
    checkpoints,
    road,
  };
}

/** When the region is lost and the machine fails over, if so; whatever the number of steps. */
function planOf({ dice }: World): { lossAt: number; failoverAt: number } {
  const failoverAt = dice.chance(0.7) ? 120 + dice.below(250) : Infinity;
  const lossAt = dice.chance(0.5) ? failoverAt - dice.below(40) : Infinity;
  return { lossAt, failoverAt };
}

function loseRegion(world: World): void {
  world.note("the source region is lost");
  world.storm.regionLost = true;
}

/** To the newest point, or to any that there is. */
async function beginFailover(world: World): Promise<void> {
  if (world.failover) return;
  const item = (await recordsIn(world.stores.records).items.get(itemKeyOf(MACHINE)))?.value;
  const points = await listPoints(world.stores.target, MACHINE);
  if (item?.state !== "Protected" || points.length === 0) return;
  world.failover = { wanted: world.dice.chance(0.4) ? undefined : world.dice.pick(points)?.id };
  world.note("a failover begins");
  startFailover(world);
}

function startFailover(world: World): void {
  const { failover } = world;
  if (!failover) return;
  world.start("failover", async (plane) => {
    if (plane.step !== "late-bump") await fence(plane, failover.wanted);
    const built = await failOver(plane, failover.wanted);
    for (const [index, disk] of built.disks.entries())
      world.auditor.compareDisk({ id: built.point }, index, disk);
    failover.built ??= built;
  });
}

type Action = () => Promise<void> | void;

/** What may happen next, and how often it does. */
function actionFor(world: World): (() => Promise<void> | void) | undefined {
  const { dice, source, storm, scheduler } = world;
  const now = (weight: number, possible: boolean, action: Action) => [possible ? weight : 0, action] as const;
  const start = (weight: number, kind: string, possible: boolean, work: Parameters<World["start"]>[1]) =>
    now(weight, possible && scheduler.alive(kind).length < 2, () => world.start(kind, work));
  const here = !storm.regionLost && !world.retired;
  const journal = here && world.registered;
  // Enablement starts replication after the agent's first registration.
  const begun = source.cached !== undefined;
  const awake = scheduler.alive().filter(({ state }) => state === "awake");
  const asleep = scheduler.alive().filter(({ state }) => state === "asleep");
  const { failover } = world;
  const failovers = scheduler.alive("failover").length;
  return dice.weighted<Action>([
    now(60, scheduler.ready().length > 0, () => world.grant()),
    now(6, journal, () => source.write(false)),
    now(2, journal, () => source.write(true)),
    now(6, journal && !source.copied, () => source.copy()),
    now(5, journal, () => source.barrier()),
    now(6, journal, () => source.prove()),
    now(5, journal, () => source.seal()),
    start(5, "upload", journal && source.spool.length > 0, (plane) => upload(world, plane)),
    start(2, "heartbeat", journal, (plane) => heartbeat(world, plane)),
    start(20, "register", here && !world.registered && scheduler.alive("register").length === 0, (plane) =>
      register(world, plane),
    ),
    start(5, "replicate", begun, async (plane) => {
      if (await replicate(plane)) world.start("checkpoint", checkpoint);
    }),
    start(1, "cut", begun, cut),
    start(1, "checkpoint", begun && world.warm, checkpoint),
    start(0.3, "late", begun && world.warm, lateCheckpoint),
    now(failovers < 2 ? 5 : 0, failover !== undefined && !failover.built, () => startFailover(world)),
    now(40 * storm.weather.kill, awake.length > 0, () => {
      const victim = dice.pick(awake);
      if (victim) scheduler.kill(victim);
      world.note(`${victim?.name} is killed`);
    }),
    now(100 * storm.weather.hang, awake.length > 0 && asleep.length < 3, () => sleep(world, true)),
    now(0.5, asleep.length > 0, () => sleep(world, false)),
    now(0.3, journal, () => crash(world)),
    now(0.1, journal, () => loseWay(world)),
    now(2, journal && world.stopped, () => loseWay(world)),
    now(100 * storm.weather.rollback, true, () => rollBack(world)),
  ]);
}

/** A process that hangs, and goes on when nobody expects it any more. */
function sleep({ dice, scheduler }: World, falls: boolean): void {
  const one = dice.pick(scheduler.alive().filter(({ state }) => (state === "awake") === falls));
  if (one) one.state = falls ? "asleep" : "awake";
}

/** The agent's process dies and comes back; its spool is still there. */
function crash(world: World): void {
  world.note("the agent dies");
  for (const kind of ["upload", "heartbeat", "register"])
    for (const process of world.scheduler.alive(kind)) world.scheduler.kill(process);
  world.source.forget();
  world.registered = false;
}

/** The journal must be begun anew: the operator says so, or the spool is gone. */
function loseWay(world: World): void {
  crash(world);
  world.lostPlace = true;
}

async function rollBack(world: World): Promise<void> {
  const store = world.dice.chance(0.5) ? "cache" : "target";
  const lost = await world.storm.rollBack(store);
  if (store === "target") world.auditor.forget(lost);
  world.note(`the ${store} goes back in time: ${lost}`);
}
