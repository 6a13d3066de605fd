import { LeewardError } from "../core/errors.ts";
import { BLOCK, bytes, micros } from "../core/units.ts";
import { blockCount } from "../journal/digest-tree.ts";
import type { Layer } from "../journal/layer-document.ts";
import { layerPartName } from "../journal/names.ts";
import type { JournalRecord } from "../journal/record.ts";
import { TreeStream } from "../journal/tree-stream.ts";
import type { Merge, Work } from "../journal/work-document.ts";
import { blocksIn } from "./address-space.ts";
import { type SizedDisk, zeroDigest } from "./blocks.ts";
import { spanOf } from "./layers.ts";
import { putPartOnce } from "./part-once.ts";
import { placeOf } from "./run-writer.ts";
import type { SourcesPlace } from "./sorted-sources.ts";
import { SortedWriter } from "./sorted-writer.ts";
import { type MergedWindow, digestIn, wrongBlocks } from "./window-proof.ts";

/**
 * Puts a layer's parts in the order of the disks, and proves on the way what it puts: blocks against the digests that the
 * source took, and these against the roots of the layer's end. Given windows, from where the one before left off.
 */
export class LayerMerge {
  readonly #s: SourcesPlace;
  readonly #merge: Merge;
  readonly #writer: SortedWriter;
  readonly #parts: Layer["parts"];
  #dataBytes: number;
  /** Of the disk that it has come to. */
  #tree: TreeStream;
  #disk: number;

  constructor(s: SourcesPlace, merge: Merge) {
    const { work, space } = s;
    this.#s = s;
    this.#merge = merge;
    this.#parts = [...merge.parts];
    this.#dataBytes = merge.dataBytes;
    const at = space.diskAt(merge.from);
    this.#disk = at?.nth ?? work.disks.length;
    this.#tree = new TreeStream(
      at?.size ?? bytes(0),
      Math.min(at?.blocks ?? 0, blockCount(at?.size ?? bytes(0))),
      merge.tree,
    );
    this.#writer = new SortedWriter({
      sequence: work.end.sequence,
      barrier: work.end.id,
      time: work.barrier?.time ?? micros(0),
      partBytes: work.limits.layerPart,
      put: (_, records) => this.#put(records, false),
    });
  }

  get taken(): number {
    return this.#writer.taken;
  }

  /** @throws PointBad naming blocks that differ; ManifestDamaged when a disk's digests do not give its root */
  async take(merged: MergedWindow): Promise<void> {
    const { window, runs } = merged;
    const { first, end } = blocksIn(window);
    this.#reach(this.#s.work.disks.findIndex(({ index }) => index === window.disk));
    this.#tree.zerosUpTo(first);
    const wrong = wrongBlocks(merged, this.#s.work.grounded);
    if (wrong.length > 0) throw this.#bad(window.disk, wrong);
    for (let block = first; block < end; block++) {
      this.#tree.push(digestIn(merged, block));
      const named = merged.digests.get(block);
      if (named?.own) await this.#writer.mark(window.disk, block, named.digest);
    }
    for (const run of runs) {
      this.#dataBytes += run.data?.length ?? 0;
      await this.#writer.put(run);
    }
  }

  /** Closes what is open: the merge as it can be gone on with from the address. */
  async stored(from: number, sources: Merge["sources"]): Promise<Merge> {
    await this.#writer.close();
    const at = this.#s.space.diskAt(from);
    const isLeft = at?.nth !== this.#disk;
    if (isLeft) this.#reach(at?.nth ?? this.#s.work.disks.length);
    const dataBytes = bytes(this.#dataBytes);
    return { ...this.#merge, from, sources, parts: this.#parts, dataBytes, tree: this.#tree.state };
  }

  /** Everything was taken. @throws ManifestDamaged */
  async finish(): Promise<Merge> {
    const { work } = this.#s;
    await this.#writer.close();
    this.#reach(work.disks.length);
    await this.#put(marksOf(work), true);
    return { ...this.#merge, parts: this.#parts, dataBytes: bytes(this.#dataBytes), tree: [] };
  }

  /** Goes on to this disk; what was not named of those before is zero. */
  #reach(disk: number): void {
    for (; this.#disk < disk; this.#disk++) {
      const { work } = this.#s;
      const left = work.disks[this.#disk];
      if (left) this.#checkRoot(left);
      const next = work.disks[this.#disk + 1];
      this.#tree = new TreeStream(next?.size ?? bytes(0));
    }
  }

  #checkRoot({ index, size, root }: Work["disks"][number]): void {
    const whole = Math.floor(size / BLOCK);
    this.#tree.zerosUpTo(whole);
    if (this.#tree.blocks < blockCount(size)) this.#tree.push(zeroDigest(bytes(size - whole * BLOCK)));
    const found = this.#tree.root();
    const { machine, end } = this.#s.work;
    if (found !== root)
      throw new LeewardError(
        "ManifestDamaged",
        `the digests of disk ${index} in the journal of ${machine} give root ${found}; point ${end.id} says ${root}`,
      );
  }

  async #put(records: readonly JournalRecord[], last: boolean): Promise<void> {
    const { objects, key, work } = this.#s;
    const place = placeOf(work);
    const part = this.#parts.length;
    const name = layerPartName(place, part);
    this.#parts.push(await putPartOnce({ objects, key, name, span: spanOf(place), part, last, records }));
  }

  #bad(disk: SizedDisk["index"], wrong: readonly number[]): LeewardError {
    const { machine, end } = this.#s.work;
    const named = wrong.slice(0, MOST_NAMED).map((block) => `disk ${disk} block ${block}`);
    return new LeewardError(
      "PointBad",
      `no layer is made to point ${end.id} of ${machine}: at least ${wrong.length} blocks of 64 KiB are not what the source had: ` +
        `${named.join(", ")}${wrong.length > MOST_NAMED ? ", …" : ""}`,
    );
  }
}

const MOST_NAMED = 20;

/** Barrier and proof of the layer's end. @throws RangeError while they are not known */
function marksOf({ end, disks, barrier, proof }: Work): JournalRecord[] {
  if (!barrier || !proof) throw new RangeError(`barrier and proof of point ${end.id} are not known yet`);
  const { sequence, id } = end;
  const roots = disks.map(({ index, size, root }) => ({ disk: index, size, root }));
  return [
    { kind: "barrier", id, sequence, ...barrier },
    { kind: "proof", barrier: id, sequence, time: proof.time, roots },
  ];
}
