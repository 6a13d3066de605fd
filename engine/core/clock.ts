import { type Micros, type Millis, micros } from "./units.ts";

/** Time as the product sees it, so that tests and the simulation can move it. */
export interface Clock {
  /** Wall clock. May step; never used to order writes. */
  now(): Micros;
  /** Resolves after the duration, or rejects with the signal's reason as soon as it aborts. */
  sleep(duration: Millis, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => micros(Math.round((performance.timeOrigin + performance.now()) * 1000)),
  sleep: (duration, signal) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const stop = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", stop);
        resolve();
      }, duration);
      signal?.addEventListener("abort", stop, { once: true });
    }),
};

export const toIso = (time: Micros): string => {
  const whole = new Date(Math.floor(time / 1000)).toISOString();
  return `${whole.slice(0, -1)}${String(time % 1000).padStart(3, "0")}Z`;
};

const ISO = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,6}))?(Z|[+-]\d{2}:\d{2})$/;

/**
 * An instant as ISO 8601 has it, to the microsecond, with its zone: `2026-11-21T20:15:03.250Z`.
 * @throws RangeError
 */
export function fromIso(text: string): Micros {
  const [, whole = "", fraction = "", zone = ""] = ISO.exec(text) ?? [];
  const seconds = Date.parse(`${whole}${zone}`) / 1000;
  if (whole === "" || !Number.isInteger(seconds))
    throw new RangeError(`not an instant such as 2026-11-21T20:15:03.250Z: ${JSON.stringify(text)}`);
  return micros(seconds * 1e6 + Number(fraction.padEnd(6, "0")));
}

/** A key for what is listed by its time; such keys sort the newest first. */
export const newestFirst = (time: Micros): string => String(9_000_000_000_000_000 - time).padStart(16, "0");
