import { DIGEST_BYTES } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";
import type { BarrierId } from "../core/ids.ts";
import type { DiskIndex } from "../core/units.ts";
import { rootOf, zeroDigests } from "../journal/digest-tree.ts";
import type { DataKey } from "../journal/key.ts";
import type { RecoveryPoint } from "../journal/manifest.ts";
import type { BarrierRecord, DigestsRecord, JournalRecord, ProofRecord } from "../journal/record.ts";
import type { SourcePoint } from "./lineage.ts";
import { type Sealed, openSealed } from "./sealed.ts";
import { type Sources, generationsOf, readGeneration } from "./sources.ts";

/** For each disk: SHA-256 of each of its 64 KiB blocks, 32 bytes each, in order. */
export type BlockDigests = ReadonlyMap<DiskIndex, Uint8Array>;

export type WalkPoint = Pick<RecoveryPoint, "id" | "machine"> & {
  readonly disks: readonly Pick<RecoveryPoint["disks"][number], "index" | "size" | "root">[];
};

/**
 * The block digests at a point's barrier, gathered from records newest first: the first digest met of a block holds. A
 * later barrier may have been set, and digested in part, before the point's proof came: its digests are left out.
 */
export class DigestWalk {
  readonly digests: BlockDigests;
  barrier: BarrierRecord | undefined;
  proof: ProofRecord | undefined;
  readonly #point: WalkPoint;
  #wanted: BarrierId;
  readonly #met: ReadonlyMap<DiskIndex, Uint8Array>;
  /** Met before the point's barrier, so it is not known yet whose they are. */
  #waiting: DigestsRecord[] = [];
  readonly #later = new Set<BarrierId>();
  #isOlder = false;

  constructor(point: WalkPoint) {
    this.#point = point;
    this.#wanted = point.id;
    this.digests = new Map(point.disks.map(({ index, size }) => [index, zeroDigests(size)]));
    this.#met = new Map(
      [...this.digests].map(([index, digests]) => [index, new Uint8Array(digests.length / DIGEST_BYTES)]),
    );
  }

  /** A barrier behind the point's was met: what came between the point's barrier and its proof matters to a later one. */
  get metLater(): boolean {
    return this.#later.size > 0;
  }

  /** Takes the records of one segment or part, in their order. @throws SegmentDamaged */
  take(records: readonly JournalRecord[]): void {
    for (const record of records.toReversed()) {
      if (record.kind === "barrier") this.#meet(record);
      if (record.kind === "proof" && record.barrier === this.#wanted) this.proof ??= record;
      if (record.kind !== "digests") continue;
      if (this.barrier) this.#fold(record);
      else this.#waiting.push(copyOf(record));
    }
  }

  /** What comes next is of an older generation: this is the point of it that the one before stands on. */
  goOn(base: BarrierId): void {
    this.#wanted = base;
    this.#isOlder = true;
    this.barrier = undefined;
    this.#waiting = [];
    this.#later.clear();
  }

  /** Which blocks were met, and their digests, as records of at most `most` blocks; `common` makes them whole. */
  *records(common: Pick<DigestsRecord, "sequence" | "time">, most: number): Generator<DigestsRecord> {
    for (const [disk, met] of this.#met) {
      const all = this.digests.get(disk) ?? new Uint8Array();
      const blocks = Uint32Array.from(numbersOf(met));
      for (let at = 0; at < blocks.length; at += most) {
        const some = blocks.slice(at, at + most);
        const digests = new Uint8Array(some.length * DIGEST_BYTES);
        for (const [i, block] of some.entries())
          digests.set(all.subarray(block * DIGEST_BYTES, (block + 1) * DIGEST_BYTES), i * DIGEST_BYTES);
        yield { kind: "digests", ...common, barrier: this.#point.id, disk, blocks: some, digests };
      }
    }
  }

  #meet(barrier: BarrierRecord): void {
    if (this.barrier) return;
    if (barrier.id !== this.#wanted) {
      this.#later.add(barrier.id);
      return;
    }
    this.barrier = barrier;
    for (const record of this.#waiting) if (!this.#later.has(record.barrier)) this.#fold(record);
    this.#waiting = [];
  }

  #fold(record: DigestsRecord): void {
    const digests = this.digests.get(record.disk);
    const met = this.#met.get(record.disk);
    // It may have been of more disks.
    if (!digests && this.#isOlder) return;
    for (const [i, block] of record.blocks.entries()) {
      if (!digests || !met || block >= met.length)
        throw new LeewardError(
          "SegmentDamaged",
          `barrier ${record.barrier} of ${this.#point.machine} has a digest of block ${block} of disk ${record.disk}, which there is not`,
        );
      if (met[block]) continue;
      met[block] = 1;
      digests.set(record.digests.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES), block * DIGEST_BYTES);
    }
  }
}

/**
 * Walks through all marks of the sources, one generation after the other.
 * @param met called with each segment and part once its marks were taken; `newest` while it is of the newest generation
 * @throws ChainBroken when a generation lacks the barrier of its point; what `readSources` throws
 */
export async function walkMarks(
  sources: Sources,
  key: DataKey,
  walk: DigestWalk,
  met: (sealed: Sealed, newest: boolean) => void = () => undefined,
): Promise<void> {
  for (const part of generationsOf(sources)) {
    if (part !== sources) walk.goOn(part.point.id);
    for await (const sealed of readGeneration(part, { only: "marks" })) {
      if (sealed.header.marks) walk.take(await openSealed(sealed, key));
      met(sealed, part === sources);
    }
    if (!walk.barrier) throw lacking(part.point);
  }
}

export const lacking = ({ machine, generation, id }: SourcePoint): LeewardError =>
  new LeewardError(
    "ChainBroken",
    `the journal of ${machine}, generation ${generation}, lacks the barrier of point ${id}`,
  );

/** @throws ManifestDamaged when the digests of a disk do not give its root in the manifest */
export function checkRoots(point: WalkPoint, digests: BlockDigests): void {
  for (const { index, size, root } of point.disks) {
    const found = rootOf(size, digests.get(index) ?? new Uint8Array());
    if (found !== root)
      throw new LeewardError(
        "ManifestDamaged",
        `the digests of disk ${index} in the journal of ${point.machine} give root ${found}; point ${point.id} says ${root}`,
      );
  }
}

/** Without keeping the whole body in memory. */
const copyOf = (record: DigestsRecord): DigestsRecord => ({
  ...record,
  digests: Uint8Array.from(record.digests),
});

function* numbersOf(met: Uint8Array): Generator<number> {
  for (const [block, is] of met.entries()) if (is) yield block;
}
