import { sha256 } from "../engine/core/digest.ts";
import { LeewardError, hasCode, messageOf } from "../engine/core/errors.ts";
import type { ObjectStore } from "../engine/storage/store.ts";
import type { Files } from "./files.ts";

/** Fills the buffer with the whole file. @throws SpoolDamaged */
export async function readSegment(files: Files, file: string, into: Buffer): Promise<Buffer> {
  try {
    const source = files.open(file, "read");
    const read = await source.readAsync(into, 0).finally(() => source.close());
    if (read !== into.length) throw new Error(`${read} bytes, not ${into.length}`);
    return into;
  } catch (error) {
    throw new LeewardError("SpoolDamaged", `${file} cannot be read: ${messageOf(error)}`, error);
  }
}

/**
 * Puts a segment under its name, create-if-absent. What is there already is fine when it is the same: an earlier try
 * got through, and its answer was lost.
 * @throws SpoolDamaged when another object has the name; StorageUnavailable when it is gone at the next look; what the store throws.
 */
export async function uploadSegment(store: ObjectStore, name: string, segment: Buffer): Promise<void> {
  try {
    await store.put(name, segment, "absent");
  } catch (error) {
    if (!hasCode(error, "ObjectExists")) throw error;
    const there = await store.get(name);
    // It was shipped meanwhile, or taken away because it was spoiled there: putting it again is right in both cases.
    if (!there) throw new LeewardError("StorageUnavailable", `${name} was in the cache, and is gone`, error);
    if (sha256(there.body) !== sha256(segment))
      throw new LeewardError("SpoolDamaged", `${name} in the cache is not the segment of this spool`, error);
  }
}
