import { hash } from "node:crypto";
import { ExtentSet } from "../core/extent.ts";
import { BLOCK, bytes } from "../core/units.ts";
import { type AddressWindow, blocksIn } from "./address-space.ts";
import { blockLength, zeroDigest } from "./blocks.ts";
import type { Run } from "./run.ts";

/** Of one window: what a layer holds of it, and what the source said of its blocks. */
export interface MergedWindow {
  readonly window: AddressWindow;
  /** Ascending. */
  readonly runs: readonly Run[];
  /** Of blocks by number, as they are at the layer's end. */
  readonly digests: ReadonlyMap<number, NamedDigest>;
}

export interface NamedDigest {
  readonly digest: Uint8Array;
  /** The layer names it, and not only what lies under it. */
  readonly own: boolean;
}

/** What the block is at the layer's end; no barrier has named what is all zeros. */
export const digestIn = ({ window, digests }: MergedWindow, block: number): Uint8Array =>
  digests.get(block)?.digest ?? zeroDigest(blockLength(window.size, block));

/**
 * The blocks that differ from what the source said: of those that the layer holds whole, or of all when nothing lies under
 * it, so that what it does not hold is zero.
 */
export function wrongBlocks(merged: MergedWindow, grounded: boolean): number[] {
  const { window, runs } = merged;
  const held = ExtentSet.of(runs.map(({ offset, length }) => ({ start: offset, end: offset + length })));
  const data = runs.some((run) => run.data) ? imageOf(merged) : undefined;
  const wrong: number[] = [];
  const { first, end } = blocksIn(window);
  for (let block = first; block < end; block++) {
    const start = block * BLOCK;
    const length = blockLength(window.size, block);
    const covered = held
      .intersect(start, start + length)
      .reduce((sum, part) => sum + part.end - part.start, 0);
    if (covered < length && !grounded) continue;
    const at = start - window.start;
    const found =
      data && covered > 0 ? hash("sha256", data.subarray(at, at + length), "buffer") : zeroDigest(length);
    if (Buffer.compare(found, digestIn(merged, block)) !== 0) wrong.push(block);
  }
  return wrong;
}

function imageOf({ window, runs }: MergedWindow): Buffer {
  const image = Buffer.alloc(bytes(window.end - window.start));
  for (const { data, offset } of runs) if (data) image.set(data, offset - window.start);
  return image;
}
