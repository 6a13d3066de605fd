import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { checked } from "../../engine/core/schema.ts";
import { millis } from "../../engine/core/units.ts";

const identity = z.object({ pid: z.number().int().positive(), start: z.string() });

/** A freeze that has begun and is not known to have been undone. */
const freezeMarker = z.object({
  watchdog: identity,
  /** The leader of the pre command's process group. */
  pre: identity,
  post: z.string(),
  postTimeout: z.number().transform(checked(millis)),
});
export type FreezeMarker = z.infer<typeof freezeMarker>;

export const markerIn = (spoolDirectory: string): string => join(spoolDirectory, "freeze.json");

/** On stable storage before it returns: the file system may be about to be frozen. @throws the file system's error */
export function writeMarker(path: string, marker: FreezeMarker): void {
  const draft = `${path}.tmp`;
  const file = openSync(draft, "w", 0o600);
  try {
    writeSync(file, JSON.stringify(marker));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
}

export const removeMarker = (path: string): void => rmSync(path, { force: true });

/** Undefined when there is none. One that cannot be read was never whole: its freeze did not begin. */
export function readMarker(path: string): FreezeMarker | undefined {
  try {
    return freezeMarker.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return undefined;
  }
}
