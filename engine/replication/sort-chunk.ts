import type { ExtentSet } from "../core/extent.ts";
import { type DiskIndex, diskIndex } from "../core/units.ts";
import type { DigestsRecord, WriteRecord } from "../journal/record.ts";
import { DIGEST_BYTES } from "../core/digest.ts";
import type { SizedDisk } from "./blocks.ts";
import { claim, emptyCoverage } from "./merge.ts";
import { type Run, runsOf } from "./run.ts";
import type { SortedWriter } from "./sorted-writer.ts";

const DISK_SHIFT = 2 ** 40;
/** What a piece, and what a digest, weigh in memory besides their bytes. */
const PIECE_BYTES = 200;
const DIGEST_WEIGHT = 128;

/** As much of the journal as fits into memory, to be sorted there: of each byte the newest value, of each block the newest digest. */
export class SortChunk {
  readonly #covered: ReadonlyMap<DiskIndex, ExtentSet>;
  #pieces: Run[] = [];
  readonly #digests = new Map<number, Uint8Array>();
  #held = 0;

  constructor(disks: readonly SizedDisk[]) {
    this.#covered = emptyCoverage(disks);
  }

  /** Bytes of memory. */
  get held(): number {
    return this.#held;
  }

  /** Newest first. */
  write(record: WriteRecord): void {
    for (const piece of claim(record, this.#covered.get(record.disk))) {
      // A view would keep the whole body of its segment in memory.
      const data = piece.data && Buffer.from(piece.data);
      this.#pieces.push({ ...piece, data });
      this.#held += PIECE_BYTES + (data?.length ?? 0);
    }
  }

  /** Newest first. */
  digest({ disk, blocks, digests }: DigestsRecord): void {
    for (const [i, block] of blocks.entries()) {
      const key = disk * DISK_SHIFT + block;
      if (this.#digests.has(key)) continue;
      this.#digests.set(key, Uint8Array.from(digests.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES)));
      this.#held += DIGEST_WEIGHT;
    }
  }

  /** Gives everything away in the order of the disks. */
  async drain(to: SortedWriter): Promise<void> {
    for (const run of runsOf(this.#pieces)) await to.put(run);
    for (const [key, digest] of [...this.#digests].toSorted(([a], [b]) => a - b))
      await to.mark(diskIndex(Math.floor(key / DISK_SHIFT)), key % DISK_SHIFT, digest);
    await to.close();
    this.#pieces = [];
  }
}
