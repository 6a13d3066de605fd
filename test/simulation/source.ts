import { hash } from "node:crypto";
import { type BarrierId, type MachineId, barrierId } from "../../engine/core/ids.ts";
import {
  BLOCK,
  type Bytes,
  type DiskIndex,
  KIB,
  type Micros,
  SECTOR,
  bytes,
  diskIndex,
  micros,
  sequence,
} from "../../engine/core/units.ts";
import { follow } from "../../engine/journal/chain.ts";
import { rootOf } from "../../engine/journal/digest-tree.ts";
import type { DataKey } from "../../engine/journal/key.ts";
import { type JournalPosition, startOf } from "../../engine/journal/position.ts";
import type { BarrierRecord, JournalRecord } from "../../engine/journal/record.ts";
import { sealSegment } from "../../engine/journal/seal.ts";
import type { CheckedSegment } from "../../engine/journal/segment.ts";
import type { Dice } from "./dice.ts";
import type { Truth } from "./truth.ts";

interface Disk {
  readonly index: DiskIndex;
  readonly name: string;
  readonly size: Bytes;
}

/** Neither a whole number of blocks nor all below one. */
const SIZES = [8 * KIB, 20 * KIB, 70 * KIB + SECTOR];
const MOST_SECTORS = 24;

const disksFor = (dice: Dice): Disk[] =>
  Array.from({ length: 1 + dice.below(3) }, (_, i) => ({
    index: diskIndex(i),
    name: `disk${i}`,
    size: bytes(dice.pick(SIZES) ?? SECTOR),
  }));

/** What a faulty agent does; see `mutations.ts`. */
export type SourceFault = "reorder" | "wrong-digest" | "lost-write" | "late-barrier";

interface Open {
  readonly barrier: BarrierRecord;
  readonly disks: readonly Buffer[];
  readonly dirty: readonly ReadonlySet<number>[];
}

/**
 * A model of a machine and its agent: random writes and zeros over its disks, an initial copy in order with them, barriers
 * and proofs, sealed by the product's own code into a spool that survives the agent's death.
 */
export class Source {
  readonly #machine: MachineId;
  readonly #key: DataKey;
  readonly #dice: Dice;
  readonly #truth: Truth;
  readonly #fault: SourceFault | undefined;
  readonly #now: () => Micros;
  readonly disks: readonly Disk[];
  readonly #content: Buffer[];
  /** Sealed and not yet in the cache, in order. */
  spool: CheckedSegment[] = [];
  /** Where the cache is to go on. */
  cached: JournalPosition | undefined;
  /** Everything that was sealed. */
  #sealed: JournalPosition | undefined;
  #records: JournalRecord[] = [];
  #sequence = 0;
  #copy: { disk: number; offset: number; length: number }[] = [];
  #dirty: Set<number>[] = [];
  #open: Open | undefined;

  constructor(s: {
    machine: MachineId;
    key: DataKey;
    dice: Dice;
    truth: Truth;
    fault: SourceFault | undefined;
    now: () => Micros;
  }) {
    this.#machine = s.machine;
    this.#key = s.key;
    this.#dice = s.dice;
    this.#truth = s.truth;
    this.#fault = s.fault;
    this.#now = s.now;
    this.disks = disksFor(s.dice);
    this.#content = this.disks.map(({ size }) => {
      const half = Math.floor(size / SECTOR / 2) * SECTOR;
      return Buffer.concat([s.dice.bytes(half), Buffer.alloc(size - half)]);
    });
  }

  get captured(): JournalPosition | undefined {
    return this.#sealed && { ...this.#sealed, sequence: sequence(this.#sequence), time: this.#now() };
  }

  /** How many segments of this generation exist. */
  get end(): JournalPosition | undefined {
    return this.#sealed;
  }

  get copied(): boolean {
    return this.#copy.length === 0;
  }

  /** A new journal: everything on the disks is copied into it, beside the writes to come. */
  begin(start: JournalPosition): void {
    this.spool = [];
    this.#records = [];
    this.cached = startOf(start.generation, start.sequence);
    this.#sealed = this.cached;
    this.#sequence = start.sequence;
    this.#copy = this.disks.flatMap(({ size }, disk) =>
      Array.from({ length: Math.ceil(size / (16 * KIB)) }, (_, i) => ({
        disk,
        offset: i * 16 * KIB,
        length: Math.min(16 * KIB, size - i * 16 * KIB),
      })),
    );
    this.forget();
  }

  /** The agent died: what it knew of digests is gone, so all are named again. */
  forget(): void {
    this.#open = undefined;
    this.#dirty = this.disks.map(
      ({ size }) => new Set(Array.from({ length: Math.ceil(size / BLOCK) }, (_, block) => block)),
    );
  }

  copy(): void {
    const next = this.#copy.shift();
    if (!next) return;
    const data = this.#content[next.disk]?.subarray(next.offset, next.offset + next.length);
    if (data?.some((byte) => byte !== 0)) this.#record(next.disk, next.offset, Buffer.from(data));
  }

  write(zero: boolean): void {
    const disk = this.#dice.below(this.disks.length);
    const all = (this.disks[disk]?.size ?? 0) / SECTOR;
    const start = this.#dice.below(all);
    const length = Math.min(1 + this.#dice.below(MOST_SECTORS), all - start) * SECTOR;
    const data = zero ? Buffer.alloc(length) : this.#dice.bytes(length);
    this.#content[disk]?.set(data, start * SECTOR);
    this.#record(disk, start * SECTOR, zero ? length : data);
  }

  #record(disk: number, offset: number, data: Buffer | number): void {
    if (!this.#sealed) return;
    const length = typeof data === "number" ? data : data.length;
    for (let block = Math.floor(offset / BLOCK); block * BLOCK < offset + length; block++)
      this.#dirty[disk]?.add(block);
    if (this.#fault === "lost-write" && this.#dice.chance(0.05)) return;
    const common = {
      sequence: sequence(++this.#sequence),
      time: this.#now(),
      disk: diskIndex(disk),
      offset: bytes(offset),
    };
    this.#records.push(
      typeof data === "number"
        ? { kind: "zero", ...common, length: bytes(data) }
        : { kind: "data", ...common, data },
    );
  }

  /** Only after the initial copy, and after the last one was proved. */
  barrier(): void {
    if (!this.#sealed || !this.copied || this.#open) return;
    const barrier: BarrierRecord = {
      kind: "barrier",
      id: this.#newId(),
      sequence: sequence(this.#sequence),
      time: this.#now(),
      consistency: "crash",
    };
    const disks = this.#content.map((disk) => Buffer.from(disk));
    this.#truth.moments.set(barrier.id, { sequence: barrier.sequence, disks });
    if (this.#fault === "late-barrier") this.write(false);
    this.#records.push({ ...barrier, sequence: sequence(this.#sequence) });
    this.#open = { barrier, disks, dirty: this.#dirty };
    this.#dirty = this.disks.map(() => new Set<number>());
  }

  #newId = (): BarrierId =>
    barrierId(`00000000-0000-4000-8000-${String(this.#truth.moments.size).padStart(12, "0")}`);

  prove(): void {
    if (!this.#open) return;
    const { barrier, disks, dirty } = this.#open;
    const common = { barrier: barrier.id, sequence: sequence(this.#sequence), time: this.#now() };
    for (const { index } of this.disks) {
      const blocks = Uint32Array.from(dirty[index] ?? []).toSorted();
      const all = digestsOf(disks[index] ?? Buffer.alloc(0));
      const digests = Buffer.concat([...blocks].map((block) => all.subarray(block * 32, block * 32 + 32)));
      if (this.#fault === "wrong-digest" && blocks.length > 0) digests[0] = (digests[0] ?? 0) ^ 1;
      if (blocks.length > 0) this.#records.push({ kind: "digests", ...common, disk: index, blocks, digests });
    }
    const roots = this.disks.map(({ index, size }) => ({
      disk: index,
      size,
      root: rootOf(size, digestsOf(disks[index] ?? Buffer.alloc(0))),
    }));
    this.#records.push({ kind: "proof", ...common, roots });
    this.#truth.proved.add(barrier.id);
    this.#open = undefined;
  }

  async seal(): Promise<void> {
    const sealed = this.#sealed;
    if (!sealed || this.#records.length === 0) return;
    const records = this.#fault === "reorder" ? swapped(this.#records) : this.#records;
    this.#records = [];
    const { generation, next: ordinal, chain: previous, sequence: from } = sealed;
    const content = { machine: this.#machine, generation, ordinal, previous, from, records };
    const segment = await sealSegment({ ...content, key: this.#key });
    this.#sealed = follow(this.#machine, sealed, segment);
    this.spool.push(segment);
    this.#truth.noteSealed(segment);
  }

  /** The first segment of the spool is durable in the cache. */
  noteCached(segment: CheckedSegment): void {
    if (!this.cached || this.spool[0] !== segment) return;
    this.spool.shift();
    this.cached = follow(this.#machine, this.cached, segment);
  }

  reported(): { at: Micros; captured: JournalPosition; cached: JournalPosition } | undefined {
    return (
      this.captured &&
      this.cached && { at: micros(this.#now()), captured: this.captured, cached: this.cached }
    );
  }
}

/** The data of the first two overlapping writes change places. */
function swapped(records: readonly JournalRecord[]): JournalRecord[] {
  const a = records.findIndex((one, i) => {
    const next = records[i + 1];
    return one.kind === "data" && next?.kind === "data" && one.disk === next.disk;
  });
  const [first, second] = [records[a], records[a + 1]];
  if (first?.kind !== "data" || second?.kind !== "data") return [...records];
  const back = { ...second, sequence: first.sequence };
  const front = { ...first, sequence: second.sequence };
  return records.with(a, back).with(a + 1, front);
}

function digestsOf(disk: Buffer): Buffer {
  const digests: Buffer[] = [];
  for (let at = 0; at < disk.length; at += BLOCK)
    digests.push(hash("sha256", disk.subarray(at, at + BLOCK), "buffer"));
  return Buffer.concat(digests);
}
