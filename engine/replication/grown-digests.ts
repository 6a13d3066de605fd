import { DIGEST_BYTES } from "../core/digest.ts";
import { ExtentSet } from "../core/extent.ts";
import { BLOCK, type DiskIndex } from "../core/units.ts";
import { blockCount, zeroDigests } from "../journal/digest-tree.ts";
import type { Blocks, SizedDisk } from "./blocks.ts";
import type { BlockDigests } from "./digest-walk.ts";

/**
 * What a point holds, for its disks as they are now: what came behind the end of one is zeros, since a disk that has grown
 * reads so until it is written.
 * @param held at the point, for disks of the sizes `before`
 * @returns with the blocks that the old end went through: their digests are of a shorter block, and say nothing of a whole one
 */
export function grownDigests(
  disks: readonly SizedDisk[],
  before: readonly SizedDisk[],
  held: BlockDigests,
): { readonly digests: BlockDigests; readonly cut: Blocks } {
  const digests = new Map<DiskIndex, Uint8Array>();
  const cut = new Map<DiskIndex, ExtentSet>();
  for (const { index, size } of disks) {
    const old = before.find((disk) => disk.index === index)?.size ?? size;
    const known = held.get(index) ?? zeroDigests(old);
    cut.set(index, new ExtentSet());
    if (old === size) {
      digests.set(index, known);
      continue;
    }
    const grown = Uint8Array.from(zeroDigests(size));
    const whole = Math.floor(old / BLOCK);
    grown.set(known.subarray(0, whole * DIGEST_BYTES));
    digests.set(index, grown);
    if (whole < blockCount(old)) cut.get(index)?.add(whole, whole + 1);
  }
  return { digests, cut };
}
