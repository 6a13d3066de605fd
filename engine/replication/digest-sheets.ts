import { setImmediate } from "node:timers/promises";
import { DIGEST_BYTES } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";
import type { Gathering } from "../journal/gathering-document.ts";
import { TreeStream } from "../journal/tree-stream.ts";
import { type BlockSpace, type Sheet, zerosOf } from "./block-space.ts";
import type { DigestRun } from "./digest-runs.ts";
import type { WalkPoint } from "./digest-walk.ts";

/** Takes digests that are in order. */
export interface DigestSink {
  /** @param digests of all blocks of the sheet, 32 bytes each; used again afterwards */
  put(sheet: Sheet, digests: Uint8Array): Promise<void>;
}

/** How far runs were put in order. */
export type Ordered = Omit<NonNullable<Gathering["order"]>, "parts">;

interface SheetsRequest {
  readonly space: BlockSpace;
  /** Newest first: of two digests of a block the one in the earlier run holds. */
  readonly runs: readonly DigestRun[];
  readonly from?: Ordered | undefined;
  readonly sink: DigestSink | undefined;
  /** Its roots are compared with those that the digests give; none when not all blocks were gathered. */
  readonly roots: WalkPoint | undefined;
  /** Asked behind each sheet. */
  readonly enough: () => boolean;
}

/**
 * Puts runs of digests in order, 64 GiB of disk at a time, in memory of 32 MiB and a part of each run.
 * @returns how far it came; undefined when all is done
 * @throws ManifestDamaged when the digests of a disk do not give its root; KeptLost; what the sink throws
 */
export async function orderDigests(s: SheetsRequest): Promise<Ordered | undefined> {
  const { sheets } = s.space;
  let tree = s.from?.tree;
  for (let n = s.from?.sheets ?? 0; n < sheets.length; n++) {
    const sheet = sheets[n];
    if (!sheet) break;
    const digests = await filled(sheet, s.runs);
    await s.sink?.put(sheet, digests);
    const isLast = sheets[n + 1]?.disk !== sheet.disk;
    if (s.roots) tree = grown(s.roots, sheet, digests, sheet.nth === 0 ? undefined : tree, isLast);
    // Of disks that hold nothing there is nothing to wait for.
    await setImmediate();
    if (n + 1 < sheets.length && s.enough()) return { sheets: n + 1, tree: tree ?? [] };
  }
  return undefined;
}

async function filled(sheet: Sheet, runs: readonly DigestRun[]): Promise<Uint8Array> {
  const { from, first, end } = sheet;
  const digests = zerosOf(sheet);
  for (const run of runs.toReversed())
    await run.visit(from, from + end - first, (address, digest) =>
      digests.set(digest, (address - from) * DIGEST_BYTES),
    );
  return digests;
}

/** @returns the state of the disk's tree @throws ManifestDamaged */
function grown(
  { machine, id, disks }: WalkPoint,
  { disk: { index, size }, first }: Sheet,
  digests: Uint8Array,
  before: readonly string[] | undefined,
  isLast: boolean,
): string[] {
  const tree = new TreeStream(size, first, before);
  tree.pushAll(digests);
  if (!isLast) return tree.state;
  const found = tree.root();
  const root = disks.find((disk) => disk.index === index)?.root;
  if (found === root) return [];
  throw new LeewardError(
    "ManifestDamaged",
    `the digests of disk ${index} in the journal of ${machine} give root ${found}; point ${id} says ${root}`,
  );
}
