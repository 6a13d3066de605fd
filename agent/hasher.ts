import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { LeewardError, messageOf } from "../engine/core/errors.ts";
import type { Bytes } from "../engine/core/units.ts";
import type { Disk } from "./disk.ts";
import type { HashAnswer, HashTask } from "./hash-process.ts";

const TRIES = 3;
/** A process takes some 45 MB. */
const MOST_PROCESSES = 8;

/** As many as hash at the same time. */
export const HASHERS = Math.min(MOST_PROCESSES, availableParallelism());

/**
 * Hashes blocks in processes of their own, one for each processor, at low priority: neither their work nor their
 * memory is the guest's path. They are started when there is work, and end with `close`.
 */
export class Hasher {
  readonly #idle: ChildProcess[] = [];
  readonly #all = new Set<ChildProcess>();
  readonly #waiting: ((child: ChildProcess) => void)[] = [];

  /** As `HashBlocks`. */
  async hash(disk: Disk, offset: Bytes, length: Bytes): Promise<Uint8Array> {
    for (let tries = 1; ; tries++) {
      const child = await this.#take();
      try {
        const answer = await ask(child, { disk: disk.file, offset, length });
        this.#give(child);
        if ("digests" in answer) return answer.digests;
        throw new LeewardError("DiskUnreadable", answer.failed);
      } catch (error) {
        // The process itself may have been killed, as by a system short of memory: another one does the work.
        if (error instanceof LeewardError) throw error;
        this.#end(child);
        if (tries === TRIES) throw new LeewardError("DiskUnreadable", messageOf(error), error);
      }
    }
  }

  /** Until there is work again. */
  close(): void {
    for (const child of this.#all) this.#end(child);
  }

  #take(): Promise<ChildProcess> {
    const idle = this.#idle.pop();
    if (idle) return Promise.resolve(idle);
    if (this.#all.size < HASHERS) return Promise.resolve(this.#start());
    const { promise, resolve } = Promise.withResolvers<ChildProcess>();
    this.#waiting.push(resolve);
    return promise;
  }

  #give(child: ChildProcess): void {
    if (!this.#all.has(child)) return;
    const next = this.#waiting.shift();
    if (next) next(child);
    else this.#idle.push(child);
  }

  #end(child: ChildProcess): void {
    this.#all.delete(child);
    const at = this.#idle.indexOf(child);
    if (at >= 0) this.#idle.splice(at, 1);
    child.kill("SIGKILL");
    const next = this.#waiting.shift();
    if (next) next(this.#start());
  }

  #start(): ChildProcess {
    const child = fork(new URL("./hash-process.ts", import.meta.url), {
      serialization: "advanced",
      execArgv: [],
    });
    child.unref();
    child.channel?.unref();
    this.#all.add(child);
    return child;
  }
}

async function ask(child: ChildProcess, task: HashTask): Promise<HashAnswer> {
  const ended = new AbortController();
  const end = () => ended.abort(new Error("a hashing process ended"));
  child.once("exit", end);
  child.once("error", end);
  try {
    child.send(task);
    const [answer]: HashAnswer[] = await once(child, "message", { signal: ended.signal });
    if (!answer) throw new Error("a hashing process gave no answer");
    return answer;
  } finally {
    child.off("exit", end);
    child.off("error", end);
  }
}
