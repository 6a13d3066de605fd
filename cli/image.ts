import { type FileHandle, open } from "node:fs/promises";
import { DIGEST_BYTES, type Digest } from "../engine/core/digest.ts";
import { LeewardError, messageOf } from "../engine/core/errors.ts";
import type { ExtentSet } from "../engine/core/extent.ts";
import { BLOCK, type Bytes, type DiskIndex, bytes } from "../engine/core/units.ts";
import { TreeStream } from "../engine/journal/tree-stream.ts";
import type { Sheet } from "../engine/replication/block-space.ts";
import { DigestGathering } from "../engine/replication/digest-gathering.ts";
import {
  type DigestsRequest,
  type DiskReader,
  differingBlocks,
  digestPieces,
} from "../engine/replication/verify.ts";
import { ProgressBar } from "./progress-bar.ts";
import { withScratch } from "./scratch.ts";

/** Calls with a reader of the image; what is behind the end of a short file reads as zeros. @throws DiskUnreadable */
async function withImage<Result>(path: string, use: (read: DiskReader) => Promise<Result>): Promise<Result> {
  const file = await open(path).catch((error: unknown) => {
    throw new LeewardError("DiskUnreadable", `${path}: ${messageOf(error)}`, error);
  });
  try {
    return await use((offset, length) => readAll(file, offset, length));
  } finally {
    await file.close();
  }
}

async function readAll(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const data = Buffer.alloc(length);
  for (let done = 0; done < length;) {
    const { bytesRead } = await file.read(data, done, length - done, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return data;
}

/** The root of its digest tree, as that of a disk of this size. Draws a progress bar. */
export async function rootOfImage(path: string, size: Bytes): Promise<Digest> {
  const bar = new ProgressBar("Verifying");
  try {
    return await withImage(path, async (read) => {
      const tree = new TreeStream(size);
      for await (const { end, digests } of digestPieces(read, size)) {
        tree.pushAll(digests);
        bar.show(end, size, end);
      }
      return tree.root();
    });
  } finally {
    bar.clear();
  }
}

/** Blocks of an image that are not what they should be. */
export interface DifferingBlocks {
  readonly count: number;
  /** The first of them, ascending. */
  readonly first: readonly number[];
}

export interface ImageRequest extends DigestsRequest {
  readonly path: string;
  readonly disk: { readonly index: DiskIndex; readonly size: Bytes };
  /** Blocks that may differ. */
  readonly except?: ExtentSet | undefined;
  /** How many of them are named. */
  readonly most: number;
}

/**
 * Compares the image, block by block, with what the source had of the disk at the point. Draws a progress bar.
 * @throws DiskUnreadable; what gathering the digests throws
 */
export function differingInImage(s: ImageRequest): Promise<DifferingBlocks> {
  const { objects, key, point } = s;
  return withScratch((scratch) =>
    withImage(s.path, async (read) => {
      const gathering = new DigestGathering({ objects, key, point, scratch, use: "image" });
      await gathering.walk(() => false);
      const found = { count: 0, first: new Array<number>() };
      const bar = new ProgressBar("Comparing");
      const sink = {
        put: (sheet: Sheet, digests: Uint8Array) => compareSheet(s, { read, bar, sheet, digests }, found),
      };
      await gathering.order(sink, () => false).finally(() => bar.clear());
      return found;
    }),
  );
}

interface SheetOfImage {
  readonly read: DiskReader;
  readonly bar: ProgressBar;
  readonly sheet: Sheet;
  readonly digests: Uint8Array;
}

async function compareSheet(
  { disk: { index, size }, except, most }: ImageRequest,
  { read, bar, sheet, digests }: SheetOfImage,
  found: { count: number; first: number[] },
): Promise<void> {
  if (sheet.disk.index !== index) return;
  const from = bytes(sheet.first * BLOCK);
  const length = bytes(Math.min(sheet.end * BLOCK, size) - from);
  const within: DiskReader = (offset, some) => read(bytes(from + offset), some);
  for await (const { first, end, digests: own } of digestPieces(within, length)) {
    const wanted = digests.subarray(first * DIGEST_BYTES, first * DIGEST_BYTES + own.length);
    for (const n of differingBlocks(own, wanted)) {
      const block = sheet.first + first + n;
      if (except?.gaps(block, block + 1).length === 0) continue;
      if (found.count++ < most) found.first.push(block);
    }
    bar.show(from + end, size, from + end);
  }
}
