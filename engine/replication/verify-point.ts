import { setImmediate } from "node:timers/promises";
import type { JournalPosition } from "../journal/position.ts";
import type { ObjectStore, PageStore } from "../storage/store.ts";
import { BlockSpace } from "./block-space.ts";
import { type Blocks, type FoundBlock, allBlocks, countOf, noBlocks, unionOf } from "./blocks.ts";
import type { Checkpoint } from "./checkpoints.ts";
import { DigestChunk } from "./digest-chunk.ts";
import { DigestGathering, type GatherRequest, dropGathered } from "./digest-gathering.ts";
import { journalBlocks } from "./journal-blocks.ts";
import { DigestsWriter, HeldDigests, type KnownDigests, StoredDigests } from "./known-digests.ts";
import { replicaBlocks } from "./replica-blocks.ts";

/** With `since`: the newest point of the generation that was verified on the same road; everything is compared without it. */
export interface VerifyRequest extends Omit<GatherRequest, "scratch" | "use" | "whole"> {
  /** Blocks to compare besides those that changed since. */
  readonly scrub?: Blocks | undefined;
  /** Reads the replica's snapshots of the point; the journal is rebuilt without it. */
  readonly replica?: { readonly pages: PageStore; readonly checkpoint: Checkpoint } | undefined;
  /** Called first when it is known how many blocks are to be compared, and then as they are: see `BLOCKS_IN_TURN`. */
  readonly onProgress?: ((compared: number, blocks: number) => void) | undefined;
  /** Keeps what of the digests memory does not hold, for as long as this takes; `objects` when absent. */
  readonly scratch?: ObjectStore | undefined;
}

export interface Verified {
  /** How many blocks were compared. */
  readonly compared: number;
  /** Those that are not what the source had. */
  readonly wrong: Blocks;
  /** Where the next verification begins, with the point's id. */
  readonly scanned: JournalPosition;
}

/** Of what is kept while `verifyPoint` is at work. */
const USE = "once";

const never = (): boolean => false;

/**
 * Compares what a failover to the point would give with the digests that the source took at its barrier: the blocks that
 * changed since, and those of the scrub. What it reads of the journal is checked and chained on the way; with a scrub,
 * or without `since`, the digests are held against the roots in the manifest. Everything is compared, as without `since`,
 * when layers have replaced segments that came behind it.
 * @throws ManifestDamaged, SegmentMissing, SegmentDamaged, LayerDamaged, LayerVersionUnknown, ChainBroken, KeyWrong;
 *   NotFound when a snapshot is gone; the signal's reason
 */
export async function verifyPoint(s: VerifyRequest): Promise<Verified> {
  const request = gatherRequestOf(s, s.scratch ?? s.objects, USE);
  const gathering = new DigestGathering(request);
  try {
    await gathering.walk(never);
    const { blocks, digests } = await known(s, gathering, request);
    const found = s.replica ? replicaBlocks({ ...s.replica, blocks }) : journalBlocks({ ...s, blocks });
    const { onProgress } = s;
    const all = countOf(blocks);
    onProgress?.(0, all);
    const onCompared = onProgress && ((compared: number) => onProgress(compared, all));
    return { ...(await compareBlocks({ ...s, onCompared }, found, digests)), scanned: gathering.scanned };
  } finally {
    if (gathering.isStored) await dropGathered(request, undefined);
  }
}

/** All digests are wanted where blocks are compared that did not change. */
export const gatherRequestOf = (s: VerifyRequest, scratch: ObjectStore, use: string): GatherRequest => ({
  ...s,
  whole: s.scrub !== undefined && countOf(s.scrub) > 0,
  scratch,
  use,
});

async function known(
  s: VerifyRequest,
  gathering: DigestGathering,
  { scratch, use, key, point }: GatherRequest,
): Promise<{ blocks: Blocks; digests: KnownDigests }> {
  const blocks = blocksToCompare(s, gathering);
  const space = new BlockSpace(point.disks);
  const { held } = gathering;
  if (held) {
    await gathering.order(undefined, never);
    return { blocks, digests: new HeldDigests(held, space) };
  }
  const place = { scratch, use, key, point, space, build: gathering.build };
  const writer = new DigestsWriter(place);
  await gathering.order(writer, never);
  return { blocks, digests: new StoredDigests(place, writer.parts) };
}

/** Those that changed since, and those of the scrub. */
export function blocksToCompare(
  { point: { disks }, scrub }: Pick<VerifyRequest, "point" | "scrub">,
  { changed }: DigestGathering,
): Blocks {
  return changed ? unionOf(disks, [changed, ...(scrub ? [scrub] : [])]) : allBlocks(disks);
}

/** Takes the blocks as they are found. @throws the signal's reason, and what finding them throws; KeptLost */
export async function compareBlocks(
  s: Pick<VerifyRequest, "point" | "signal"> & {
    readonly onCompared?: ((compared: number) => void) | undefined;
  },
  found: AsyncIterable<FoundBlock>,
  digests: KnownDigests,
): Promise<Omit<Verified, "scanned">> {
  const { signal, onCompared, point } = s;
  const space = new BlockSpace(point.disks);
  const wrong = noBlocks(point.disks);
  let compared = 0;
  let batch = new DigestChunk(space.total, BATCH);
  const compare = async () => {
    for (const address of await digests.differing(batch.sorted())) {
      const { disk, block } = space.placeOf(address);
      wrong.get(disk.index)?.add(block, block + 1);
    }
    batch = new DigestChunk(space.total, BATCH);
  };
  for await (const { disk, block, digest } of found) {
    signal?.throwIfAborted();
    if (++compared % BLOCKS_IN_TURN === 0) {
      onCompared?.(compared);
      await setImmediate();
    }
    const base = space.rangeOf(disk)?.base;
    if (base === undefined) throw new RangeError(`there is no disk ${disk}`);
    batch.add(base + block, digest);
    if (batch.full) await compare();
  }
  await compare();
  onCompared?.(compared);
  return { compared, wrong };
}

/** Then everybody else in the process has a turn: blocks of zeros come without any wait of their own. */
const BLOCKS_IN_TURN = 1024;

/** Compared at once, 32 GiB of disk in 20 MB: of scattered blocks each batch may read all digests once. */
const BATCH = 2 ** 19;
