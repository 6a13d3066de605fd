import { join } from "node:path";
import { z } from "zod";
import { checked } from "../../engine/core/schema.ts";
import { millis } from "../../engine/core/units.ts";
import type { FreezeMachine } from "./machine.ts";

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

type Files = FreezeMachine["files"];

/** On stable storage before it returns: the file system may be about to be frozen. @throws the file system's error */
export function writeMarker(files: Files, path: string, marker: FreezeMarker): void {
  const draft = `${path}.tmp`;
  files.write(draft, JSON.stringify(marker));
  files.sync(draft);
  files.rename(draft, path);
}

export const removeMarker = (files: Files, path: string): void => files.remove(path);

/** Undefined when there is none. One that cannot be read was never whole: its freeze did not begin. */
export function readMarker(files: Pick<Files, "read">, path: string): FreezeMarker | undefined {
  try {
    return freezeMarker.parse(JSON.parse(files.read(path).toString("utf8")));
  } catch {
    return undefined;
  }
}
