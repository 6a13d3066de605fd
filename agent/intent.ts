import type { RegisterResponse } from "../engine/contract/agent-api.ts";
import type { Clock } from "../engine/core/clock.ts";
import { LeewardError, messageOf } from "../engine/core/errors.ts";
import type { BarrierId } from "../engine/core/ids.ts";
import {
  BLOCK,
  type Bytes,
  type DiskIndex,
  type Generation,
  MIB,
  type Sequence,
  bytes,
  diskIndex,
} from "../engine/core/units.ts";
import { blockCount } from "../engine/journal/digest-tree.ts";
import type { Marked } from "./beginning.ts";
import { Bitmap } from "./bitmap.ts";
import type { Disk } from "./disk.ts";
import type { Files } from "./files.ts";
import { IntentFile, type IntentHeader, regionsOf } from "./intent-file.ts";
import { Widening } from "./intent-width.ts";
import { bootId } from "./spool-state.ts";

/** Smaller would cost more marks, larger more reading behind a crash. */
const LEAST_REGION = 4 * MIB;
/** Of a disk. A larger disk has larger regions. */
const MOST_REGIONS = 16_384;
/** This part of a disk stays marked, whatever was written to it last: what is written over and over is marked once. */
const STAYS = 1 / 64;
/** Clearing less than this part of what is marked is not worth a write. */
const WORTH = 1 / 16;
/** Of a reason, on its way to the control plane. */
const MOST_WORDS = 300;
/** Barriers that may yet become points. */
const REMEMBERED = 64;

interface MarkedDisk {
  readonly disk: Disk;
  readonly region: Bytes;
  readonly marks: Bitmap;
  /** The epoch of the last change of each region; 0 for one that was marked and not changed. */
  readonly touched: Uint32Array;
  /** Everything that changed before this epoch is on stable storage. */
  synced: number;
}

interface Barrier {
  readonly sequence: Sequence;
  /** What changed in it, or before it, is in the barrier. */
  readonly epoch: number;
}

/**
 * Which regions of the disks may not be as the newest point has them, on stable storage before the disk changes: what must be
 * compared after a crash of the machine, which takes the spool's tail, and what the disks had not flushed.
 *
 * A mark stays until a point holds all that was written to the region (nothing came behind its barrier), the disk was flushed
 * since (or a crash would take from it what the point has), and the control plane has named that point. Then the header says
 * first that marks are since that point, and only then the bits go. So whatever a crash leaves, each region that is not as in that
 * point, or in a later one of the generation, is marked. A base that is any other point says nothing of the marks.
 */
export class WriteIntent {
  readonly #files: Files;
  readonly #directory: string;
  readonly #disks: readonly MarkedDisk[];
  readonly #widening: Widening;
  #file: IntentFile | undefined;
  /** Why nothing is known of the disks. */
  #unknown = "there are no marks";
  /** Counts barriers. */
  #epoch = 1;
  readonly #barriers = new Map<BarrierId, Barrier>();
  #settling = false;
  /** It found that the machine had crashed. */
  readonly crashed: boolean;

  /**
   * Goes on with what an earlier process left, and a crash did.
   * @param region what is marked at once, in bytes, a multiple of 64 KiB; by the disks' sizes when absent
   */
  constructor(s: { files: Files; directory: string; disks: readonly Disk[]; clock: Clock; region?: Bytes }) {
    this.#files = s.files;
    this.#directory = s.directory;
    this.#widening = new Widening(s.clock);
    this.#disks = s.disks.map((disk) => {
      const region = s.region ?? regionFor(disk.size);
      const count = regionsOf({ size: disk.size, region });
      const touched = new Uint32Array(count).fill(this.#epoch);
      return { disk, region, marks: new Bitmap(count), touched, synced: 0 };
    });
    const found = this.#attempt(() => this.#open());
    this.crashed = found !== undefined && found.changed === undefined && found.boot !== bootId(s.files);
  }

  /** In which marks are made; undefined while there are none. */
  get generation(): Generation | undefined {
    return this.#file?.header.generation;
  }

  /** Regions that are marked, of all disks. */
  get marked(): number {
    return this.#disks.reduce((sum, { marks }) => sum + marks.count, 0);
  }

  /** Call before the disk changes. @throws SpoolDamaged when no mark can be made: then nothing is known any more */
  mark(index: DiskIndex, offset: Bytes, length: Bytes): void {
    const one = this.#disks[index];
    if (!one || !this.#file) return;
    const { region, marks, touched } = one;
    const first = Math.floor(offset / region);
    const end = Math.ceil((offset + length) / region);
    let cold = false;
    for (let n = first; n < end; n++) {
      touched[n] = this.#epoch;
      cold ||= !marks.has(n);
    }
    if (cold) this.#make(one, index, first, end);
  }

  /** A barrier was set: call within its turn. */
  barrier(id: BarrierId, sequence: Sequence): void {
    this.#barriers.set(id, { sequence, epoch: this.#epoch++ });
    const [oldest] = this.#barriers.keys();
    if (oldest !== undefined && this.#barriers.size > REMEMBERED) this.#barriers.delete(oldest);
  }

  /** Flushes a disk. @throws DiskUnreadable */
  async flush(index: DiskIndex): Promise<void> {
    const one = this.#disks[index];
    const epoch = this.#epoch;
    await one?.disk.flush();
    if (one) one.synced = Math.max(one.synced, epoch);
  }

  /**
   * The newest point of the generation in which marks are made: what it holds need not be compared. Does nothing when the
   * barrier was set by another process. @throws as `mark`
   */
  async arrived(id: BarrierId): Promise<void> {
    const barrier = this.#barriers.get(id);
    const file = this.#file;
    if (!barrier || !file || this.#settling) return;
    this.#settling = true;
    try {
      const unsynced = this.#needlessAt(barrier) ? this.#disks.entries() : [];
      for (const [index, { synced }] of unsynced)
        if (synced <= barrier.epoch) await this.flush(diskIndex(index));
    } catch {
      // A disk that cannot be flushed stays marked; who flushes it himself hears of it.
      return;
    } finally {
      this.#settling = false;
    }
    if (this.#file === file && this.#barriers.has(id)) this.#settle(file, id, barrier);
  }

  /**
   * A generation begins. Marks that are since its base, or since a point before it, are kept; otherwise all is marked, until
   * its first point is there. Where no file can be made nothing will be known after a crash.
   */
  begin(generation: Generation, base: RegisterResponse["base"], keep: boolean): void {
    this.#barriers.clear();
    const next = { boot: bootId(this.#files), generation, ...(base && { anchor: { id: base.id } }) };
    const kept = keep && base !== undefined && this.whyNot(base) === undefined;
    this.#attempt(() => {
      const file = this.#file;
      if (!kept) for (const { marks } of this.#disks) marks.fill();
      // More may be marked than need be, so the marks come first.
      if (!file) this.#file = this.#made(next);
      else if (!kept) this.#writeAll(file);
      if (file) file.setHeader(next);
    });
  }

  /** What must be compared with this base; undefined when that is everything. */
  since(base: NonNullable<RegisterResponse["base"]>): Marked | undefined {
    if (this.whyNot(base) !== undefined) return undefined;
    return { id: base.id, disks: this.#disks.map(blocksOf) };
  }

  /** Why the marks say nothing of what differs from this base; undefined when they do. */
  whyNot(base: NonNullable<RegisterResponse["base"]>): string | undefined {
    if (!this.#file) return this.#unknown;
    const { anchor, generation } = this.#file.header;
    if (!anchor) return `generation ${generation} had no point when they were made`;
    if (base.id === anchor.id) return undefined;
    const later = base.generation === generation && (base.sequence ?? -1) >= (anchor.sequence ?? 0);
    return later ? undefined : `marks are since point ${anchor.id}, and the base is ${base.id}`;
  }

  /** In an orderly end, when the disks are flushed and change no more: a disk that changes afterwards is noticed. */
  close(): void {
    const file = this.#file;
    this.#attempt(() => {
      if (!file) return;
      const { anchor, boot, generation } = file.header;
      const changed = this.#disks.map(({ disk }) => disk.changed);
      file.setHeader({ boot, generation, ...(anchor && { anchor }), changed });
    });
    this.#file?.close();
    this.#file = undefined;
  }

  #open(): IntentHeader | undefined {
    const file = IntentFile.open(this.#files, this.#directory, (header) => this.#marksOf(header));
    if (!file) return undefined;
    this.#file = file;
    const found = file.header;
    const { anchor, changed, generation } = found;
    if (changed?.some((time, n) => time !== this.#disks[n]?.disk.changed))
      throw new Error("a disk changed while no agent ran");
    file.setHeader({ boot: bootId(this.#files), generation, ...(anchor && { anchor }) });
    return found;
  }

  #marksOf({ disks }: IntentHeader): readonly Bitmap[] {
    const same =
      disks.length === this.#disks.length &&
      this.#disks.every(({ disk, region }, n) => disks[n]?.size === disk.size && disks[n]?.region === region);
    if (!same) throw new Error("it is of other disks");
    return this.#disks.map(({ marks }) => marks);
  }

  #made(header: Omit<IntentHeader, "format" | "serial" | "disks">): IntentFile {
    const disks = this.#disks.map(({ disk: { size }, region }) => ({ size, region }));
    const marks = this.#disks.map((one) => one.marks);
    return IntentFile.make(this.#files, this.#directory, { ...header, disks }, marks);
  }

  #make({ marks }: MarkedDisk, index: DiskIndex, first: number, end: number): void {
    const width = this.#widening.next();
    const from = Math.floor(first / width) * width;
    const to = Math.min(Math.ceil(end / width) * width, marks.bound);
    for (let n = from; n < to; n++) marks.add(n);
    this.#attempt(() => this.#file?.write(index, from, to));
    if (!this.#file) throw new LeewardError("SpoolDamaged", `no mark can be made: ${this.#unknown}`);
  }

  #settle(file: IntentFile, id: BarrierId, { sequence, epoch }: Barrier): void {
    for (const [known, barrier] of this.#barriers) if (barrier.epoch <= epoch) this.#barriers.delete(known);
    const needless = this.#needlessAt({ epoch });
    if (!needless) return;
    this.#attempt(() => {
      const { boot, generation } = file.header;
      file.setHeader({ boot, generation, anchor: { sequence, id } });
      for (const [n, { marks }] of this.#disks.entries()) {
        for (const region of needless[n] ?? []) marks.remove(region);
        if (needless[n]?.length) file.write(n, 0, marks.bound);
      }
    });
  }

  /** Of each disk; undefined when they are so few that clearing them is not worth a write. */
  #needlessAt({ epoch }: Pick<Barrier, "epoch">): readonly (readonly number[])[] | undefined {
    const needless = this.#disks.map((one) => needlessOf(one, epoch));
    const count = needless.reduce((sum, regions) => sum + regions.length, 0);
    return count > 0 && count >= this.marked * WORTH ? needless : undefined;
  }

  #writeAll(file: IntentFile): void {
    for (const [n, { marks }] of this.#disks.entries()) file.write(n, 0, marks.bound);
  }

  /** What cannot be written or read must not be there any more, or a later process would believe it. */
  #attempt<T>(act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      this.#unknown = messageOf(error).slice(0, MOST_WORDS);
      this.#file?.close();
      this.#file = undefined;
      try {
        IntentFile.remove(this.#files, this.#directory);
      } catch (second) {
        this.#unknown += `; and it stays there: ${messageOf(second)}`;
      }
      return undefined;
    }
  }
}

/** A power of two, so that regions and pieces of a comparison have common borders. */
function regionFor(size: Bytes): Bytes {
  let region = LEAST_REGION;
  while (size / region > MOST_REGIONS) region *= 2;
  return bytes(region);
}

/** Regions that nobody changed since the epoch ended, but for those that were changed last. */
function needlessOf({ marks, touched }: MarkedDisk, epoch: number): number[] {
  const least = Math.floor(marks.bound * STAYS);
  return [...marks]
    .filter((n) => (touched[n] ?? 0) <= epoch)
    .toSorted((a, b) => (touched[a] ?? 0) - (touched[b] ?? 0))
    .slice(0, Math.max(marks.count - least, 0));
}

function blocksOf({ disk, region, marks }: MarkedDisk): Bitmap {
  const blocks = new Bitmap(blockCount(disk.size));
  const width = region / BLOCK;
  for (const n of marks)
    for (let block = n * width; block < Math.min((n + 1) * width, blocks.bound); block++) blocks.add(block);
  return blocks;
}
