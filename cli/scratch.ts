import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { DirectoryObjectStore } from "../engine/storage/directory.ts";
import type { ObjectStore } from "../engine/storage/store.ts";

export const SCRATCH_HELP = `Digests of disks with more than some 128 GiB in use are kept, encrypted, in a directory below TMPDIR while this runs:
about 1.5 GB for each TiB in use.`;

/** Calls with a place for what memory does not hold, which goes with whatever is in it. */
export async function withScratch<Result>(use: (scratch: ObjectStore) => Promise<Result>): Promise<Result> {
  const directory = await mkdtemp(path.join(tmpdir(), "leeward-"));
  try {
    return await use(new DirectoryObjectStore(directory));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
