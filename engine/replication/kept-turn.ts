import { LeewardError, hasCode } from "../core/errors.ts";
import { ExtentSet } from "../core/extent.ts";
import { decodeExtents } from "../journal/extents-text.ts";
import type { ETag, ObjectStore } from "../storage/store.ts";
import { rereading } from "./reread.ts";

/*
 * What one turn of a large piece of work leaves for the next, in a document of its own. It only spares work: whoever cannot
 * believe it begins anew.
 */

/** Undefined when there is none. One that is damaged, or that a newer Leeward wrote, goes. */
export async function readKept<Content extends object>(
  objects: ObjectStore,
  name: string,
  decode: (body: Buffer) => Content,
): Promise<(Content & { readonly etag: ETag }) | undefined> {
  try {
    return await rereading(async () => {
      const object = await objects.get(name);
      return object && { ...decode(object.body), etag: object.etag };
    });
  } catch (error) {
    if (!isUseless(error)) throw error;
    await objects.delete([name]);
    return undefined;
  }
}

/** It says what cannot be believed, and nothing else is wrong. */
export const isUseless = (error: unknown): boolean =>
  hasCode(error, "ManifestDamaged") || hasCode(error, "ManifestVersionUnknown");

/**
 * Takes the place of what was read.
 * @param etag of that; undefined when there was none
 * @throws ObjectChanged when another run has brought it on, or ended it
 */
export async function putKept(
  objects: ObjectStore,
  name: string,
  body: Buffer,
  etag: ETag | undefined,
): Promise<ETag> {
  try {
    return await objects.put(name, body, etag === undefined ? "absent" : { unchangedSince: etag });
  } catch (error) {
    if (!hasCode(error, "ObjectExists") && !hasCode(error, "NotFound")) throw error;
    throw new LeewardError("ObjectChanged", `${name} was brought on, or ended, by another run`, error);
  }
}

/**
 * Extents of a disk, as `encodeExtents` wrote them.
 * @param of for messages, as in `disk 2 of a verification`
 * @param end where the disk ends, in the unit that the extents have
 * @throws ManifestDamaged when they are none, or go beyond
 */
export function extentsUpTo(of: string, text: string, end: number): ExtentSet {
  try {
    const extents = ExtentSet.of(decodeExtents(text));
    const [beyond] = extents.intersect(end, Number.MAX_SAFE_INTEGER);
    if (!beyond) return extents;
    throw new RangeError(`extents up to ${beyond.end}, and it ends at ${end}`);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new LeewardError("ManifestDamaged", `${of}: ${error.message}`, error);
  }
}
