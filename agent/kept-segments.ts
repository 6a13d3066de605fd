import type { Ordinal } from "../engine/core/units.ts";
import type { Files } from "./files.ts";
import { segmentFile } from "./spool.ts";

export interface KeptSegment {
  readonly ordinal: Ordinal;
  readonly size: number;
}

/**
 * Segments that are in the cache and not known to have arrived in the target. Until then the cache is their only home,
 * and a storage may lose or spoil what it has acknowledged, so the spool keeps them as long as it has room: they go, the oldest first,
 * when new writes need it.
 */
export class KeptSegments {
  readonly #files: Files;
  readonly #directory: string;
  /** Consecutive, up to the newest that is in the cache. */
  #segments: KeptSegment[];

  constructor(files: Files, directory: string, found: readonly KeptSegment[]) {
    this.#files = files;
    this.#directory = directory;
    this.#segments = [...found];
  }

  /** The oldest. */
  get from(): Ordinal | undefined {
    return this.#segments[0]?.ordinal;
  }

  /** Of their files. */
  get bytes(): number {
    return this.#segments.reduce((sum, { size }) => sum + size, 0);
  }

  find(ordinal: Ordinal): KeptSegment | undefined {
    return this.#segments.find((one) => one.ordinal === ordinal);
  }

  add(segment: KeptSegment): void {
    this.#segments.push(segment);
  }

  /** These have arrived. Returns the size of what was let go. */
  releaseBefore(arrived: Ordinal): number {
    return this.#drop((one) => one.ordinal < arrived);
  }

  /** Lets the oldest go until so many bytes are free; returns how many are. */
  makeRoom(size: number): number {
    let freed = 0;
    return this.#drop((one) => freed < size && (freed += one.size) > 0);
  }

  #drop(which: (segment: KeptSegment) => boolean): number {
    let freed = 0;
    while (this.#segments[0] && which(this.#segments[0])) {
      freed += this.#segments[0].size;
      this.#files.remove(segmentFile(this.#directory, this.#segments[0].ordinal));
      this.#segments.shift();
    }
    return freed;
  }
}
