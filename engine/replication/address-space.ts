import { BLOCK, type Bytes, type DiskIndex, MIB, bytes } from "../core/units.ts";
import type { SizedDisk } from "./blocks.ts";

/** What is merged at a time: as long as one page write, and a whole number of blocks. */
const WINDOW = 4 * MIB;

/** A piece of one disk: [start, end) of its bytes. */
export interface AddressWindow {
  readonly disk: DiskIndex;
  readonly size: Bytes;
  readonly start: Bytes;
  readonly end: Bytes;
  /** In the space: of the window's first byte, and of the next window's. */
  readonly from: number;
  readonly next: number;
}

/** All disks of a machine one behind the other, each beginning at a window of its own. */
export class AddressSpace {
  readonly #disks: readonly (SizedDisk & { readonly base: number })[];

  /** @param disks ascending by index */
  constructor(disks: readonly SizedDisk[]) {
    let base = 0;
    this.#disks = disks.map(({ index, size }) => {
      const disk = { index, size, base };
      base += Math.ceil(size / WINDOW) * WINDOW;
      return disk;
    });
  }

  /** False for a disk that an older generation had. */
  has(disk: DiskIndex): boolean {
    return this.#disks.some(({ index }) => index === disk);
  }

  /** @throws RangeError for a disk that there is not */
  addressOf(disk: DiskIndex, offset: number): number {
    const found = this.#disks.find(({ index }) => index === disk);
    if (found) return found.base + offset;
    throw new RangeError(`there is no disk ${disk}`);
  }

  /** Which disk the address lies on, by its place among them, and how many of its blocks lie before; undefined behind the last. */
  diskAt(
    address: number,
  ): { readonly nth: number; readonly size: Bytes; readonly blocks: number } | undefined {
    const nth = this.#disks.findLastIndex(({ base }) => base <= address);
    const found = this.#disks[nth];
    if (!found || address - found.base >= Math.ceil(found.size / WINDOW) * WINDOW) return undefined;
    return { nth, size: found.size, blocks: (address - found.base) / BLOCK };
  }

  /** The window that the address lies in; undefined behind the last disk. */
  windowAt(address: number): AddressWindow | undefined {
    const found = this.#disks.findLast(({ base }) => base <= address);
    const start = found ? Math.floor((address - found.base) / WINDOW) * WINDOW : 0;
    if (!found || start >= found.size) return undefined;
    const from = found.base + start;
    const end = bytes(Math.min(start + WINDOW, found.size));
    return { disk: found.index, size: found.size, start: bytes(start), end, from, next: from + WINDOW };
  }
}

/** Numbers of the blocks that the window holds. */
export const blocksIn = ({
  start,
  end,
}: AddressWindow): { readonly first: number; readonly end: number } => ({
  first: start / BLOCK,
  end: Math.ceil(end / BLOCK),
});
