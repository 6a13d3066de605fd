import type { Millis } from "../../engine/core/units.ts";
import type { Files } from "../files.ts";
import type { ProcessIdentity } from "../process-identity.ts";
import type { FreezeTask, WatchdogWord } from "./watch.ts";

/** A command in a process group of its own, which does nothing before the gate is opened, and nothing at all when who started it dies before. */
export interface Command {
  /** Of its process group; undefined when it could not be started. */
  readonly pid: number | undefined;
  /** Resolves when it has ended, with why it failed; undefined when it succeeded. */
  readonly ended: Promise<string | undefined>;
  /** Opens the gate. */
  begin(): void;
  /** The end of what it said on its error output. Call once: nobody listens to it any more. */
  words(): string;
}

/** The watchdog's process, as its agent has it. */
export interface WatchdogProcess {
  /** Nothing happens when it is gone. */
  send(message: FreezeTask | "thaw"): void;
}

/** What a watchdog's agent hears of it. */
export interface WatchdogListener {
  word(word: WatchdogWord): void;
  /** It has ended, with why it could not even be started, if so. May be heard more than once. */
  gone(why?: string): void;
}

/** What freezing and thawing reach of the machine, as one process of it: everything here that a simulation cannot do as it is. */
export interface FreezeMachine {
  readonly files: Pick<Files, "read" | "write" | "sync" | "rename" | "remove">;
  /** In nanoseconds; steady, and the same for all processes of the machine. */
  now(): bigint;
  /** Rejects as soon as the signal aborts. */
  sleep(duration: Millis, signal?: AbortSignal): Promise<void>;
  /** Of the process itself. */
  readonly pid: number;
  identityOf(pid: number): ProcessIdentity;
  isAlive(process: ProcessIdentity): boolean;
  start(command: string): Command;
  /** Kills a whole process group; nothing happens when there is none. */
  killGroup(pid: number): void;
  startWatchdog(listener: WatchdogListener): WatchdogProcess;
}
