import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { LeewardError, messageOf } from "../engine/core/errors.ts";
import type { SealTask, Sealed } from "./seal.ts";
import type { SealAnswer } from "./seal-worker.ts";

/** Seals in a thread of its own, one log at a time, so that compression never keeps a guest waiting. */
export class Sealer {
  #worker: Worker | undefined;

  /** One call at a time. @throws SpoolDamaged */
  async seal(task: SealTask): Promise<Sealed> {
    const worker = (this.#worker ??= new Worker(new URL("./seal-worker.ts", import.meta.url)));
    const answer = await this.#ask(worker, task);
    if ("failed" in answer) throw new LeewardError("SpoolDamaged", answer.failed);
    return answer.sealed;
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
    this.#worker = undefined;
  }

  async #ask(worker: Worker, task: SealTask): Promise<SealAnswer> {
    const ended = new AbortController();
    const exit = () => ended.abort(new Error("the sealing thread ended"));
    worker.once("exit", exit);
    try {
      worker.postMessage(task);
      const [answer]: SealAnswer[] = await once(worker, "message", { signal: ended.signal });
      if (!answer) throw new Error("no answer");
      return answer;
    } catch (error) {
      this.#worker = undefined;
      await worker.terminate();
      throw new LeewardError("SpoolDamaged", `the sealing thread failed: ${messageOf(error)}`, error);
    } finally {
      worker.off("exit", exit);
    }
  }
}
