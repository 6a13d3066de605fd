import { join } from "node:path";
import { type Bytes, type DiskIndex, KIB, bytes, diskIndex } from "../engine/core/units.ts";
import type { Disk } from "./disk.ts";
import type { Files } from "./files.ts";
import { KeptBitmap } from "./kept-bitmap.ts";

/** Finer costs memory (8 MiB for each TiB of disk as it is), coarser costs bytes of guests that write 4 KiB at random. */
const UNIT = 16 * KIB;
/** A longer reference would be copied as a whole when one byte of it is overwritten. */
const LONGEST = 256 * KIB;

export interface Place {
  readonly disk: DiskIndex;
  readonly offset: Bytes;
  readonly length: Bytes;
}

/**
 * Where the disks changed while the journal was not told, in units of 16 KiB. Each change is in a file when `add` returns,
 * and so in the page cache before the disk changes: a killed process knows it.
 */
export class Unrecorded {
  readonly #sizes: readonly Bytes[];
  readonly #units: readonly KeptBitmap[];

  /** Goes on with what the files in the directory say. @throws the file system's error */
  constructor(files: Files, directory: string, disks: readonly Pick<Disk, "size">[]) {
    this.#sizes = disks.map(({ size }) => size);
    this.#units = this.#sizes.map((size, index) => {
      const path = join(directory, `disk${String(index).padStart(2, "0")}.merged`);
      return new KeptBitmap(files, path, Math.ceil(size / UNIT));
    });
  }

  /** At most so much will be recorded. */
  get bytes(): Bytes {
    return bytes(this.#units.reduce((sum, { numbers }) => sum + numbers.count * UNIT, 0));
  }

  /** @throws the file system's error */
  add({ disk, offset, length }: Place): void {
    const units = this.#units[disk];
    const end = Math.ceil((offset + length) / UNIT);
    for (let unit = Math.floor(offset / UNIT); unit < end; unit++)
      if (!units?.numbers.has(unit)) units?.add(unit);
    units?.save();
  }

  /** By disk, ascending, neighbours together. */
  *places(): Generator<Place> {
    for (const [index, { numbers }] of this.#units.entries()) {
      const size = this.#sizes[index] ?? 0;
      let run: { start: number; end: number } | undefined;
      const place = ({ start, end }: { start: number; end: number }): Place => ({
        disk: diskIndex(index),
        offset: bytes(start),
        length: bytes(Math.min(end, size) - start),
      });
      for (const unit of numbers) {
        const start = unit * UNIT;
        if (run?.end === start && start - run.start < LONGEST) run.end = start + UNIT;
        else {
          if (run) yield place(run);
          run = { start, end: start + UNIT };
        }
      }
      if (run) yield place(run);
    }
  }

  /** @throws the file system's error */
  clear(): void {
    for (const units of this.#units) units.clear();
  }

  close(): void {
    for (const units of this.#units) units.close();
  }
}
