import { join } from "node:path";
import { SECTOR } from "../engine/core/units.ts";
import type { Files } from "./files.ts";

/** In place of a path: there was a disk, and the others keep their places. */
export const FREE_PLACE = "-";

/**
 * What is opened for a place in the agent's order of disks: at a free one a file of a sector, which nobody is served and nothing
 * records, so that a disk's place is its index everywhere.
 */
export function pathAt(path: string, spoolDirectory: string, files: Files): string {
  if (path !== FREE_PLACE) return path;
  const held = join(spoolDirectory, "free-place");
  if (!files.exists(held)) files.write(held, "\0".repeat(SECTOR));
  return held;
}
