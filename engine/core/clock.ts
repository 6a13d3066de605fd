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
