import { NODE_BLOCKS, blockCount } from "../journal/digest-tree.ts";
import type { SizedDisk } from "./blocks.ts";

/** Blocks [first, end) of a disk, all those under one node of its digest tree: 16 MiB, or what is left of the disk. */
export interface Window<Disk extends SizedDisk> {
  /** Counted through all disks. */
  readonly number: number;
  readonly disk: Disk;
  readonly first: number;
  readonly end: number;
}

/** The windows of this number and behind it, one disk after the other. */
export function* windowsFrom<Disk extends SizedDisk>(
  disks: readonly Disk[],
  number: number,
): Generator<Window<Disk>> {
  let before = 0;
  for (const disk of disks) {
    const count = windowCount(disk);
    for (let n = Math.max(number - before, 0); n < count; n++) {
      const first = n * NODE_BLOCKS;
      const end = Math.min(first + NODE_BLOCKS, blockCount(disk.size));
      yield { number: before + n, disk, first, end };
    }
    before += count;
  }
}

export const windowsIn = (disks: readonly SizedDisk[]): number =>
  disks.reduce((sum, disk) => sum + windowCount(disk), 0);

/** The number of the window that the block lies in. @throws RangeError when there is no such block */
export function windowOf(disks: readonly SizedDisk[], index: SizedDisk["index"], block: number): number {
  let before = 0;
  for (const disk of disks) {
    if (disk.index === index && block < blockCount(disk.size))
      return before + Math.floor(block / NODE_BLOCKS);
    before += windowCount(disk);
  }
  throw new RangeError(`there is no block ${block} of disk ${index}`);
}

const windowCount = ({ size }: SizedDisk): number => Math.ceil(blockCount(size) / NODE_BLOCKS);
