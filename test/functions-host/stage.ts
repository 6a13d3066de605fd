import type { Keys } from "../../local/functions-host/keys.ts";

/** A whole answer of the host. */
export interface Heard {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** A host with the app, wherever it runs and however often it dies. */
export interface Stage {
  /** How many seconds of the host's clock a second of a behaviour lasts. */
  readonly second: number;
  /** How many pauses one waits for what must come. */
  readonly patience: number;
  readonly keys: Keys;
  /** Asks once. undefined: the host died before it had answered; another one serves now. */
  ask(target: string, init?: RequestInit): Promise<Heard | undefined>;
  /** Lets the host go on for a moment. */
  pause(): Promise<void>;
  /** What the app has noted, in every life of the host. */
  notes(): readonly string[];
}
