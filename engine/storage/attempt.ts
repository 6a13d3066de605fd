import { systemClock } from "../core/clock.ts";
import { LeewardError } from "../core/errors.ts";
import { type Millis, millis } from "../core/units.ts";
import { failureOf, passesOf, waitOf } from "./azure-failure.ts";

/** How long a request may try to succeed. */
export interface Patience {
  /** How often it is sent before it counts as failed; between tries it waits 0.25, 1, 4, 16 s, or as the storage asks. */
  readonly tries: number;
  /** How long one try may take, with its body. */
  readonly tryTimeout: Millis;
  /** Ends everything at once; its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** For replication: outlasts a moved partition or a lost connection; 5 s when nothing listens there. */
export const PATIENT: Patience = { tries: 4, tryTimeout: millis(60_000) };
/** To ask a region that may be dead: at most 4 s. */
export const IMPATIENT: Patience = { tries: 1, tryTimeout: millis(4_000) };

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 30_000;

/**
 * Sends the request until it succeeds or the patience is at its end.
 * @param what for the error's message, e.g. `reading machines/x/key.json`
 * @throws LeewardError for every failure of the storage; the signal's reason.
 */
export async function attempt<T>(
  what: string,
  patience: Patience,
  request: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    patience.signal?.throwIfAborted();
    try {
      return await once(what, patience, request);
    } catch (error) {
      patience.signal?.throwIfAborted();
      if (tries >= patience.tries || !passesOf(error)) throw failureOf(what, error);
      const wait = Math.max(FIRST_WAIT_MS * 4 ** (tries - 1), waitOf(error) ?? 0);
      const jitter = 0.8 + 0.4 * Math.random();
      await systemClock.sleep(millis(Math.round(Math.min(wait, LONGEST_WAIT_MS) * jitter)), patience.signal);
    }
  }
}

/** A race, because a client may stop listening to its signal once it has handed out a body. */
async function once<T>(
  what: string,
  { tryTimeout, signal }: Patience,
  request: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ended = new AbortController();
  const end = Promise.withResolvers<never>();
  const stop = (error: unknown) => {
    ended.abort(error);
    end.reject(error);
  };
  const abort = () => stop(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  const timer = setTimeout(
    () => stop(new LeewardError("StorageUnavailable", `${what}: no answer in ${tryTimeout} ms`)),
    tryTimeout,
  );
  try {
    return await Promise.race([request(ended.signal), end.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}
