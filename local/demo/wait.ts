import { setTimeout as sleep } from "node:timers/promises";

/**
 * Looks again and again until there is an answer.
 * @param limit in milliseconds; the error then says what was waited for
 */
export async function waitFor<T>(
  what: string,
  look: () => Promise<T | undefined>,
  limit: number,
  pause = 200,
): Promise<T> {
  const until = performance.now() + limit;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > until) throw new Error(`waited ${limit / 1000} s in vain for ${what}`);
    await sleep(pause);
  }
}
