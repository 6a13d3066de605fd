import { ExtentSet } from "../core/extent.ts";
import { DIGEST_BYTES } from "../core/digest.ts";
import { BLOCK } from "../core/units.ts";
import { blockCount } from "../journal/digest-tree.ts";
import { BlockSpace, type Sheet, zerosOf } from "./block-space.ts";
import type { Blocks, SizedDisk } from "./blocks.ts";
import type { DigestSink } from "./digest-sheets.ts";

/**
 * Hands on what a point holds, for the disks as they are now: what came behind the end of one is zeros, since a disk that has
 * grown reads so until it is written; one that is not in the set any more is passed over.
 */
export class GrownDigests implements DigestSink {
  readonly #sheets: readonly Sheet[];
  readonly #to: DigestSink;

  /** @param disks as they are now, each at least as large as it was if the point has it */
  constructor(disks: readonly SizedDisk[], to: DigestSink) {
    this.#sheets = new BlockSpace(disks).sheets;
    this.#to = to;
  }

  /** @param sheet of a disk as it was */
  async put(sheet: Sheet, digests: Uint8Array): Promise<void> {
    const { index, size: old } = sheet.disk;
    const own = this.#sheets.filter(({ disk }) => disk.index === index);
    const same = own[sheet.nth];
    if (!same) return;
    if (same.disk.size === old) return this.#to.put(sheet, digests);
    await this.#to.put(same, grown(same, old, digests));
    if (sheet.end < blockCount(old)) return;
    for (const behind of own.slice(sheet.nth + 1)) await this.#to.put(behind, zerosOf(behind));
  }
}

/** Of disks that the point does not have: they are compared with nothing, and so copied. */
export async function putNewDisks(
  disks: readonly SizedDisk[],
  before: readonly SizedDisk[],
  to: DigestSink,
): Promise<void> {
  const added = disks.filter(({ index }) => !before.some((disk) => disk.index === index));
  for (const sheet of new BlockSpace(added).sheets) await to.put(sheet, zerosOf(sheet));
}

/** The block that the old end went through has the digest of a shorter one: see `cutBlocks`. */
function grown(sheet: Sheet, old: number, digests: Uint8Array): Uint8Array {
  const all = zerosOf(sheet);
  const whole = Math.min(Math.floor(old / BLOCK), sheet.end) - sheet.first;
  all.set(digests.subarray(0, whole * DIGEST_BYTES));
  return all;
}

/** Blocks that the old end of a grown disk went through: what is known of them says nothing of a whole one. */
export const cutBlocks = (disks: readonly SizedDisk[], before: readonly SizedDisk[]): Blocks =>
  new Map(
    disks.map(({ index, size }) => {
      const old = before.find((disk) => disk.index === index)?.size ?? size;
      const cut = Math.floor(old / BLOCK);
      return [index, ExtentSet.of(old < size && old % BLOCK > 0 ? [{ start: cut, end: cut + 1 }] : [])];
    }),
  );
