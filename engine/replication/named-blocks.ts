import { DIGEST_BYTES } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";
import type { BarrierId } from "../core/ids.ts";
import type { DiskIndex } from "../core/units.ts";
import { blockCount } from "../journal/digest-tree.ts";
import type { DataKey } from "../journal/key.ts";
import type { JournalPosition } from "../journal/position.ts";
import type { DigestsRecord } from "../journal/record.ts";
import type { ObjectStore } from "../storage/store.ts";
import { type Blocks, allBlocks, noBlocks } from "./blocks.ts";
import {
  DigestWalk,
  type BlockDigests,
  type WalkPoint,
  checkRoots,
  lacking,
  walkMarks,
} from "./digest-walk.ts";
import { readForward } from "./journal-reader.ts";
import type { SourcePoint } from "./lineage.ts";
import { marksOf } from "./points.ts";
import { isLayerPart } from "./sealed.ts";
import { sourcesOf } from "./sources.ts";
import { TailTracker } from "./tail-tracker.ts";

export interface DigestsRequest {
  readonly objects: ObjectStore;
  readonly key: DataKey;
  readonly point: ProvedPoint;
}

/** A point with what its manifest, or a base document, says of its disks. */
type ProvedPoint = SourcePoint & WalkPoint;

/** An earlier point of the same generation, and where its digests begin. */
export interface Since {
  readonly id: BarrierId;
  /** Before the segment that holds its barrier; behind that of its proof when nothing between them is of a later point. */
  readonly scanned: JournalPosition;
}

export interface NamedBlocks {
  /** Blocks that the barriers behind `since`, up to the point's, name as changed; all blocks without `since`. */
  readonly blocks: Blocks;
  /** At the point's barrier. Of a scan that began at `since`, only those of `blocks` mean anything. */
  readonly digests: BlockDigests;
  /** Where the next scan may begin, as `Since` has it. */
  readonly scanned: JournalPosition;
}

interface NamedRequest extends DigestsRequest {
  readonly since?: Since | undefined;
  /** All digests are wanted, besides the blocks that changed since. */
  readonly whole?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What the source said of its blocks at the point's barrier. Reads segments from `since` to the point; without `since`,
 * or when `whole` is set, layers and segments down to the start of the oldest generation of its lineage, and compares the digests with the
 * manifest's roots. So it does too, and names all blocks, when segments behind `since` are gone. Opens only what holds
 * marks. Half a KiB of memory per MiB of disk that is named.
 * @throws ManifestDamaged when a disk's digests do not give its root; ChainBroken when the journal lacks the point's
 *   barrier; what reading the journal throws
 */
export async function namedBlocks(s: NamedRequest): Promise<NamedBlocks> {
  const recent = s.since ? await namedSince(s, s.since) : undefined;
  if (recent && s.whole !== true) return recent;
  return { ...(await namedInAll(s)), blocks: recent?.blocks ?? allBlocks(s.point.disks) };
}

async function namedInAll({
  objects,
  key,
  point,
  signal,
}: NamedRequest): Promise<Pick<NamedBlocks, "digests" | "scanned">> {
  const sources = await sourcesOf(objects, point);
  const walk = new DigestWalk(point);
  const tracker = new TailTracker(point.position);
  let behind = point.position.sequence > point.sequence;
  await walkMarks(sources, key, walk, (sealed, newest) => {
    signal?.throwIfAborted();
    if (newest && !isLayerPart(sealed)) tracker.meet(sealed.header, walk.barrier !== undefined);
    if (newest) behind ||= walk.metLater;
  });
  const scanned = tracker.result(sources.layers.at(-1), behind);
  if (!scanned) throw lacking(point);
  checkRoots(point, walk.digests);
  return { digests: walk.digests, scanned };
}

/** Undefined when a segment is gone: layers stand for it, or the walk through everything says which one it is. */
async function namedSince(s: NamedRequest, since: Since): Promise<NamedBlocks | undefined> {
  try {
    return await scanSince(s, since);
  } catch (error) {
    if (error instanceof LeewardError && error.code === "SegmentMissing") return undefined;
    throw error;
  }
}

async function scanSince({ objects, key, point, signal }: NamedRequest, since: Since): Promise<NamedBlocks> {
  const blocks = { old: noBlocks(point.disks), new: noBlocks(point.disks) };
  const digests = new Map(
    point.disks.map(({ index, size }) => [index, new Uint8Array(blockCount(size) * DIGEST_BYTES)]),
  );
  const barriers = new Barriers(point.id, since.id);
  let before = since.scanned;
  let scanned = before;
  const range = { objects, machine: point.machine, from: since.scanned, to: point.position };
  for await (const { segment, after } of readForward(range)) {
    signal?.throwIfAborted();
    for (const record of await marksOf(segment, key)) {
      if (record.kind === "barrier") barriers.meet(record.id);
      if (record.kind === "barrier" && record.id === point.id) scanned = before;
      const age = record.kind === "digests" && barriers.ageOf(record.barrier);
      if (record.kind !== "digests" || !age) continue;
      fold(point, digests, record);
      for (const block of record.blocks) blocks[age].get(record.disk)?.add(block, block + 1);
    }
    before = after;
  }
  // Of the point that was compared last nothing is new, and its barrier may lie before the scan.
  if (!barriers.reached && since.id !== point.id) throw lacking(point);
  const behind = barriers.metLater || point.position.sequence > point.sequence;
  return {
    // Where the scan began behind the barrier of `since` all that it met is new.
    blocks: barriers.passed ? blocks.new : blocks.old,
    digests,
    scanned: behind ? scanned : point.position,
  };
}

/** Which barriers count: a later one may have been set, and digested in part, before the point's proof came. */
class Barriers {
  readonly #point: BarrierId;
  readonly #since: BarrierId;
  readonly #ages = new Map<BarrierId, "old" | "new">();
  passed = false;
  reached = false;
  metLater = false;

  constructor(point: BarrierId, since: BarrierId) {
    this.#point = point;
    this.#since = since;
  }

  meet(id: BarrierId): void {
    this.metLater ||= this.reached;
    if (this.reached) return;
    this.#ages.set(id, this.passed ? "new" : "old");
    if (id === this.#since) this.passed = true;
    this.reached = id === this.#point;
  }

  /** Undefined for a barrier behind the point. */
  ageOf(id: BarrierId): "old" | "new" | undefined {
    return this.#ages.get(id);
  }
}

function fold(point: ProvedPoint, digests: Map<DiskIndex, Uint8Array>, record: DigestsRecord): void {
  const disk = digests.get(record.disk);
  for (const [i, block] of record.blocks.entries()) {
    const at = block * DIGEST_BYTES;
    if (!disk || at >= disk.length)
      throw new LeewardError(
        "SegmentDamaged",
        `barrier ${record.barrier} of ${point.machine} has a digest of block ${block} of disk ${record.disk}, which there is not`,
      );
    disk.set(record.digests.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES), at);
  }
}
