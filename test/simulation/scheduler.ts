import { setImmediate } from "node:timers/promises";
import { messageOf } from "../../engine/core/errors.ts";

/** A running piece of production code: it lives between its storage calls. */
export interface Process {
  readonly name: string;
  readonly kind: string;
  state: "awake" | "asleep" | "dead" | "ended";
}

/** A storage call that waits for its turn. */
export interface Call {
  readonly process: Process;
  readonly store: string;
  readonly method: string;
  readonly args: readonly unknown[];
  readonly perform: () => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Holds every storage call until it is let through, one at a time, so that the order of the whole pipeline is what the
 * dice say. Calls of a dead process are never answered.
 */
export class Scheduler {
  readonly #calls: Call[] = [];
  readonly processes: Process[] = [];
  /** What a process ended with that it should have caught. */
  crash: Error | undefined;
  #started = 0;

  /** Runs until its first storage call. */
  start(kind: string, body: (process: Process) => Promise<void>): Process {
    const process: Process = { name: `${kind}-${++this.#started}`, kind, state: "awake" };
    this.processes.push(process);
    const end = (error?: unknown) => {
      if (error !== undefined) this.crash ??= error instanceof Error ? error : new Error(messageOf(error));
      if (process.state !== "dead") process.state = "ended";
      this.#forget(process);
    };
    body(process).then(() => end(), end);
    return process;
  }

  kill(process: Process): void {
    process.state = "dead";
    this.#forget(process);
  }

  alive(kind?: string): Process[] {
    return this.processes.filter((one) => kind === undefined || one.kind === kind);
  }

  /** Calls that may go through now, in the order in which they came. */
  ready(): readonly Call[] {
    return this.#calls.filter(({ process }) => process.state === "awake");
  }

  call(call: Omit<Call, "resolve" | "reject">): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (call.process.state === "awake" || call.process.state === "asleep")
        this.#calls.push({ ...call, resolve, reject });
    });
  }

  take(call: Call): void {
    this.#calls.splice(this.#calls.indexOf(call), 1);
  }

  /** Returns when every process waits for a storage call, or has ended: nothing here waits for anything else. */
  settle(): Promise<void> {
    return setImmediate();
  }

  #forget(process: Process): void {
    this.processes.splice(this.processes.indexOf(process), 1);
    for (let i = this.#calls.length - 1; i >= 0; i--)
      if (this.#calls[i]?.process === process) this.#calls.splice(i, 1);
  }
}
