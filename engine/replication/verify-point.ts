import { setImmediate } from "node:timers/promises";
import { DIGEST_BYTES } from "../core/digest.ts";
import type { JournalPosition } from "../journal/position.ts";
import type { PageStore } from "../storage/store.ts";
import { type Blocks, type FoundBlock, countOf, noBlocks, unionOf } from "./blocks.ts";
import type { Checkpoint } from "./checkpoints.ts";
import type { BlockDigests } from "./digest-walk.ts";
import { journalBlocks } from "./journal-blocks.ts";
import { type DigestsRequest, type NamedBlocks, type Since, namedBlocks } from "./named-blocks.ts";
import { replicaBlocks } from "./replica-blocks.ts";

export interface VerifyRequest extends DigestsRequest {
  /** The newest point of the generation that was verified on the same road; everything is compared without it. */
  readonly since?: Since | undefined;
  /** Blocks to compare besides those that changed since. */
  readonly scrub?: Blocks | undefined;
  /** Reads the replica's snapshots of the point; the journal is rebuilt without it. */
  readonly replica?: { readonly pages: PageStore; readonly checkpoint: Checkpoint } | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called first when it is known how many blocks are to be compared, and then as they are: see `BLOCKS_IN_TURN`. */
  readonly onProgress?: ((compared: number, blocks: number) => void) | undefined;
}

export interface Verified {
  /** How many blocks were compared. */
  readonly compared: number;
  /** Those that are not what the source had. */
  readonly wrong: Blocks;
  /** Where the next verification begins, with the point's id. */
  readonly scanned: JournalPosition;
}

/**
 * Compares what a failover to the point would give with the digests that the source took at its barrier: the blocks that
 * changed since, and those of the scrub. What it reads of the journal is checked and chained on the way; with a scrub,
 * or without `since`, the digests are held against the roots in the manifest. Everything is compared, as without `since`,
 * when layers have replaced segments that came behind it.
 * @throws ManifestDamaged, SegmentMissing, SegmentDamaged, LayerDamaged, LayerVersionUnknown, ChainBroken, KeyWrong;
 *   NotFound when a snapshot is gone; the signal's reason
 */
export async function verifyPoint(s: VerifyRequest): Promise<Verified> {
  const { blocks, digests, scanned } = await blocksToCompare(s);
  const found = s.replica ? replicaBlocks({ ...s.replica, blocks }) : journalBlocks({ ...s, blocks });
  const { onProgress } = s;
  const all = countOf(blocks);
  onProgress?.(0, all);
  const onCompared = onProgress && ((compared: number) => onProgress(compared, all));
  return { ...(await compareBlocks({ ...s, onCompared }, found, digests)), scanned };
}

/** Those that changed since, and those of the scrub. @throws as `namedBlocks` */
export async function blocksToCompare(s: VerifyRequest): Promise<NamedBlocks> {
  const { point, scrub } = s;
  const scrubs = scrub !== undefined && countOf(scrub) > 0;
  const named = await namedBlocks({ ...s, whole: scrubs });
  return scrubs ? { ...named, blocks: unionOf(point.disks, [named.blocks, scrub]) } : named;
}

/** Takes the blocks as they are found. @throws the signal's reason, and what finding them throws */
export async function compareBlocks(
  {
    point,
    signal,
    onCompared,
  }: Pick<VerifyRequest, "point" | "signal"> & {
    readonly onCompared?: ((compared: number) => void) | undefined;
  },
  found: AsyncIterable<FoundBlock>,
  digests: BlockDigests,
): Promise<Omit<Verified, "scanned">> {
  const wrong = noBlocks(point.disks);
  let compared = 0;
  for await (const each of found) {
    signal?.throwIfAborted();
    if (++compared % BLOCKS_IN_TURN === 0) {
      onCompared?.(compared);
      await setImmediate();
    }
    if (!isAsNamed(each, digests)) wrong.get(each.disk)?.add(each.block, each.block + 1);
  }
  onCompared?.(compared);
  return { compared, wrong };
}

/** Then everybody else in the process has a turn: blocks of zeros come without any wait of their own. */
const BLOCKS_IN_TURN = 1024;

function isAsNamed({ disk, block, digest }: FoundBlock, digests: BlockDigests): boolean {
  const wanted = digests.get(disk)?.subarray(block * DIGEST_BYTES, (block + 1) * DIGEST_BYTES);
  return wanted !== undefined && Buffer.compare(wanted, digest) === 0;
}
