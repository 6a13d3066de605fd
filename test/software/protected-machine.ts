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
  readonly #agent: ChildProcess;
  readonly #asked: ((at: Sequence) => void)[] = [];

  /** @param disks raw images, which may hold something already. The initial copy is complete when it resolves. */
  static async start(space: string, disks: readonly string[]): Promise<ProtectedMachine> {
    const machine = new ProtectedMachine(space, disks);
    const [said] = await once(machine.#agent, "message");
    if (said !== "ready") throw new Error(`the agent says ${String(said)}`);
    machine.#agent.on("message", (at) => machine.#asked.shift()?.(sequence(Number(at))));
    return machine;
  }

  private constructor(space: string, disks: readonly string[]) {
    this.socket = path.join(space, "nbd.sock");
    this.#space = space;
    this.#disks = disks;
    mkdirSync(cacheIn(space));
    const places = [path.join(space, "spool"), this.socket, cacheIn(space), ...disks];
    this.#agent = fork(SCRIPT, places, { execArgv: ["--disable-warning=ExperimentalWarning"] });
  }

  /** The newest write that the agent has taken: everything that was answered before the call is at or below it. */
  newest(): Promise<Sequence> {
    return new Promise((resolve) => {
      this.#asked.push(resolve);
      this.#agent.send("where");
    });
  }

  /** Call when nobody uses the disks any more. Everything is in the journal then. */
  async end(): Promise<Journal> {
    this.#agent.removeAllListeners("message");
    const said = once(this.#agent, "message");
    this.#agent.send("end");
    const { flushes } = ended.parse((await said)[0]);
    return await Journal.arrive(this.#space, this.#disks, flushes);
  }
}

const ended = z.object({ flushes: z.array(z.number().transform(sequence)), left: z.literal(0) });
