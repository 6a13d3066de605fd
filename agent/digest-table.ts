import { DIGEST_BYTES } from "../engine/core/digest.ts";
import { BLOCK, type Bytes, bytes } from "../engine/core/units.ts";
import { type Leaves, blockCount, zeroDigests } from "../engine/journal/digest-tree.ts";
import { type Files, type OpenFile, openOrMake } from "./files.ts";
import { ZEROS } from "./zero.ts";

const NONE = ZEROS.subarray(0, DIGEST_BYTES);

/**
 * The digests of all blocks of a disk, in a file: in memory they would take half a GiB for each TiB. A block of zeros
 * has no digest there, so the file of a young disk is as sparse as the disk. What was set is in the page cache, which
 * outlives this process but not the machine.
 */
export class DigestTable implements Leaves {
  readonly #file: OpenFile;
  readonly #blocks: number;
  /** Of a whole block of zeros, and of the disk's last block when it is zeros. */
  readonly #zero: Buffer;
  readonly #lastZero: Buffer;

  /** Makes the file when it is missing. @throws the file system's error, as all methods do */
  constructor(files: Files, path: string, size: Bytes) {
    this.#file = openOrMake(files, path);
    this.#blocks = blockCount(size);
    this.#zero = Buffer.from(zeroDigests(bytes(BLOCK)));
    this.#lastZero = Buffer.from(zeroDigests(bytes(size % BLOCK || BLOCK)));
  }

  read(first: number, end: number): Buffer {
    const digests = Buffer.alloc((end - first) * DIGEST_BYTES);
    const found = this.#file.read(digests, first * DIGEST_BYTES);
    for (let block = first; block < end; block++) {
      const at = (block - first) * DIGEST_BYTES;
      if (at < found && !NONE.equals(digests.subarray(at, at + DIGEST_BYTES))) continue;
      digests.set(block === this.#blocks - 1 ? this.#lastZero : this.#zero, at);
    }
    return digests;
  }

  set(first: number, digests: Uint8Array): void {
    const written = this.#file.write([digests], first * DIGEST_BYTES);
    if (written !== digests.length)
      throw new Error(`the table of digests took ${written} bytes of ${digests.length}`);
  }

  close(): void {
    this.#file.close();
  }
}
