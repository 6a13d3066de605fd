import { type ChildProcess, fork } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { FreezeCommands } from "../../engine/core/freeze.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import { isAlive } from "../process-identity.ts";
import { markerIn, readMarker } from "./marker.ts";
import { thaw } from "./thaw.ts";
import type { FreezeTask, Thawed, WatchdogWord } from "./watchdog.ts";

/** The applications stand still. */
export interface Frozen {
  /** False from the moment on at which somebody may have thawed them without being asked. */
  readonly holds: boolean;
  /** Has them go on. Resolves when they do. @throws ThawFailed */
  thaw(): Promise<void>;
}

export interface Freezer {
  /** @throws FreezeFailed when they do not stand still, and go on; ThawFailed when that is not sure */
  freeze(): Promise<Frozen>;
}

/** A machine without freeze commands. */
export const noFreezer: Freezer = {
  freeze: () => Promise.reject(new LeewardError("FreezeFailed", "the agent has no freeze commands")),
};

const WATCHDOG = new URL("./watchdog.ts", import.meta.url);

/** Freezes by the machine's own commands, run by a watchdog that undoes it even when this process is gone. */
export class CommandFreezer implements Freezer {
  readonly #marker: string;
  readonly #commands: () => FreezeCommands | undefined;

  /** @param commands as they are configured at the moment */
  constructor(spoolDirectory: string, commands: () => FreezeCommands | undefined) {
    this.#marker = markerIn(spoolDirectory);
    this.#commands = commands;
  }

  /** What an earlier process may have left frozen goes on. Call once the spool is locked. @throws ThawFailed */
  async recover(): Promise<void> {
    for (let left = readMarker(this.#marker); left; left = readMarker(this.#marker)) {
      if (isAlive(left.watchdog)) await sleep(WATCH_MILLIS);
      else await this.#thaw(left);
    }
  }

  async freeze(): Promise<Frozen> {
    const commands = this.#commands();
    if (!commands) throw new LeewardError("FreezeFailed", "the agent has no freeze commands");
    await this.recover();
    const watchdog = new Watchdog({ commands, marker: this.#marker });
    const until = await watchdog.frozen.catch(async (error: unknown) => {
      await this.#ended(watchdog, commands);
      throw error;
    });
    return {
      get holds() {
        return process.hrtime.bigint() < until;
      },
      thaw: async () => {
        watchdog.thaw();
        await this.#ended(watchdog, commands);
      },
    };
  }

  /** A watchdog that was killed leaves its work to this process. */
  async #ended(watchdog: Watchdog, commands: FreezeCommands): Promise<void> {
    const word = await watchdog.thawed;
    if (word?.why !== undefined) throw thawFailed(commands.post, word.why);
    if (!word) await this.#thaw(commands);
  }

  async #thaw(how: Pick<FreezeCommands, "post" | "postTimeout">): Promise<void> {
    const why = await thaw(this.#marker, how);
    if (why !== undefined) throw thawFailed(how.post, why);
  }
}

const WATCH_MILLIS = 50;

const thawFailed = (post: string, why: string) =>
  new LeewardError("ThawFailed", `the post command ${JSON.stringify(post)} failed: ${why}`);

/** The process that holds one freeze, as its agent sees it. */
class Watchdog {
  /** Until when nothing is thawed unasked. Rejects with FreezeFailed. */
  readonly frozen: Promise<bigint>;
  /** Its last word; undefined when it was killed before it. */
  readonly thawed: Promise<Thawed | undefined>;
  readonly #child: ChildProcess;

  constructor(task: FreezeTask) {
    const frozen = Promise.withResolvers<bigint>();
    const thawed = Promise.withResolvers<Thawed | undefined>();
    this.frozen = frozen.promise;
    this.thawed = thawed.promise;
    const failed = (why: string) =>
      frozen.reject(
        new LeewardError("FreezeFailed", `the pre command ${JSON.stringify(task.commands.pre)}: ${why}`),
      );
    const child = (this.#child = start());
    child.on("message", (word: WatchdogWord) => {
      if ("frozen" in word) frozen.resolve(word.frozen);
      else if ("failed" in word) failed(word.failed);
      else thawed.resolve(word);
    });
    const gone = (error?: unknown) => {
      failed(error instanceof Error ? `its watchdog: ${error.message}` : "its watchdog was killed");
      thawed.resolve(undefined);
    };
    child.once("error", gone);
    child.once("exit", () => gone());
    child.send(task, () => undefined);
  }

  thaw(): void {
    if (this.#child.connected) this.#child.send("thaw", () => undefined);
  }
}

/** In a session of its own: what ends the agent's group or terminal must not end it. */
const start = (): ChildProcess =>
  fork(WATCHDOG, {
    detached: true,
    serialization: "advanced",
    execArgv: [],
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
