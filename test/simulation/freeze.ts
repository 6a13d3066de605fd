import { CommandFreezer } from "../../agent/freeze/freezer.ts";
import type {
  Command,
  FreezeMachine,
  WatchdogListener,
  WatchdogProcess,
} from "../../agent/freeze/machine.ts";
import { type FreezeTask, type WatchdogWord, watch } from "../../agent/freeze/watch.ts";
import { type FreezeCommands, freezeCommands } from "../../engine/core/freeze.ts";
import { runScript } from "./freeze-scripts.ts";
import { type Guest, SPOOL } from "./guest.ts";
import { type Process, wasKilled } from "./scheduler.ts";
import type { World } from "./world.ts";

const COMMANDS: FreezeCommands = freezeCommands.parse({
  pre: "pre",
  post: "post",
  preTimeout: 3000,
  postTimeout: 3000,
  hold: 4000,
});
/** How an agent's process brings the applications of its guest to rest: the product's own way, over this machine. */
export const freezerOf = (world: World, guest: Guest, agent: Process): CommandFreezer =>
  new CommandFreezer(SPOOL, () => COMMANDS, machineFor(world, guest, agent));

/** The guest's machine as one of its processes reaches it. What a killed process still does reaches nothing. */
function machineFor(world: World, guest: Guest, process: Process): FreezeMachine {
  const { scheduler, mutation } = world;
  const clock = world.clockOf(process, guest.clock);
  const lasts = COMMANDS.hold + 2;
  return {
    files: world.filesOf(guest, process),
    now: () => BigInt(world.now) * 1000n,
    sleep: async (duration, signal) => {
      if (mutation?.step === "thaw-early" && duration === lasts) return;
      await clock.sleep(duration, signal);
    },
    pid: pidOf(process),
    identityOf: (pid) => ({ pid, start: "" }),
    isAlive: ({ pid }) => guest.helpers.some((one) => pidOf(one) === pid && isThere(one)),
    start: (command) => start(world, guest, process, command),
    killGroup: (pid) => {
      const found = guest.helpers.find((one) => pidOf(one) === pid);
      if (!found || process.state === "dead" || mutation?.step === "no-kill") return;
      scheduler.kill(found);
    },
    startWatchdog: (listener) => startWatchdog(world, guest, process, listener),
  };
}

const pidOf = ({ name }: Process): number => Number(name.split("-")[1]);
const isThere = ({ state }: Process): boolean => state === "awake" || state === "asleep";

/** A command as a process of its own. It does nothing when its parent dies before the gate is opened. */
function start(world: World, guest: Guest, parent: Process, command: string): Command {
  const gate = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<string | undefined>();
  if (parent.state === "dead") return { ...NEVER, ended: ended.promise };
  const skips = world.mutation?.step === "no-thaw" && command === COMMANDS.post;
  const own = world.scheduler.start("command", async (process) => {
    await gate.promise;
    ended.resolve(skips ? undefined : await runScript(world, guest, process, command));
  });
  guest.helpers.push(own);
  own.gone = () => ended.resolve("it was ended by SIGKILL");
  let opened = false;
  whenGone(parent, () => {
    if (!opened) world.scheduler.kill(own);
  });
  return {
    pid: pidOf(own),
    ended: ended.promise,
    begin: () => {
      if (parent.state === "dead") return;
      opened = true;
      gate.resolve();
    },
    words: () => "",
  };
}

const NEVER = { pid: undefined, begin: () => undefined, words: () => "" };

/** A process of its own, which runs what the product's does. */
function startWatchdog(world: World, guest: Guest, agent: Process, heard: WatchdogListener): WatchdogProcess {
  const over = new AbortController();
  const task = Promise.withResolvers<FreezeTask>();
  if (agent.state === "dead") return { send: () => undefined };
  const dog = world.scheduler.start("watchdog", async (own) => {
    const say = (word: WatchdogWord) => {
      if (own.state !== "dead" && isThere(agent)) heard.word(word);
    };
    say(await watch(machineFor(world, guest, own), await task.promise, over.signal, say));
  });
  guest.helpers.push(dog);
  dog.gone = () => {
    if (wasKilled(dog)) world.tally.note("freeze: the watchdog is killed");
    heard.gone();
  };
  whenGone(agent, () => {
    if (isThere(dog)) world.tally.note("freeze: the watchdog outlives its agent");
    over.abort();
  });
  return {
    send: (message) => {
      if (agent.state === "dead") return;
      if (message === "thaw") over.abort();
      else task.resolve(message);
    },
  };
}

/** Also does this when the process is gone. */
function whenGone(process: Process, act: () => void): void {
  const before = process.gone;
  process.gone = () => {
    before?.();
    act();
  };
}
