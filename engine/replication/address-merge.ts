import { ExtentSet } from "../core/extent.ts";
import { BLOCK, bytes } from "../core/units.ts";
import type { AddressSpace, AddressWindow } from "./address-space.ts";
import { type Run, runsOf } from "./run.ts";
import type { PlacedWrite, SortedSource } from "./sorted-sources.ts";
import type { MergedWindow, NamedDigest } from "./window-proof.ts";

/**
 * What the sources hold together, window by window in the order of the disks: each byte with its newest value, each block
 * with its newest digest. Holds one part of each source, and one window. Windows that nobody has anything of are left out.
 * @param sources newest first
 * @throws what reading their parts throws
 */
export async function* mergeByAddress(
  sources: readonly SortedSource[],
  space: AddressSpace,
): AsyncGenerator<MergedWindow> {
  for (;;) {
    const heads = await Promise.all(
      sources.flatMap(({ writes, digests }) => [writes.head(), digests.head()]),
    );
    const known = heads.filter((head) => head !== undefined);
    const window = known.length > 0 ? space.windowAt(Math.min(...known)) : undefined;
    if (!window) return;
    yield await mergedIn(sources, window);
  }
}

async function mergedIn(sources: readonly SortedSource[], window: AddressWindow): Promise<MergedWindow> {
  const covered = new ExtentSet();
  const pieces: Run[] = [];
  const digests = new Map<number, NamedDigest>();
  for (const { writes, digests: named, below } of sources) {
    for (const write of await writes.take(window.next)) pieces.push(...claimed(write, window, covered));
    for (const { from, digest } of await named.take(window.next)) {
      const block = (window.start + from - window.from) / BLOCK;
      if (!digests.has(block)) digests.set(block, { digest, own: !below });
    }
  }
  return { window, runs: [...runsOf(pieces)], digests };
}

/** The parts of the write that lie in the window, and that no newer one covers. */
function claimed({ record }: PlacedWrite, window: AddressWindow, covered: ExtentSet): Run[] {
  const { disk, offset } = record;
  const length = record.kind === "data" ? record.data.length : record.length;
  const start = Math.max(offset, window.start);
  const end = Math.min(offset + length, window.end);
  return covered.claim(start, Math.max(start, end)).map((part) => ({
    disk,
    offset: bytes(part.start),
    length: bytes(part.end - part.start),
    data: record.kind === "data" ? record.data.subarray(part.start - offset, part.end - offset) : undefined,
  }));
}
