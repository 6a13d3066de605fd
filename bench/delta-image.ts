import { type FileHandle, open, rm } from "node:fs/promises";
import path from "node:path";
import { ExtentSet } from "../engine/core/extent.ts";
import { GIB, KIB, MIB } from "../engine/core/units.ts";
import { osFiles } from "./journal.ts";

export interface ChangedImage {
  /** As it was, and as it is. */
  readonly before: string;
  readonly after: string;
  readonly size: number;
  readonly used: number;
  /** Ascending; they do not touch. */
  readonly extents: readonly { readonly start: number; readonly end: number }[];
  readonly changed: number;
}

const USED = 512 * MIB;
const FILES = 192 * MIB;

/** A GiB, half of it used, in which a database, a log and an update have written. Both files are sparse. */
export async function makeImages(directory: string): Promise<ChangedImage> {
  const files = osFiles(FILES);
  const before = path.join(directory, "before.img");
  const after = path.join(directory, "after.img");
  const changes = new ExtentSet();
  let random = 11;
  const anywhere = (length: number) => {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((random / 2 ** 32) * ((USED - length) / length)) * length;
  };
  for (let n = 0; n < 512; n++) add(changes, anywhere(64 * KIB), 64 * KIB);
  for (let n = 0; n < 2048; n++) add(changes, anywhere(4 * KIB), 4 * KIB);
  add(changes, 300 * MIB, 24 * MIB);
  for (const file of [before, after]) {
    await rm(file, { force: true });
    const handle = await open(file, "w");
    await handle.truncate(GIB);
    await fill(handle, files, USED);
    if (file === after)
      for (const { start, end } of changes)
        await handle.write(other(files, start, end), 0, end - start, start);
    await handle.sync();
    await handle.close();
  }
  return { before, after, size: GIB, used: USED, extents: [...changes], changed: changes.total };
}

const add = (set: ExtentSet, start: number, length: number) => set.add(start, start + length);

/** The files again and again, each time moved by a few bytes, so that no block is there twice. */
async function fill(handle: FileHandle, files: Buffer, length: number): Promise<void> {
  for (let at = 0, round = 0; at < length; round++) {
    const part = files.subarray(round * 17, Math.min(files.length, round * 17 + length - at));
    await handle.write(part, 0, part.length, at);
    at += part.length;
  }
}

/** What compresses as the rest does and is elsewhere in the image only by chance. */
function other(files: Buffer, start: number, end: number): Buffer {
  const at = (start * 7 + 1234) % (files.length - (end - start));
  const data = Buffer.from(files.subarray(at, at + end - start));
  for (let i = 0; i < data.length; i += 512) data.writeUInt32LE(start + i, i);
  return data;
}
