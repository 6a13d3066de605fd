import { DIGEST_BYTES } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";
import type { BarrierId } from "../core/ids.ts";
import type { DiskIndex } from "../core/units.ts";
import { blockCount, rootOf, zeroDigests } from "../journal/digest-tree.ts";
import type { DataKey } from "../journal/key.ts";
import type { RecoveryPoint } from "../journal/manifest.ts";
import type { JournalPosition } from "../journal/position.ts";
import type { DigestsRecord } from "../journal/record.ts";
import type { ObjectStore } from "../storage/store.ts";
import { type Blocks, allBlocks, noBlocks } from "./blocks.ts";
import { journalStart, readForward } from "./journal-reader.ts";
import { marksOf } from "./points.ts";

/** For each disk: SHA-256 of each of its 64 KiB blocks, 32 bytes each, in order. */
export type BlockDigests = ReadonlyMap<DiskIndex, Uint8Array>;

export interface DigestsRequest {
  readonly objects: ObjectStore;
  readonly key: DataKey;
  readonly point: RecoveryPoint;
}

/** An earlier point of the same generation, and where its digests begin. */
export interface Since {
  readonly id: BarrierId;
  /** Before the segment that holds its barrier. */
  readonly scanned: JournalPosition;
}

export interface NamedBlocks {
  /** Blocks that the barriers behind `since`, up to the point's, name as changed; all blocks without `since`. */
  readonly blocks: Blocks;
  /** At the point's barrier. Of a scan that began at `since`, only those of `blocks` mean anything. */
  readonly digests: BlockDigests;
  /** Before the segment that holds the point's barrier: where the next scan may begin. */
  readonly scanned: JournalPosition;
}

/**
 * What the source said of its blocks at the point's barrier. Reads the journal from `since` to the point, or from the
 * start of the generation when there is no `since` or `whole` is set, and opens only segments that hold marks; a scan
 * from the start compares the digests with the manifest's roots. Half a KiB of memory per MiB of disk that is named.
 * @throws ManifestDamaged when a disk's digests do not give its root; ChainBroken when the journal lacks one of the two
 *   barriers; what reading the journal throws
 */
export async function namedBlocks(
  s: DigestsRequest & {
    readonly since?: Since | undefined;
    readonly whole?: boolean;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<NamedBlocks> {
  const { objects, key, point, since } = s;
  const fromStart = !since || s.whole === true;
  const from = fromStart ? await journalStart(objects, point.machine, point.generation) : since.scanned;
  const blocks = since ? noBlocks(point.disks) : allBlocks(point.disks);
  const digests = new Map(point.disks.map((disk) => [disk.index, digestsOf(disk.size, fromStart)]));
  const barriers = new Barriers(point.id, since?.id);
  let before = from;
  let scanned = from;
  const range = { objects, machine: point.machine, from, to: point.position };
  for await (const { segment, after } of readForward(range)) {
    s.signal?.throwIfAborted();
    for (const record of await marksOf(segment, key)) {
      if (record.kind === "barrier") barriers.meet(record.id);
      if (record.kind === "barrier" && record.id === point.id) scanned = before;
      const age = record.kind === "digests" && barriers.ageOf(record.barrier);
      if (record.kind !== "digests" || !age) continue;
      fold(point, digests, record);
      if (age === "new") for (const block of record.blocks) blocks.get(record.disk)?.add(block, block + 1);
    }
    before = after;
  }
  if (!barriers.complete)
    throw new LeewardError(
      "ChainBroken",
      `the journal of ${point.machine}, generation ${point.generation}, lacks the barrier of point ${point.id} or of ${since?.id ?? "none"}`,
    );
  if (fromStart) checkRoots(point, digests);
  return { blocks, digests, scanned };
}

/** Memory is taken page by page as digests come in. */
const digestsOf = (size: RecoveryPoint["disks"][number]["size"], fromStart: boolean): Uint8Array =>
  fromStart ? zeroDigests(size) : new Uint8Array(blockCount(size) * DIGEST_BYTES);

/** Which barriers count: a later one may have been set, and digested in part, before the point's proof came. */
class Barriers {
  readonly #point: BarrierId;
  readonly #since: BarrierId | undefined;
  readonly #ages = new Map<BarrierId, "old" | "new">();
  #passed: boolean;
  #reached = false;

  constructor(point: BarrierId, since: BarrierId | undefined) {
    this.#point = point;
    this.#since = since;
    this.#passed = since === undefined;
  }

  get complete(): boolean {
    return this.#passed && this.#reached;
  }

  meet(id: BarrierId): void {
    if (this.#reached) return;
    this.#ages.set(id, this.#passed ? "new" : "old");
    if (id === this.#since) this.#passed = true;
    this.#reached = id === this.#point;
  }

  /** Undefined for a barrier behind the point. */
  ageOf(id: BarrierId): "old" | "new" | undefined {
    return this.#ages.get(id);
  }
}

function fold(point: RecoveryPoint, digests: Map<DiskIndex, Uint8Array>, record: DigestsRecord): void {
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

function checkRoots(point: RecoveryPoint, digests: BlockDigests): void {
  for (const { index, size, root } of point.disks) {
    const found = rootOf(size, digests.get(index) ?? new Uint8Array());
    if (found !== root)
      throw new LeewardError(
        "ManifestDamaged",
        `the digests of disk ${index} in the journal of ${point.machine} give root ${found}; point ${point.id} says ${root}`,
      );
  }
}
