import { readLog } from "../../agent/log.ts";
import type { Capture } from "../../agent/capture.ts";
import type { BarrierId, MachineId } from "../../engine/core/ids.ts";
import {
  BLOCK,
  type Bytes,
  type DiskIndex,
  type Generation,
  KIB,
  SECTOR,
  bytes,
  diskIndex,
  generation,
  ordinal,
} from "../../engine/core/units.ts";
import { segmentName } from "../../engine/journal/names.ts";
import type { BarrierRecord } from "../../engine/journal/record.ts";
import { checkSegment } from "../../engine/journal/segment.ts";
import { MemoryFileSystem } from "../fixtures/memory-files.ts";
import type { Causality } from "./causality.ts";
import type { Dice } from "./dice.ts";
import type { Side } from "./side.ts";
import type { MachineClock } from "./machine-clock.ts";
import type { FileWatch } from "./mortal-files.ts";
import type { Process } from "./scheduler.ts";
import { type Change, type Truth, Violation } from "./truth.ts";

interface Disk {
  readonly index: DiskIndex;
  readonly name: string;
  readonly size: Bytes;
}

/** Neither a whole number of blocks nor all below one; the last one takes writes that go into the journal by reference. */
const SIZES = [8 * KIB, 20 * KIB, 70 * KIB + SECTOR, 140 * KIB];
const MANY_BLOCKS = 10 * BLOCK + SECTOR;
const MOST_SECTORS = 24;

export const SPOOL = "/spool";
export const CONFIG = "/config.json";
const pathOf = (disk: number): string => `/disks/${disk}`;

/** An agent's process and what it serves. */
export interface Running {
  readonly process: Process;
  readonly capture: Capture;
  /** Has it end in its own order. */
  readonly stop: () => void;
}

/** What the guest was promised of a disk: what a flush made durable, and what came after it began. */
interface Promised {
  base: Buffer;
  since: { readonly offset: number; readonly data: Buffer }[];
}

/** What a faulty machine does; see `mutations.ts`. */
export type GuestFault = "drop-write" | "reorder";

/**
 * A virtual machine: disks, a file system for the agent's spool, and a guest that writes. It sees through the agent's
 * files what the agent has journalled, and notes what the disks held at that instant.
 */
export class Guest implements FileWatch {
  readonly machine: MachineId;
  /** Of its identity. */
  readonly principal: string;
  readonly clock: MachineClock;
  /** The direction that it is protected in, and with that the region that it runs in. */
  readonly side: Side;
  /** What its disks held when it began. */
  readonly initial: readonly Buffer[];
  /** Blocks that it changed since, of each disk. */
  readonly touched: readonly Set<number>[];
  /** It is shut down: nothing writes to its disks. */
  shut = false;
  /** Changes that are not answered yet. */
  changing = 0;
  readonly system = new MemoryFileSystem();
  readonly disks: readonly Disk[];
  running: Running | undefined;
  /** That agent, and those that are ending. */
  agents: Process[] = [];
  /** Nothing of it is there any more. */
  gone = false;
  /** Its applications rest: they write nothing. */
  frozen = false;
  /** Watchdogs and freeze commands, those that have ended among them. */
  helpers: Process[] = [];
  /** How often in a row the post command has failed. */
  postFailures = 0;
  /** Barriers that were asked for with the applications at rest. */
  readonly wantsRest = new Set<BarrierId>();
  /** It was failed over: a generation from this one on is not its own. */
  fencedFrom = Infinity;
  /** Its newest generation. */
  wrote: Generation | undefined;
  readonly #dice: Dice;
  readonly #truth: Truth;
  readonly #causality: Causality;
  readonly #fault: GuestFault | undefined;
  readonly #forgotten: (name: string) => void;
  readonly #promised: Promised[];
  /** The newest change in the journal: that of a call is there before the disk has it. */
  #journalled: { readonly generation: Generation; readonly change: Change } | undefined;

  constructor(s: {
    machine: MachineId;
    principal: string;
    clock: MachineClock;
    side: Side;
    dice: Dice;
    truth: Truth;
    causality: Causality;
    fault: GuestFault | undefined;
    /** By index. */
    contents: readonly Buffer[];
    /** A segment has left the spool. */
    forgotten: (name: string) => void;
  }) {
    this.machine = s.machine;
    this.principal = s.principal;
    this.clock = s.clock;
    this.side = s.side;
    this.initial = s.contents.map((content) => Buffer.from(content));
    this.touched = s.contents.map(() => new Set<number>());
    this.#dice = s.dice;
    this.#truth = s.truth;
    this.#causality = s.causality;
    this.#fault = s.fault;
    this.#forgotten = s.forgotten;
    this.disks = s.contents.map(({ length }, i) => ({
      index: diskIndex(i),
      name: `disk${i}`,
      size: bytes(length),
    }));
    this.#promised = s.contents.map((content) => ({ base: Buffer.from(content), since: [] }));
    for (const [i, content] of s.contents.entries()) this.system.put(pathOf(i), content);
    this.system.makeDirectory(SPOOL);
    const config = { endpoint: "https://leeward.test", audience: "api://leeward", machine: this.machine };
    this.system.put(CONFIG, Buffer.from(JSON.stringify(config)));
  }

  /** Half full, as young disks are. */
  static contentsFor(dice: Dice): Buffer[] {
    return Array.from({ length: 1 + dice.below(3) }, () => halfFull(dice, dice.pick(SIZES) ?? SECTOR));
  }

  /** One of them is so large that hardly all of its blocks are written to. */
  static manyBlocksFor(dice: Dice): Buffer[] {
    return [...Guest.contentsFor(dice).slice(0, 2), halfFull(dice, MANY_BLOCKS)];
  }

  get diskPaths(): string[] {
    return this.disks.map((_, i) => pathOf(i));
  }

  get contents(): Buffer[] {
    return this.disks.map((_, i) => Buffer.from(this.system.content(pathOf(i))));
  }

  /** Somewhere, something, through the agent. */
  async write(zero: boolean): Promise<void> {
    const disk = this.#dice.pick(this.disks);
    if (!disk || !this.running || this.frozen || this.shut) return;
    const all = disk.size / SECTOR;
    const large = disk.size > BLOCK && this.#dice.chance(0.15);
    const start = this.#dice.below(large ? all - BLOCK / SECTOR : all);
    const most = large ? BLOCK / SECTOR : 1 + this.#dice.below(MOST_SECTORS);
    const length = Math.min(most, all - start) * SECTOR;
    const data = zero ? Buffer.alloc(length) : this.#dice.bytes(length);
    await this.#change(disk.index, start * SECTOR, data, zero);
  }

  async #change(index: DiskIndex, offset: number, data: Buffer, zero: boolean): Promise<void> {
    const to = this.running?.capture.exports[index];
    const promised = this.#promised[index];
    if (!to || !promised) return;
    if (this.#fault === "drop-write" && this.#dice.chance(0.05)) return this.#besides(index, offset, data);
    const before = this.#fault === "reorder" ? this.contents[index] : undefined;
    const length = bytes(data.length);
    for (let at = offset; at < offset + length; at += SECTOR)
      this.touched[index]?.add(Math.floor(at / BLOCK));
    const done = zero ? to.zero(bytes(offset), length) : undefined;
    if (!zero) to.write([{ offset: bytes(offset), length, parts: [data] }]);
    promised.since.push({ offset, data });
    this.#noteDone(index, offset, data.length);
    this.changing++;
    await done;
    this.changing--;
    if (before && this.#dice.chance(0.05))
      this.#besides(index, offset, before.subarray(offset, offset + data.length));
  }

  /** On the disk only. */
  #besides(index: number, offset: number, data: Buffer): void {
    this.system.write(this.system.file(pathOf(index)), Buffer.from(data), offset);
    this.#promised[index]?.since.push({ offset, data: Buffer.from(data) });
  }

  /** Has a disk flushed; a crash may take nothing of it from then on. */
  async flush(): Promise<void> {
    const disk = this.#dice.pick(this.disks);
    const to = disk && this.running?.capture.exports[disk.index];
    const promised = disk && this.#promised[disk.index];
    if (!to || !promised) return;
    const covered = promised.since.length;
    const { process } = this.running ?? {};
    await to.flush();
    if (process?.state === "dead" || this.running?.process !== process) return;
    for (const { offset, data } of promised.since.splice(0, covered)) promised.base.set(data, offset);
  }

  /** The machine itself dies and comes back. @throws Violation when the disk lost what was flushed */
  crash(): void {
    this.system.crash(this.#dice);
    for (const [i, promised] of this.#promised.entries()) {
      const now = Buffer.from(this.system.content(pathOf(i)));
      for (let at = 0; at < now.length; at += SECTOR)
        if (!mayHold(promised, at, now.subarray(at, at + SECTOR)))
          throw new Violation(`flush: disk ${i} of ${this.machine} lost sector ${at / SECTOR} in a crash`);
      promised.base = now;
      promised.since = [];
    }
  }

  appended(path: string, data: Buffer): void {
    this.#watch(() => this.#appended(path, data));
  }

  #appended(path: string, data: Buffer): void {
    const place = logPlace(path);
    if (!place) return;
    this.wrote = place;
    if (place >= this.fencedFrom)
      throw new Violation(`8: ${this.principal} was failed over, and writes generation ${place}`);
    for (const record of readLog(data).records)
      if (record.kind === "barrier") this.#placed(record, place);
      else if (record.kind === "proof") this.#truth.noteProof(place, record.barrier);
      else if (record.kind !== "digests") {
        const { sequence, disk, offset } = record;
        const length = record.kind === "data" ? record.data.length : record.length;
        const payload = record.kind === "zero" ? 0 : length;
        const copied = record.copied === true;
        const change = { sequence, disk, offset, data: this.#read(disk, offset, length), payload, copied };
        this.#journalled = { generation: place, change };
        this.#truth.noteChange(place, change);
      }
  }

  #placed({ id, sequence, consistency }: BarrierRecord, of: Generation): void {
    this.#checkRest(id, consistency);
    this.#truth.noteBarrier(id, { generation: of, sequence, disks: this.contents });
    this.#causality.noteBarrier(this, of, id);
  }

  /** What is said of the applications is so; and where they were to rest and do not, it is said why. */
  #checkRest(id: BarrierId, said: BarrierRecord["consistency"]): void {
    if (said === "application" && !this.frozen)
      throw new Violation(`freeze: barrier ${id} claims that the applications rest, and they do not`);
    const set = this.running?.capture.status?.barriers.find((one) => one.id === id);
    if (said === "crash" && this.wantsRest.has(id) && set && set.why === undefined)
      throw new Violation(`freeze: barrier ${id} does not say why the applications do not rest`);
  }

  renamed(_from: string, to: string): void {
    if (to.endsWith(".seg")) this.#watch(() => this.#truth.noteSealed(checkSegment(this.system.content(to))));
  }

  #watch(look: () => void): void {
    try {
      look();
    } catch (error) {
      this.#truth.fault ??= error instanceof Error ? error : new Error(String(error));
    }
  }

  removed(path: string): void {
    const [, of, at] = /\/(\d{6})\/(\d{12})\.seg$/.exec(path) ?? [];
    if (of && at) this.#forgotten(segmentName(this.machine, generation(Number(of)), ordinal(Number(at))));
  }

  /** The disk has it now. What was journalled without a call, or ahead of it in one, was on the disk before. */
  #noteDone(index: number, offset: number, length: number): void {
    const { generation: of, change } = this.#journalled ?? {};
    this.#journalled = undefined;
    const own = change?.disk === index && change.offset === offset && change.data.length === length;
    if (own && of) this.#truth.noteChange(of, { ...change, data: this.#read(index, offset, length) });
  }

  #read(disk: number, offset: number, length: number): Buffer {
    return Buffer.from(this.system.content(pathOf(disk)).subarray(offset, offset + length));
  }
}

function halfFull(dice: Dice, size: number): Buffer {
  const half = Math.floor(size / SECTOR / 2) * SECTOR;
  return Buffer.concat([dice.bytes(half), Buffer.alloc(size - half)]);
}

function logPlace(path: string): Generation | undefined {
  const [, of] = /\/(\d{6})\/\d{12}\.log$/.exec(path) ?? [];
  return of === undefined ? undefined : generation(Number(of));
}

/** Whether the sector is what was flushed, or any of what was written there since. */
function mayHold({ base, since }: Promised, at: number, found: Buffer): boolean {
  if (found.equals(base.subarray(at, at + SECTOR))) return true;
  return since.some(
    ({ offset, data }) =>
      at >= offset &&
      at + SECTOR <= offset + data.length &&
      found.equals(data.subarray(at - offset, at - offset + SECTOR)),
  );
}
