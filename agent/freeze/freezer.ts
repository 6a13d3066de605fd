import type { FreezeCommands } from "../../engine/core/freeze.ts";
import { LeewardError, messageOf } from "../../engine/core/errors.ts";
import { millis } from "../../engine/core/units.ts";
import type { FreezeMachine, WatchdogProcess } from "./machine.ts";
import { markerIn, readMarker } from "./marker.ts";
import { nodeMachine } from "./node-machine.ts";
import { thaw } from "./thaw.ts";
import type { FreezeTask, Thawed } from "./watch.ts";

/** The applications stand still. */
export interface Frozen {
  /** False from the moment on at which somebody may have thawed them without being asked. */
  readonly holds: boolean;
  /** Has them go on. Resolves when they do. @throws ThawFailed */
  thaw(): Promise<void>;
}

export interface Freezer {
  /** Why they may stand still although nobody holds them any more; undefined as far as they go on. */
  readonly stuck?: LeewardError | undefined;
  /** @throws FreezeFailed when they do not stand still, and go on; ThawFailed when that is not sure */
  freeze(): Promise<Frozen>;
}

/** A machine without freeze commands. */
export const noFreezer: Freezer = {
  freeze: () => Promise.reject(new LeewardError("FreezeFailed", "the agent has no freeze commands")),
};

/** Freezes by the machine's own commands, run by a watchdog that undoes it even when this process is gone. */
export class CommandFreezer implements Freezer {
  readonly #marker: string;
  readonly #commands: () => FreezeCommands | undefined;
  readonly #machine: FreezeMachine;
  #stuck: LeewardError | undefined;
  #thawing = false;

  /** @param commands as they are configured at the moment */
  constructor(
    spoolDirectory: string,
    commands: () => FreezeCommands | undefined,
    machine: FreezeMachine = nodeMachine,
  ) {
    this.#marker = markerIn(spoolDirectory);
    this.#commands = commands;
    this.#machine = machine;
  }

  get stuck(): LeewardError | undefined {
    return this.#stuck;
  }

  /** What an earlier process may have left frozen goes on. Call once the spool is locked. @throws ThawFailed */
  async recover(): Promise<void> {
    const { files } = this.#machine;
    for (let left = readMarker(files, this.#marker); left; left = readMarker(files, this.#marker)) {
      if (this.#machine.isAlive(left.watchdog)) await this.#machine.sleep(LOOK);
      else await this.#thaw(left);
    }
    this.#stuck = undefined;
  }

  /** Recovers, for as long as it takes; meanwhile `stuck` says why. Any number may ask for it, and one does it. */
  async keepThawing(): Promise<void> {
    if (this.#thawing) return;
    this.#thawing = true;
    try {
      while (!(await this.#recovered())) await this.#machine.sleep(AGAIN);
    } finally {
      this.#thawing = false;
    }
  }

  #recovered(): Promise<boolean> {
    return this.recover().then(
      () => true,
      () => false,
    );
  }

  async freeze(): Promise<Frozen> {
    const commands = this.#commands();
    if (!commands) throw new LeewardError("FreezeFailed", "the agent has no freeze commands");
    await this.recover();
    const machine = this.#machine;
    const watchdog = new Watchdog(machine, { commands, marker: this.#marker });
    const until = await watchdog.frozen.catch(async (error: unknown) => {
      await this.#ended(watchdog, commands);
      throw error;
    });
    return {
      get holds() {
        return machine.now() < until;
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
    if (!word) await this.#thaw(commands);
    else if (word.why !== undefined) throw this.#failed(commands.post, word.why);
    this.#stuck = undefined;
  }

  async #thaw(how: Pick<FreezeCommands, "post" | "postTimeout">): Promise<void> {
    const why = await thaw(this.#machine, this.#marker, how).catch(messageOf);
    if (why !== undefined) throw this.#failed(how.post, why);
  }

  #failed(post: string, why: string): LeewardError {
    this.#stuck = new LeewardError("ThawFailed", `the post command ${JSON.stringify(post)} failed: ${why}`);
    void this.keepThawing();
    return this.#stuck;
  }
}

const LOOK = millis(50);
/** Between two rounds of tries to thaw. */
const AGAIN = millis(10_000);

/** The process that holds one freeze, as its agent sees it. */
class Watchdog {
  /** Until when nothing is thawed unasked. Rejects with FreezeFailed. */
  readonly frozen: Promise<bigint>;
  /** Its last word; undefined when it was killed before it. */
  readonly thawed: Promise<Thawed | undefined>;
  readonly #process: WatchdogProcess;

  constructor(machine: FreezeMachine, task: FreezeTask) {
    const frozen = Promise.withResolvers<bigint>();
    const thawed = Promise.withResolvers<Thawed | undefined>();
    this.frozen = frozen.promise;
    this.thawed = thawed.promise;
    const failed = (why: string) =>
      frozen.reject(
        new LeewardError("FreezeFailed", `the pre command ${JSON.stringify(task.commands.pre)}: ${why}`),
      );
    this.#process = machine.startWatchdog({
      word: (word) => {
        if ("frozen" in word) frozen.resolve(word.frozen);
        else if ("failed" in word) failed(word.failed);
        else thawed.resolve(word);
      },
      gone: (why) => {
        failed(why === undefined ? "its watchdog was killed" : `its watchdog: ${why}`);
        thawed.resolve(undefined);
      },
    });
    this.#process.send(task);
  }

  thaw(): void {
    this.#process.send("thaw");
  }
}
