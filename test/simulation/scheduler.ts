import { setImmediate } from "node:timers/promises";
import { messageOf } from "../../engine/core/errors.ts";
import type { Micros } from "../../engine/core/units.ts";
import type { Side } from "./side.ts";

/** A running piece of production code: it lives between its calls. */
export interface Process {
  readonly name: string;
  readonly kind: string;
  state: "awake" | "asleep" | "dead" | "ended";
  readonly since: Micros;
  /** What others must hear when it has ended, or was killed. */
  gone?: () => void;
}

export const wasKilled = ({ state }: Process): boolean => state === "dead";

/** A call that waits for its turn: of a storage, of files, over the network, or a sleep. */
export interface Call {
  readonly process: Process;
  readonly store: string;
  /** Of the direction whose storage it is; the first one where nothing is said. */
  readonly side?: Side;
  readonly method: string;
  readonly args: readonly unknown[];
  /** Not before that time. */
  readonly due?: Micros;
  /** It was let through once: its body trickles, in vain, or its caller has given it up. */
  readonly late?: "slow" | "never" | "given up";
  readonly perform: () => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Holds every call until it is let through, one at a time, so that the order of the whole pipeline is what the
 * dice say. Calls of a dead process are never answered.
 */
export class Scheduler {
  readonly #now: () => Micros;
  readonly #calls: Call[] = [];
  readonly processes: Process[] = [];
  /** What a process ended with that it should have caught. */
  crash: Error | undefined;
  #started = 0;

  constructor(now: () => Micros) {
    this.#now = now;
  }

  /** Runs until its first call. */
  start(kind: string, body: (process: Process) => Promise<void>): Process {
    const process: Process = { name: `${kind}-${++this.#started}`, kind, state: "awake", since: this.#now() };
    this.processes.push(process);
    const end = (error?: unknown) => {
      if (process.state === "dead") return;
      if (error !== undefined) this.crash ??= error instanceof Error ? error : new Error(messageOf(error));
      process.state = "ended";
      this.#forget(process);
      process.gone?.();
    };
    body(process).then(() => end(), end);
    return process;
  }

  kill(process: Process): void {
    if (process.state === "dead" || process.state === "ended") return;
    process.state = "dead";
    this.#forget(process);
    process.gone?.();
  }

  alive(kind?: string): Process[] {
    return this.processes.filter((one) => kind === undefined || one.kind === kind);
  }

  /** Calls that may go through now, in the order in which they came. */
  ready(): readonly Call[] {
    const now = this.#now();
    return this.#calls.filter(({ process, due }) => process.state === "awake" && (due ?? now) <= now);
  }

  /** When the next sleep ends, if any. */
  get next(): Micros | undefined {
    let next: Micros | undefined;
    for (const { process, due } of this.#calls)
      if (process.state === "awake" && due !== undefined && (next === undefined || due < next)) next = due;
    return next;
  }

  call(call: Omit<Call, "resolve" | "reject">, signal?: AbortSignal): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (call.process.state === "dead" || call.process.state === "ended") return;
      const waiting = { ...call, resolve, reject };
      this.#calls.push(waiting);
      signal?.addEventListener("abort", () => this.#abort(waiting, signal), { once: true });
    });
  }

  take(call: Call): void {
    this.#calls.splice(this.#calls.indexOf(call), 1);
  }

  /** It goes on at that time. */
  again(call: Call, due: Micros): void {
    this.#calls.push({ ...call, due });
  }

  /** Returns when every process waits for a call, or has ended: nothing here waits for anything else for long. */
  settle(): Promise<void> {
    return setImmediate();
  }

  #abort(call: Call, signal: AbortSignal): void {
    if (!this.#calls.includes(call)) return;
    this.take(call);
    call.reject(signal.reason);
  }

  #forget(process: Process): void {
    const at = this.processes.indexOf(process);
    if (at >= 0) this.processes.splice(at, 1);
    for (let i = this.#calls.length - 1; i >= 0; i--)
      if (this.#calls[i]?.process === process) this.#calls.splice(i, 1);
  }
}
