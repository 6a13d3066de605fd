import { DIGEST_BYTES } from "../core/digest.ts";
import { mapInOrder } from "../core/in-order.ts";
import { BLOCK, type Bytes, type DiskIndex, MIB, bytes } from "../core/units.ts";
import { zeroDigests } from "../journal/digest-tree.ts";
import type { BaseDigests } from "./base-digests.ts";
import type { SizedDisk } from "./blocks.ts";
import { type Run, isZero } from "./run.ts";
import { type Window, windowsFrom } from "./seed-windows.ts";
import { type DiskReader, differingBlocks, digestsOf } from "./verify.ts";

/** A disk that is there, and how it is read: a managed disk, a snapshot, a file. */
export interface SeedDisk extends SizedDisk {
  readonly read: DiskReader;
}

interface NamedBlocks {
  readonly blocks: number[];
  readonly digests: Uint8Array[];
}

/** What differs from the base, in the order of the disks. */
export interface Gathered {
  readonly runs: Run[];
  /** The blocks in `runs`, with their digests. */
  readonly named: Map<DiskIndex, NamedBlocks>;
  /** Windows before this one were compared. */
  readonly end: number;
  /** Bytes that were read. */
  readonly compared: number;
}

/** Read at once; a multiple of what `BaseDigests` compares. */
const PIECE_BLOCKS = (4 * MIB) / BLOCK;
const PARALLEL = 4;
/** In blocks. */
const LONGEST_RUN = MIB / BLOCK;

/** A part of a window. */
interface Piece {
  readonly window: Window<SeedDisk>;
  readonly first: number;
  readonly end: number;
  readonly data: Uint8Array;
}

/** Reads disks ahead, and compares them. Each block is read once: its digest is that of the bytes that are given with it. */
export class SeedReader {
  readonly #disks: readonly SeedDisk[];
  readonly #base: BaseDigests | undefined;
  #pieces: AsyncGenerator<Piece> | undefined;
  /** The window that they go on with. */
  #next = 0;

  constructor(disks: readonly SeedDisk[], base: BaseDigests | undefined) {
    this.#disks = disks;
    this.#base = base;
  }

  /** Whole windows from this one on, until `enough` bytes differ, or `most` were read. */
  async gather(from: number, enough: Bytes, most: number): Promise<Gathered> {
    if (this.#next !== from) await this.close();
    this.#next = from;
    this.#pieces ??= mapInOrder(piecesFrom(this.#disks, from), PARALLEL, read);
    const found: Gathered = { runs: [], named: new Map(), end: from, compared: 0 };
    let differing = 0;
    let { compared } = found;
    for (let whole = true; !whole || (differing < enough && compared < most);) {
      const { value: piece, done } = await this.#pieces.next();
      if (done === true || piece === undefined) break;
      differing += await this.#compare(piece, found);
      compared += piece.data.length;
      whole = piece.end === piece.window.end;
      if (whole) this.#next = piece.window.number + 1;
    }
    return { ...found, end: this.#next, compared };
  }

  /** Waits for what is being read. */
  async close(): Promise<void> {
    await this.#pieces?.return(undefined);
    this.#pieces = undefined;
  }

  /** Returns how many bytes differ. */
  async #compare({ window: { disk }, first, end, data }: Piece, { runs, named }: Gathered): Promise<number> {
    const digests = digestsOf(data);
    const differing = this.#base
      ? await this.#base.differing(disk, first, end, digests)
      : differingBlocks(digests, zeroDigests(bytes(data.length))).map((n) => first + n);
    if (differing.length === 0) return 0;
    const known = named.get(disk.index) ?? { blocks: [], digests: [] };
    named.set(disk.index, known);
    for (const block of differing) {
      const n = (block - first) * DIGEST_BYTES;
      known.blocks.push(block);
      known.digests.push(digests.subarray(n, n + DIGEST_BYTES));
    }
    const found = runsAmong(differing, disk.index, (block) => {
      const at = (block - first) * BLOCK;
      return data.subarray(at, at + BLOCK);
    });
    runs.push(...found);
    return found.reduce((sum, { length }) => sum + length, 0);
  }
}

/** Blocks side by side as runs, each a copy: what was read is let go. */
function runsAmong(
  blocks: readonly number[],
  disk: DiskIndex,
  contentOf: (block: number) => Uint8Array,
): Run[] {
  const runs: Run[] = [];
  for (let i = 0; i < blocks.length;) {
    const start = blocks[i] ?? 0;
    const zero = isZero(contentOf(start));
    const parts: Uint8Array[] = [];
    for (let next = start; blocks[i] === next && parts.length < LONGEST_RUN; i++, next++) {
      const content = contentOf(next);
      if (isZero(content) !== zero) break;
      parts.push(content);
    }
    const length = bytes(parts.reduce((sum, part) => sum + part.length, 0));
    runs.push({ disk, offset: bytes(start * BLOCK), length, data: zero ? undefined : Buffer.concat(parts) });
  }
  return runs;
}

function* piecesFrom(disks: readonly SeedDisk[], from: number): Generator<Omit<Piece, "data">> {
  for (const window of windowsFrom(disks, from))
    for (let { first } = window; first < window.end; first += PIECE_BLOCKS)
      yield { window, first, end: Math.min(first + PIECE_BLOCKS, window.end) };
}

async function read(piece: Omit<Piece, "data">): Promise<Piece> {
  const { disk } = piece.window;
  const offset = bytes(piece.first * BLOCK);
  const length = bytes(Math.min(piece.end * BLOCK, disk.size) - offset);
  const data = await disk.read(offset, length);
  if (data.length !== length)
    throw new RangeError(`disk ${disk.index}: ${data.length} bytes from ${offset} on, not ${length}`);
  return { ...piece, data };
}
