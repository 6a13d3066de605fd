import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { LeewardError, messageOf } from "../engine/core/errors.ts";
import { startHelper } from "./helper.ts";
import type { SealAnswer } from "./seal-process.ts";
import type { DraftTask, Sealed } from "./seal.ts";

const TRIES = 3;

/**
 * Seals in a process of its own that runs at low priority, one log at a time: compressing as much as the guest writes
 * takes more than one processor, and none of it may be taken from the guest.
 */
export class Sealer {
  #child: ChildProcess | undefined;

  /** One call at a time. @throws SpoolDamaged when the log cannot be sealed. */
  async draft(task: DraftTask): Promise<Sealed> {
    for (let tries = 1; ; tries++) {
      try {
        const answer = await this.#ask((this.#child ??= start()), task);
        if ("sealed" in answer) return answer.sealed;
        throw new LeewardError("SpoolDamaged", answer.failed);
      } catch (error) {
        // The process itself may have been killed, as by a system short of memory: another one does the work.
        if (error instanceof LeewardError || tries === TRIES) throw error;
        this.close();
      }
    }
  }

  close(): void {
    this.#child?.kill("SIGKILL");
    this.#child = undefined;
  }

  async #ask(child: ChildProcess, task: DraftTask): Promise<SealAnswer> {
    const ended = new AbortController();
    const end = (error?: unknown) =>
      ended.abort(
        new Error(`the sealing process ended: ${error instanceof Error ? messageOf(error) : "killed"}`),
      );
    child.once("exit", end);
    child.once("error", end);
    try {
      child.send(task);
      const [answer]: SealAnswer[] = await once(child, "message", { signal: ended.signal });
      if (!answer) throw new Error("the sealing process gave no answer");
      return answer;
    } finally {
      child.off("exit", end);
      child.off("error", end);
    }
  }
}

/**
 * V8 counts the bytes of buffers as heap: without it a small heap through which segments pass is collected in full several
 * times for each of them, a third of all that sealing costs. With it as much memory is resident as without.
 */
const PATIENCE = "--initial-old-space-size=64";

/** The key goes over a pipe, never in arguments or environment. */
function start(): ChildProcess {
  const child = startHelper("seal", { execArgv: [PATIENCE] });
  child.unref();
  child.channel?.unref();
  return child;
}
