import { BLOCK, type DiskIndex, bytes } from "../core/units.ts";
import { blockCount, zeroDigests } from "../journal/digest-tree.ts";
import type { SizedDisk } from "./blocks.ts";

/** Blocks of a disk whose digests are looked at together: 64 GiB of disk, 32 MiB of digests; a whole number of tree nodes. */
export const SHEET = 2 ** 20;

/** A part of one disk: its blocks [first, end). */
export interface Sheet {
  readonly disk: SizedDisk;
  /** Among those of the disk. */
  readonly nth: number;
  readonly first: number;
  readonly end: number;
  /** Of block `first` in the space. */
  readonly from: number;
}

interface SpacedDisk extends SizedDisk {
  readonly base: number;
  readonly count: number;
}

/** The blocks of all disks of a machine, numbered one disk behind the other. */
export class BlockSpace {
  /** How many there are. */
  readonly total: number;
  readonly #disks: readonly SpacedDisk[];

  /** @param disks ascending by index */
  constructor(disks: readonly SizedDisk[]) {
    let base = 0;
    this.#disks = disks.map(({ index, size }) => {
      const disk = { index, size, base, count: blockCount(size) };
      base += disk.count;
      return disk;
    });
    this.total = base;
  }

  /** The disk's first block, and behind its last; undefined for a disk that there is not. */
  rangeOf(disk: DiskIndex): { readonly base: number; readonly count: number } | undefined {
    return this.#disks.find(({ index }) => index === disk);
  }

  /** @throws RangeError behind the last disk */
  placeOf(address: number): { readonly disk: SizedDisk; readonly block: number } {
    const found = this.#disks.findLast(({ base }) => base <= address);
    if (!found || address >= found.base + found.count) throw new RangeError(`there is no block ${address}`);
    return { disk: found, block: address - found.base };
  }

  get sheets(): Sheet[] {
    return this.#disks.flatMap((disk) =>
      Array.from({ length: Math.ceil(disk.count / SHEET) }, (_, nth) => {
        const first = nth * SHEET;
        return { disk, nth, first, end: Math.min(first + SHEET, disk.count), from: disk.base + first };
      }),
    );
  }
}

/** As if nothing had ever been written to these blocks: 32 bytes for each. */
export const zerosOf = ({ disk, first, end }: Pick<Sheet, "disk" | "first" | "end">): Uint8Array =>
  zeroDigests(bytes(Math.min(end * BLOCK, disk.size) - first * BLOCK));

/** At most so many blocks each. */
export const piecesOf = (
  { first, end }: Pick<Sheet, "first" | "end">,
  length: number,
): { readonly first: number; readonly end: number }[] =>
  Array.from({ length: Math.ceil((end - first) / length) }, (_, n) => ({
    first: first + n * length,
    end: Math.min(first + (n + 1) * length, end),
  }));
