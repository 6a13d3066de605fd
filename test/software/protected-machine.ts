import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { type Sequence, sequence } from "../../engine/core/units.ts";
import { Journal, cacheIn } from "./journal.ts";

const SCRIPT = path.join(import.meta.dirname, "agent-process.ts");

/**
 * A machine whose disks are reached through an agent of its own, and whose journal goes into a directory. Clearing the
 * space ends the agent.
 */
export class ProtectedMachine {
  readonly socket: string;
  readonly #space: string;
  readonly #disks: readonly string[];
  #agent: ChildProcess;
  readonly #asked: PromiseWithResolvers<Sequence>[] = [];

  /** @param disks raw images, which may hold something already. The initial copy is complete when it resolves. */
  static async start(space: string, disks: readonly string[]): Promise<ProtectedMachine> {
    mkdirSync(cacheIn(space));
    const machine = new ProtectedMachine(space, disks);
    if ((await machine.#said()) !== "ready") throw new Error("the agent is not ready");
    return machine;
  }

  private constructor(space: string, disks: readonly string[]) {
    this.socket = path.join(space, "nbd.sock");
    this.#space = space;
    this.#disks = disks;
    this.#agent = this.#run(true);
  }

  /** The newest write that the agent has taken: everything that was answered before the call is at or below it. */
  newest(): Promise<Sequence> {
    const asked = Promise.withResolvers<Sequence>();
    this.#asked.push(asked);
    this.#ask();
    return asked.promise;
  }

  /** As a crash of the agent's process; another one takes its place. Flushes of before are forgotten. */
  async kill(): Promise<void> {
    this.#agent.removeAllListeners();
    this.#agent.kill("SIGKILL");
    await once(this.#agent, "exit");
    this.#agent = this.#run(false);
    for (const _ of this.#asked) this.#ask();
  }

  /** Call when nobody uses the disks any more. Everything is in the journal then. */
  async end(): Promise<Journal> {
    this.#agent.removeAllListeners();
    this.#agent.send("end");
    for (;;) {
      const said = await this.#said();
      if (said === "ready") continue;
      return await Journal.arrive(this.#space, this.#disks, ended.parse(said).flushes);
    }
  }

  /** Who is dead does not hear it: its successor is asked again. */
  #ask(): void {
    this.#agent.send("where", () => undefined);
  }

  /** @throws when the agent ends without a word */
  async #said(): Promise<unknown> {
    const over = once(this.#agent, "exit").then(([code]) => `the agent ended with ${String(code)}`);
    const message = once(this.#agent, "message");
    const first = await Promise.race([message, over]);
    if (typeof first === "string") throw new Error(first);
    return first[0];
  }

  #run(fresh: boolean): ChildProcess {
    const places = [path.join(this.#space, "spool"), this.socket, cacheIn(this.#space), ...this.#disks];
    const agent = fork(SCRIPT, places, {
      execArgv: ["--disable-warning=ExperimentalWarning"],
      env: { ...process.env, FRESH: fresh ? "1" : "0" },
    });
    agent.on("message", (at) => {
      if (typeof at === "number") this.#asked.shift()?.resolve(sequence(at));
    });
    agent.once("exit", (code) => {
      for (const { reject } of this.#asked.splice(0)) reject(new Error(`the agent ended with ${code}`));
    });
    return agent;
  }
}

const ended = z.object({ flushes: z.array(z.number().transform(sequence)), left: z.literal(0) });
