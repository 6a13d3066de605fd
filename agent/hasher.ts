import type { ChildProcess } from "node:child_process";
import { availableParallelism } from "node:os";
import { LeewardError, messageOf } from "../engine/core/errors.ts";
import type { Bytes } from "../engine/core/units.ts";
import type { Disk } from "./disk.ts";
import { startHelper } from "./helper.ts";
import type { HashAnswer, HashTask } from "./hash-process.ts";

const TRIES = 3;
/** A process takes some 45 MB. */
const MOST_PROCESSES = 8;
/** Tasks that a process holds: it has the next one before this process has heard of the last. */
const AHEAD = 2;

/** In milliseconds: between two pieces of a comparison that gives way to the guest there is less. */
const IDLE = 10_000;

/** As many as hash at the same time. */
export const HASHERS = Math.min(MOST_PROCESSES, availableParallelism());

/**
 * Hashes blocks in processes of their own, one for each processor, at low priority: neither their work nor their memory is
 * in the guest's path. They are started when there is work, and end when there was none for a time, or with `close`.
 */
export class Hasher {
  readonly #workers = new Set<Worker>();
  readonly #waiting: (() => void)[] = [];
  readonly #idle: number;
  #rest: NodeJS.Timeout | undefined;

  /** @param idle milliseconds without work after which the processes end */
  constructor(idle = IDLE) {
    this.#idle = idle;
  }

  /** Processes that are there. */
  get size(): number {
    return this.#workers.size;
  }

  /** As `HashBlocks`. */
  async hash(disk: Disk, offset: Bytes, length: Bytes): Promise<Uint8Array> {
    for (let tries = 1; ; tries++) {
      const worker = await this.#free();
      try {
        const answer = await worker.ask({ disk: disk.file, offset, length });
        if ("digests" in answer) return answer.digests;
        throw new LeewardError("DiskUnreadable", answer.failed);
      } catch (error) {
        // The process itself may have been killed, as by a system short of memory: another one does the work.
        if (error instanceof LeewardError) throw error;
        this.#workers.delete(worker);
        if (tries === TRIES) throw new LeewardError("DiskUnreadable", messageOf(error), error);
      } finally {
        this.#waiting.shift()?.();
        this.#restLater();
      }
    }
  }

  /** Until there is work again. */
  close(): void {
    clearTimeout(this.#rest);
    for (const worker of this.#workers) worker.end();
    this.#workers.clear();
  }

  #restLater(): void {
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => {
      if ([...this.#workers].every(({ tasks }) => tasks === 0)) this.close();
    }, this.#idle).unref();
  }

  async #free(): Promise<Worker> {
    for (;;) {
      const [least] = [...this.#workers].toSorted((a, b) => a.tasks - b.tasks);
      if (least && (least.tasks === 0 || (this.#workers.size >= HASHERS && least.tasks < AHEAD)))
        return least;
      if (this.#workers.size < HASHERS) {
        const worker = new Worker();
        this.#workers.add(worker);
        return worker;
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

interface Asked {
  readonly resolve: (answer: HashAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** One process; it answers in the order of its tasks. */
class Worker {
  readonly #child: ChildProcess;
  readonly #asked: Asked[] = [];

  constructor() {
    this.#child = startHelper("hash");
    this.#child.unref();
    this.#child.channel?.unref();
    this.#child.on("message", (answer: HashAnswer) => this.#asked.shift()?.resolve(answer));
    const ended = () => {
      for (const { reject } of this.#asked.splice(0)) reject(new Error("a hashing process ended"));
    };
    this.#child.once("exit", ended);
    this.#child.once("error", ended);
  }

  get tasks(): number {
    return this.#asked.length;
  }

  ask(task: HashTask): Promise<HashAnswer> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ resolve, reject });
      this.#child.send(task, (error) => {
        if (error) reject(error);
      });
    });
  }

  end(): void {
    this.#child.kill("SIGKILL");
  }
}
