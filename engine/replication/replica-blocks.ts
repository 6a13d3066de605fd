import { hash } from "node:crypto";
import { ExtentSet } from "../core/extent.ts";
import { mapInOrder } from "../core/in-order.ts";
import { BLOCK, MIB, bytes } from "../core/units.ts";
import { replicaName } from "../journal/names.ts";
import type { PageStore } from "../storage/store.ts";
import { type Blocks, type FoundBlock, blockLength, zeroDigest } from "./blocks.ts";
import type { Checkpoint } from "./checkpoints.ts";

type CheckpointDisk = Checkpoint["disks"][number];

export interface ReplicaBlocksRequest {
  readonly pages: PageStore;
  readonly checkpoint: Checkpoint;
  readonly blocks: Blocks;
}

/** Blocks in one read. */
const READ = (4 * MIB) / BLOCK;
const PARALLEL = 4;

/**
 * The blocks as the checkpoint's snapshots hold them, each once, a disk after the other. One listing of ranges for each
 * disk; ranges that hold nothing are not read.
 * @throws NotFound when the snapshots were dropped meanwhile
 */
export async function* replicaBlocks(s: ReplicaBlocksRequest): AsyncGenerator<FoundBlock> {
  for (const disk of s.checkpoint.disks) {
    const wanted = s.blocks.get(disk.index);
    if (wanted && wanted.total > 0) yield* diskBlocks(s, disk, wanted);
  }
}

async function* diskBlocks(
  { pages, checkpoint }: ReplicaBlocksRequest,
  disk: CheckpointDisk,
  wanted: ExtentSet,
): AsyncGenerator<FoundBlock> {
  const { index, size, snapshot } = disk;
  const name = replicaName(checkpoint.machine, index);
  const held = new ExtentSet();
  for (const { offset, length } of await pages.ranges(name, snapshot))
    held.add(Math.floor(offset / BLOCK), Math.ceil((offset + length) / BLOCK));
  for (const { start, end } of wanted)
    for (const gap of held.gaps(start, end))
      for (let block = gap.start; block < gap.end; block++)
        yield { disk: index, block, digest: zeroDigest(blockLength(size, block)) };
  const reads = [...wanted].flatMap(({ start, end }) => held.intersect(start, end)).flatMap(inReads);
  for await (const { first, data } of mapInOrder(reads, PARALLEL, async ({ start, end }) => {
    const offset = start * BLOCK;
    const length = Math.min(end * BLOCK, size) - offset;
    return { first: start, data: await pages.read(name, bytes(offset), bytes(length), snapshot) };
  }))
    for (let at = 0; at < data.length; at += BLOCK)
      yield {
        disk: index,
        block: first + at / BLOCK,
        digest: hash("sha256", data.subarray(at, at + BLOCK), "buffer"),
      };
}

interface Stretch {
  readonly start: number;
  readonly end: number;
}

function inReads({ start, end }: Stretch): Stretch[] {
  const count = Math.ceil((end - start) / READ);
  return Array.from({ length: count }, (_, n) => ({
    start: start + n * READ,
    end: Math.min(end, start + (n + 1) * READ),
  }));
}
