import { join } from "node:path";
import type { Files } from "./files.ts";

/** Puts the files of a directory, and their names, on stable storage. */
export function syncFiles(files: Files, directory: string): void {
  for (const { name, kind } of files.list(directory)) if (kind === "file") files.sync(join(directory, name));
  files.sync(directory);
}
