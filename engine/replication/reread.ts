import { LeewardError, hasCode } from "../core/errors.ts";

/** How often an object is read before it is believed. */
export const READS = 3;

/**
 * A body may be cut or changed on its way, and a storage may tell for a moment what was there before. So what is damaged,
 * or gone, is read again before anything stops over it: at most `READS` times, at once, and only where the catalogue says
 * that the object itself is at fault (`resync`, or a document that cannot be trusted).
 * @throws what the last read threw; at once what is not about the object
 */
export async function rereading<Result>(read: () => Promise<Result>): Promise<Result> {
  for (let reads = 1; ; reads++) {
    try {
      return await read();
    } catch (error) {
      if (reads === READS || !isAboutObject(error)) throw error;
    }
  }
}

const isAboutObject = (error: unknown): boolean =>
  error instanceof LeewardError && (error.class === "resync" || hasCode(error, "ManifestDamaged"));
