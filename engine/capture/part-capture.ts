import { hash } from "node:crypto";
import { DIGEST_BYTES } from "../core/digest.ts";
import { ExtentSet } from "../core/extent.ts";
import { mapInOrder } from "../core/in-order.ts";
import { BLOCK, KIB, bytes } from "../core/units.ts";
import { blockLength, zeroDigest } from "../replication/blocks.ts";
import type { DiskPart } from "./captured-parts.ts";
import { endOf } from "./captured-parts.ts";
import { type ImageRange, type ImageReader, MOST_READ } from "./image.ts";

/** A range of a disk as it is in the image; null where it reads as zeros. */
export interface Piece {
  readonly offset: number;
  readonly length: number;
  readonly data: Buffer | null;
}

export interface PartRequest {
  readonly part: DiskPart;
  readonly reader: ImageReader;
  /** Digests of the part as the journal has it. */
  readonly before: Uint8Array;
  /** Every block is compared, and not only what the reader says has changed: it says where there are data. */
  readonly whole: boolean;
  /** Called with what differs, ascending; waits until it was taken. */
  readonly take: (piece: Piece) => Promise<void>;
}

/** A longer piece would make a long record; a shorter one many. */
const LONGEST = 256 * KIB;
/** Reads under way; each up to 4 MiB. */
const PARALLEL = 4;

/**
 * Reads what differs in a part of an image. Returns the digests of the part as the image has it.
 *
 * What a block holds is compared with its digest: one that was written and holds what it held is no change. Of one that
 * changed, the ranges go that are said to have changed, since a file system that writes 4 KiB here and there would otherwise
 * send sixteen times as much.
 */
export async function capturePart(s: PartRequest): Promise<Uint8Array> {
  const { part, reader } = s;
  const after = Uint8Array.from(s.before);
  const ranges = await reader.changes(bytes(part.first * BLOCK), endOf(part));
  const data = extentsOf(ranges.filter(({ cleared }) => !cleared));
  const changed = extentsOf(ranges);
  const pieces = new Joined(s.take);
  const run = { s, data, changed, after, pieces };
  for await (const { window, content } of mapInOrder(windowsOf(s, changed, data), PARALLEL, (window) =>
    contentOf(reader, window),
  ))
    for (let block = window.first; block < window.end; block++)
      await captureBlock(run, block, content?.subarray((block - window.first) * BLOCK) ?? null);
  await pieces.flush();
  return after;
}

const extentsOf = (ranges: readonly ImageRange[]): ExtentSet => ExtentSet.of(ranges);

/** Blocks [first, end), at most 4 MiB; `read` when any of them may hold data. */
interface Window {
  readonly first: number;
  readonly end: number;
  readonly offset: number;
  readonly length: number;
  readonly read: boolean;
}

const WINDOW_BLOCKS = MOST_READ / BLOCK;

/** Runs of blocks that are to be looked at; a run that holds data, or one that holds none. */
function* windowsOf({ part, whole }: PartRequest, changed: ExtentSet, data: ExtentSet): Generator<Window> {
  const kindOf = (block: number) => {
    const start = block * BLOCK;
    const end = start + blockLength(part.disk.size, block);
    if (data.intersect(start, end).length > 0) return "data";
    if (whole || changed.gaps(start, end).length === 0) return "zeros";
    // Partly cleared: the rest is as it was, and what it was is not known here.
    return changed.intersect(start, end).length > 0 ? "data" : "none";
  };
  let open: { first: number; kind: "data" | "zeros" } | undefined;
  for (let block = part.first; block <= part.end; block++) {
    const kind = block < part.end ? kindOf(block) : "none";
    if (open && (kind !== open.kind || block - open.first === WINDOW_BLOCKS)) {
      yield windowAt(part, open.first, block, open.kind === "data");
      open = undefined;
    }
    if (kind !== "none") open ??= { first: block, kind };
  }
}

const windowAt = ({ disk }: DiskPart, first: number, end: number, read: boolean): Window => ({
  first,
  end,
  offset: first * BLOCK,
  length: Math.min(end * BLOCK, disk.size) - first * BLOCK,
  read,
});

async function contentOf(reader: ImageReader, window: Window) {
  const { read, offset, length } = window;
  return { window, content: read ? await reader.read(bytes(offset), bytes(length)) : undefined };
}

interface Run {
  readonly s: PartRequest;
  readonly data: ExtentSet;
  readonly changed: ExtentSet;
  readonly after: Uint8Array;
  readonly pieces: Joined;
}

/** @param rest content from the block on; null when it reads as zeros */
async function captureBlock({ s, data, changed, after, pieces }: Run, block: number, rest: Buffer | null) {
  const { disk, first } = s.part;
  const length = blockLength(disk.size, block);
  const offset = block * BLOCK;
  const zeros = zeroDigest(length);
  const content = rest?.subarray(0, length) ?? null;
  const digest = content ? hash("sha256", content, "buffer") : zeros;
  const place = (block - first) * DIGEST_BYTES;
  if (Buffer.compare(digest, s.before.subarray(place, place + DIGEST_BYTES)) === 0) return;
  after.set(digest, place);
  if (!content || Buffer.compare(digest, zeros) === 0) return pieces.add({ offset, length, data: null });
  if (s.whole) return pieces.add({ offset, length, data: content });
  for (const { start, end } of changed.intersect(offset, offset + length))
    for (const one of split(data, start, end))
      await pieces.add({
        offset: one.start,
        length: one.end - one.start,
        data: one.data ? content.subarray(one.start - offset, one.end - offset) : null,
      });
}

/** Where there are data in the range, and where none. */
function* split(data: ExtentSet, start: number, end: number) {
  let at = start;
  for (const inside of data.intersect(start, end)) {
    if (at < inside.start) yield { start: at, end: inside.start, data: false };
    yield { ...inside, data: true };
    at = inside.end;
  }
  if (at < end) yield { start: at, end, data: false };
}

/** Joins pieces that touch: zeros without end, data up to a length. */
class Joined {
  readonly #take: PartRequest["take"];
  #open: { offset: number; length: number; data: Buffer[] | null } | undefined;

  constructor(take: PartRequest["take"]) {
    this.#take = take;
  }

  async add({ offset, length, data }: Piece): Promise<void> {
    const open = this.#open;
    if (open && open.offset + open.length === offset && (open.data === null) === (data === null)) {
      if (data === null || open.length + length <= LONGEST) {
        open.length += length;
        if (data) open.data?.push(data);
        return;
      }
    }
    await this.flush();
    this.#open = { offset, length, data: data && [data] };
  }

  async flush(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    if (!open) return;
    const { offset, length, data } = open;
    await this.#take({ offset, length, data: data && joined(data) });
  }
}

const joined = (parts: readonly Buffer[]): Buffer =>
  parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
