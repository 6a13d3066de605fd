import type { Freezer, Frozen } from "../../agent/freeze/freezer.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import { type Millis, millis } from "../../engine/core/units.ts";
import type { Guest } from "./guest.ts";
import type { Process } from "./scheduler.ts";
import type { World } from "./world.ts";

/*
 * A model of the freeze commands and of the watchdog that runs them, behind the agent's own seam. The watchdog itself
 * has tests of its own, with real processes.
 */

const HOLD = millis(4000);
const PRE_TIMEOUT = millis(3000);
/** How often the watchdog looks whether its agent is still there, and how long it waits between tries of the post command. */
const LOOK = millis(200);

interface Task {
  asked: boolean;
  readonly frozen: (until: number) => void;
  readonly failed: (why: string) => void;
  readonly thawed: () => void;
}

/** How an agent's process brings the applications of its guest to rest. */
export const freezerOf = (world: World, guest: Guest, agent: Process): Freezer => ({
  freeze: () => freeze(world, guest, agent),
});

/** As an agent does when it starts: what was left frozen goes on, unless a watchdog still sees to it. */
export async function thawLeft(world: World, guest: Guest, agent: Process): Promise<void> {
  const clock = world.clockOf(agent, guest.clock);
  while (guest.marked) {
    if (guest.watchdog && isThere(guest.watchdog)) await clock.sleep(LOOK);
    else await thaw(world, guest, agent);
  }
}

const isThere = ({ state }: Process): boolean => state === "awake" || state === "asleep";

async function freeze(world: World, guest: Guest, agent: Process): Promise<Frozen> {
  await thawLeft(world, guest, agent);
  const begun = Promise.withResolvers<number>();
  const ended = Promise.withResolvers<void>();
  const task: Task = {
    asked: false,
    frozen: begun.resolve,
    failed: (why) => begun.reject(new LeewardError("FreezeFailed", why)),
    thawed: ended.resolve,
  };
  const clock = world.clockOf(agent, guest.clock);
  const dog = world.scheduler.start("watchdog", (process) => watch(world, guest, agent, process, task));
  guest.watchdog = dog;
  dog.killed = () => {
    world.tally.note("freeze: the watchdog is killed");
    task.failed("its watchdog was killed");
    ended.resolve();
  };
  const over = async () => {
    await ended.promise;
    if (guest.marked) await thaw(world, guest, agent);
  };
  const until = await begun.promise.catch(async (error: unknown) => {
    await over();
    throw error;
  });
  return {
    get holds() {
      return clock.now() < until;
    },
    thaw: async () => {
      task.asked = true;
      await over();
    },
  };
}

async function watch(world: World, guest: Guest, agent: Process, dog: Process, task: Task): Promise<void> {
  const clock = world.clockOf(dog, guest.clock);
  guest.marked = true;
  const why = await pre(world, guest, dog);
  if (why === undefined) {
    const until = clock.now() + HOLD * 1000;
    if (world.mutation?.step === "thaw-early") guest.frozen = false;
    task.frozen(until);
    while (!task.asked && isThere(agent) && clock.now() < until) await clock.sleep(LOOK);
  } else task.failed(why);
  if (!isThere(agent)) world.tally.note("freeze: the watchdog outlives its agent");
  await thaw(world, guest, dog);
  task.thawed();
}

/** Succeeds, fails, half done or not at all, or hangs until it is killed. */
async function pre(world: World, guest: Guest, dog: Process): Promise<string | undefined> {
  const { dice, tally } = world;
  const how = dice.pick(["succeeds", "succeeds", "succeeds", "fails", "fails half done", "hangs"]) ?? "";
  tally.note(`freeze: pre ${how}`);
  const takes = how === "hangs" ? PRE_TIMEOUT : millis(dice.below(1500));
  await run(world, guest, dog, "pre", takes);
  guest.frozen = how !== "fails";
  return how === "succeeds" ? undefined : how;
}

/** Again until it succeeds. */
async function thaw(world: World, guest: Guest, process: Process): Promise<void> {
  if (world.mutation?.step === "no-thaw") {
    guest.marked = false;
    return;
  }
  while (world.dice.chance(0.2)) {
    world.tally.note("freeze: post fails");
    await run(world, guest, process, "post", LOOK);
  }
  await run(world, guest, process, "post", millis(world.dice.below(300)));
  guest.frozen = false;
  guest.marked = false;
  world.tally.note("freeze: thawed");
}

/** A command, as a call of the process that runs it: it may die on the way. */
async function run(
  world: World,
  { clock }: Guest,
  process: Process,
  method: string,
  takes: Millis,
): Promise<void> {
  await world.clockOf(process, clock).sleep(takes);
  await world.scheduler.call({ process, store: "files", method, args: [], perform: async () => undefined });
}
