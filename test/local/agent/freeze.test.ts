import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { CommandFreezer } from "../../../agent/freeze/freezer.ts";
import { markerIn, readMarker } from "../../../agent/freeze/marker.ts";
import { nodeMachine } from "../../../agent/freeze/node-machine.ts";
import { nodeFiles } from "../../../agent/node-files.ts";
import { isAlive } from "../../../agent/process-identity.ts";
import { type FreezeCommands, freezeCommands } from "../../../engine/core/freeze.ts";
import { millis } from "../../../engine/core/units.ts";
import { scratch, until } from "../../unit/agent/machine.ts";

/*
 * Applications are a file here: `frozen` exists while they stand still, and `log` has a line for each command. Real
 * commands, real processes, killed at every step.
 */

const SCRIPT = join(import.meta.dirname, "freeze-process.ts");

interface Place {
  readonly spool: string;
  readonly commands: FreezeCommands;
  readonly frozen: () => boolean;
  readonly log: () => string[];
}

interface Wishes {
  readonly pre?: string;
  readonly post?: string;
  readonly preTimeout?: number;
  readonly postTimeout?: number;
  readonly hold?: number;
}

function place(changes: Wishes = {}): Place {
  const spool = scratch();
  const [frozen, log] = [join(spool, "frozen"), join(spool, "log")];
  writeFileSync(log, "");
  const { pre = "touch frozen", post = "rm -f frozen", ...times } = changes;
  const within = (what: string, command: string) => `cd '${spool}' && echo ${what} >>log && ${command}`;
  const commands = freezeCommands.parse({
    preTimeout: 5000,
    postTimeout: 5000,
    hold: 5000,
    ...times,
    pre: within("pre", pre),
    post: within("post", post),
  });
  return {
    spool,
    commands,
    frozen: () => existsSync(frozen),
    log: () => readFileSync(log, "utf8").split("\n").filter(Boolean),
  };
}

/** Nobody has anything left to do: no marker, and nothing frozen. */
async function atRest({ spool, frozen }: Place): Promise<void> {
  await until(() => !frozen() && !existsSync(markerIn(spool)));
}

function agentAt({ spool, commands }: Place): ChildProcess {
  const agent = fork(SCRIPT, [spool, JSON.stringify(commands)], { execArgv: [] });
  onTestFinished(() => void agent.kill("SIGKILL"));
  return agent;
}

async function said(agent: ChildProcess): Promise<unknown> {
  const [word]: unknown[] = await once(agent, "message");
  return word;
}

test("freezes before, thaws after, and leaves nothing", async () => {
  const here = place();
  const freezer = new CommandFreezer(here.spool, () => here.commands);
  const frozen = await freezer.freeze();
  expect([here.frozen(), frozen.holds]).toEqual([true, true]);
  await frozen.thaw();
  expect([here.frozen(), here.log()]).toEqual([false, ["pre", "post"]]);
  expect(existsSync(markerIn(here.spool))).toBe(false);
});

test("without commands it says so", async () => {
  const freezer = new CommandFreezer(scratch(), () => undefined);
  await expect(freezer.freeze()).rejects.toMatchObject({ code: "FreezeFailed" });
});

test("a pre command that fails is undone, and its words are told", async () => {
  const here = place({ pre: "touch frozen; echo the database is busy >&2; exit 3" });
  const freezer = new CommandFreezer(here.spool, () => here.commands);
  await expect(freezer.freeze()).rejects.toMatchObject({
    code: "FreezeFailed",
    message: expect.stringMatching(/ended with 3: the database is busy$/),
  });
  expect([here.frozen(), here.log()]).toEqual([false, ["pre", "post"]]);
});

test("a pre command that hangs, with children of its own, is killed and undone", async () => {
  const here = place({ pre: "touch frozen; (sleep 600; touch frozen) & sleep 600", preTimeout: 300 });
  const freezer = new CommandFreezer(here.spool, () => here.commands);
  await expect(freezer.freeze()).rejects.toMatchObject({
    message: expect.stringContaining("longer than 300 ms"),
  });
  expect([here.frozen(), here.log()]).toEqual([false, ["pre", "post"]]);
});

test("a freeze that is held too long ends by itself, and is known to have", async () => {
  const here = place({ hold: 300 });
  const frozen = await new CommandFreezer(here.spool, () => here.commands).freeze();
  const seen: [boolean, boolean][] = [];
  while (here.frozen()) {
    // What is believed is asked after what is: belief may end early, never late.
    const is = here.frozen();
    seen.push([frozen.holds, is]);
    await sleep(1);
  }
  expect(frozen.holds).toBe(false);
  expect(seen.length).toBeGreaterThan(3);
  await frozen.thaw();
  expect(here.log()).toEqual(["pre", "post"]);
});

test("a post command that hangs or fails is tried again until it succeeds", async () => {
  const here = place({
    post: "if [ $(grep -c post log) = 1 ]; then sleep 600; elif [ $(grep -c post log) = 2 ]; then exit 1; else rm frozen; fi",
    postTimeout: 300,
  });
  const frozen = await new CommandFreezer(here.spool, () => here.commands).freeze();
  await frozen.thaw();
  expect([here.frozen(), here.log()]).toEqual([false, ["pre", "post", "post", "post"]]);
});

test("where the post command goes on failing, thawing goes on as well, and says so until it succeeds", async () => {
  const here = place({ post: "test ! -e stuck && rm -f frozen" });
  writeFileSync(join(here.spool, "stuck"), "");
  const hasty = { ...nodeMachine, sleep: (wait: number) => nodeMachine.sleep(millis(wait / 50)) };
  const freezer = new CommandFreezer(here.spool, () => here.commands, hasty);
  const frozen = await freezer.freeze();
  process.kill(readMarker(nodeFiles, markerIn(here.spool))?.watchdog.pid ?? 0, "SIGKILL");
  await expect(frozen.thaw()).rejects.toMatchObject({ code: "ThawFailed" });
  expect([here.frozen(), freezer.stuck?.code]).toEqual([true, "ThawFailed"]);
  rmSync(join(here.spool, "stuck"));
  await until(() => freezer.stuck === undefined);
  await atRest(here);
});

/** The agent at this step of a freeze; each of its commands takes a while when it is its step. */
async function agentDuring(step: string, takes = "0.5") {
  const slow = (at: string, what: string) => (step === at ? `sleep ${takes}; ${what}` : what);
  const here = place({ pre: slow("pre", "touch frozen"), post: slow("post", "rm -f frozen") });
  const agent = agentAt(here);
  expect(await said(agent)).toBe("ready");
  agent.send("freeze");
  await until(() => here.log().includes("pre"));
  if (step === "pre") return { here, agent };
  await said(agent);
  if (step === "frozen") return { here, agent };
  agent.send("thaw");
  await until(() => here.log().includes("post"));
  return { here, agent };
}

test.each(["pre", "frozen", "post"])(
  "an agent that is killed during %s leaves nothing frozen",
  async (step) => {
    const { here, agent } = await agentDuring(step);
    agent.kill("SIGKILL");
    await atRest(here);
    expect(here.log()).toEqual(["pre", "post"]);
  },
);

test.each([
  ["pre", /watchdog was killed/],
  ["frozen", /thaw: done/],
  ["post", /thaw: done/],
])("a watchdog that is killed during %s is stood in for", async (step, words) => {
  const { here, agent } = await agentDuring(step);
  process.kill(readMarker(nodeFiles, markerIn(here.spool))?.watchdog.pid ?? 0, "SIGKILL");
  if (step === "frozen") agent.send("thaw");
  expect(await said(agent)).toMatch(words);
  await atRest(here);
  // A pre command that nobody watches must not freeze what was thawed.
  await sleep(700);
  expect(here.frozen()).toBe(false);
});

test.each(["pre", "frozen"])(
  "when agent and watchdog are killed during %s, the next agent thaws",
  async (step) => {
    const { here, agent } = await agentDuring(step);
    const marker = readMarker(nodeFiles, markerIn(here.spool));
    process.kill(marker?.watchdog.pid ?? 0, "SIGKILL");
    agent.kill("SIGKILL");
    await once(agent, "exit");
    const next = agentAt(here);
    await said(next);
    next.send("recover");
    expect(await said(next)).toBe("recover: done");
    await sleep(700);
    expect([here.frozen(), existsSync(markerIn(here.spool))]).toEqual([false, false]);
    expect(marker && isAlive(marker.pre)).toBe(false);
  },
);

test("a next agent waits until a watchdog of the last one has thawed", async () => {
  const here = place({ post: "sleep 0.4; rm -f frozen" });
  const agent = agentAt(here);
  await said(agent);
  agent.send("freeze");
  await said(agent);
  agent.kill("SIGKILL");
  await until(() => here.log().includes("post"));
  const freezer = new CommandFreezer(here.spool, () => here.commands);
  const frozen = await freezer.freeze();
  expect(here.log()).toEqual(["pre", "post", "pre"]);
  await frozen.thaw();
  expect(here.log()).toEqual(["pre", "post", "pre", "post"]);
});
