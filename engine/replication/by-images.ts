import { LeewardError } from "../core/errors.ts";
import { readBackward } from "./journal-reader.ts";
import { generationStart } from "./lineage.ts";
import { readPointAt } from "./points.ts";
import { type Ground, nameOf } from "./reach.ts";

/**
 * Whether the generation's newest writes are one image of its disks: then its points are its only states, however many
 * writes lie between two of them. False where the segments that would say so are gone. Reads back from the newest point to the last write.
 */
export async function isByImages({ objects, machine, generation, places }: Ground): Promise<boolean> {
  const newest = places.at(-1);
  if (!newest) return false;
  try {
    const { position: to } = await readPointAt(objects, nameOf(newest));
    const from = await generationStart(objects, machine, generation);
    for await (const { header } of readBackward({ objects, machine, from, to }))
      if (header.to > header.from) return header.continues;
    return false;
  } catch (error) {
    if (error instanceof LeewardError && error.class !== "retry") return false;
    throw error;
  }
}
