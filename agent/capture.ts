import { setImmediate } from "node:timers/promises";
import type { CapturePolicy } from "../engine/contract/agent-api.ts";
import { type Clock, systemClock } from "../engine/core/clock.ts";
import { LeewardError } from "../engine/core/errors.ts";
import type { BarrierId } from "../engine/core/ids.ts";
import {
  type Bytes,
  type DiskIndex,
  MIB,
  type Millis,
  type Ordinal,
  type Generation,
  bytes,
  diskIndex,
  millis,
} from "../engine/core/units.ts";
import type { JournalPosition } from "../engine/journal/position.ts";
import { AT_ONCE, type BarrierTerms } from "./barrier.ts";
import { ControlClock } from "./control-clock.ts";
import type { Beginning, Known, Marked } from "./beginning.ts";
import { Disk } from "./disk.ts";
import type { Files } from "./files.ts";
import { FREE_PLACE, pathAt } from "./free-place.ts";
import { type Freezer, noFreezer } from "./freeze/freezer.ts";
import { type HashBlocks, hashHere } from "./hash-blocks.ts";
import { GroupedFlush } from "./grouped-flush.ts";
import { WriteIntent } from "./intent.ts";
import type { DiskWrite, Export } from "./nbd/export.ts";
import type { Destination } from "./outbox.ts";
import { nodeFiles } from "./node-files.ts";
import { Pace } from "./pace.ts";
import { isReferable } from "./references.ts";
import { Run } from "./run.ts";
import type { RunStatus } from "./run-status.ts";
import { type DraftSegment, draftHere } from "./seal.ts";
import { type SpoolState, bootId, forgetState, readState } from "./spool-state.ts";
import { Throttle } from "./throttle.ts";

/** A longer zero request gives others their turn in between; each part is a record of its own. */
const ZERO_SLICE = 32 * MIB;

/** Until the control plane has said its own. */
const FIRST_POLICY: CapturePolicy = {
  sealBytes: bytes(8 * MIB),
  sealAge: millis(5000),
  heartbeatEvery: millis(5000),
};

export interface CaptureSettings {
  /** In index order; `FREE_PLACE` where there was a disk once. */
  readonly diskPaths: readonly string[];
  /** Exists; held by this process alone. */
  readonly spoolDirectory: string;
  readonly spoolLimit: Bytes;
  readonly clock?: Clock;
  /** Without it the system's. */
  readonly files?: Files;
  /** How logs become segments; without it in this process. */
  readonly draftSegment?: DraftSegment;
  /** How blocks are hashed in a comparison; without it in this process. */
  readonly hashBlocks?: HashBlocks;
  /** How many pieces are hashed at the same time; 1 when absent. */
  readonly hashers?: number;
  /** How the applications are brought to rest; without it they are not. */
  readonly freezer?: Freezer;
  /** What is marked at once before it is written, a multiple of 64 KiB; by the disks' sizes when absent. */
  readonly markedRegion?: Bytes;
}

/** What the control plane answered to a registration. */
export interface Registration extends Destination, Beginning {
  readonly policy: CapturePolicy;
}

/**
 * The disks of one machine, with every change recorded on its way. Without a registration, and without a spool to go on
 * with, changes pass unrecorded.
 */
export class Capture {
  /** One for each disk, in index order: disk0, disk1, …; none for a place that is kept free. */
  readonly exports: readonly Export[];
  /** To be told what heartbeats show of the control plane's clock. */
  readonly controlClock = new ControlClock();
  readonly #settings: CaptureSettings & { readonly clock: Clock; readonly files: Files };
  readonly #disks: readonly Disk[];
  readonly #pace: Pace;
  readonly #throttle: Throttle;
  readonly #intent: WriteIntent;
  readonly #crashed: boolean;
  #run: Run | undefined;

  /** Goes on with the spool's journal when it is intact. @throws DiskUnreadable */
  constructor(settings: CaptureSettings) {
    const clock = settings.clock ?? systemClock;
    const files = settings.files ?? nodeFiles;
    this.#settings = { ...settings, clock, files };
    this.#pace = new Pace(clock);
    this.#throttle = new Throttle(this.#pace, clock, settings.hashers ?? 1);
    this.#disks = settings.diskPaths.map(
      (path) => new Disk(files, pathAt(path, settings.spoolDirectory, files)),
    );
    this.#intent = new WriteIntent({
      files,
      directory: settings.spoolDirectory,
      disks: this.#disks,
      clock,
      ...(settings.markedRegion && { region: settings.markedRegion }),
    });
    this.exports = this.disks.flatMap(({ index }) => {
      const disk = this.#disks[index];
      return disk ? [this.#exportOf(disk, index)] : [];
    });
    const state = readState(files, settings.spoolDirectory);
    this.#crashed = this.#intent.crashed || (state?.clean === false && state.boot !== bootId(files));
    this.#run = state && this.#resumed(state);
  }

  /** Those that it serves. */
  get disks(): readonly { readonly index: DiskIndex; readonly size: Bytes }[] {
    const { diskPaths } = this.#settings;
    return this.#disks.flatMap(({ size }, n) =>
      diskPaths[n] === FREE_PLACE ? [] : [{ index: diskIndex(n), size }],
    );
  }

  /** Where the journal can go on without a hole. */
  get resume(): Pick<JournalPosition, "generation" | "next"> | undefined {
    return this.#run?.resume;
  }

  /** The machine crashed, and no generation has begun since. */
  get crashed(): boolean {
    return this.#crashed && !this.#run;
  }

  /** Undefined while nothing is recorded and nothing ever was. */
  get status(): RunStatus | undefined {
    return this.#run?.status;
  }

  /**
   * Goes on with the journal when the registration says so; otherwise begins its generation with a comparison. A journal that
   * broke while the registration was under way stays broken: its generation has a history, and never gets a second one.
   */
  begin(registration: Registration): void {
    const { machine, generation, from, base, record, policy, store, key } = registration;
    this.#throttle.limit(policy.resyncRate ?? bytes(0));
    const run = this.#run;
    if (run && run.machine === machine && run.generation === generation) run.setPolicy(policy);
    else {
      run?.discard();
      const known = base?.marked === true ? this.#since(base, run?.marked) : {};
      this.#intent.begin(generation, base, known.marked !== undefined);
      this.#run = Run.begin({
        ...this.#runSettings(policy),
        machine,
        generation,
        from,
        ...(base && { base }),
        ...(record && { record }),
        ...known,
      });
    }
    this.#run?.connect({ store, key });
  }

  /** New access to the cache. */
  connect(destination: Destination): void {
    this.#run?.connect(destination);
  }

  setPolicy(policy: CapturePolicy): void {
    this.#throttle.limit(policy.resyncRate ?? bytes(0));
    this.#run?.setPolicy(policy);
  }

  /** The target holds everything of the generation before this segment; the cache lost or spoiled some behind it. */
  arrived(of: Generation, before: Ordinal, again: readonly Ordinal[]): void {
    if (this.#run?.generation !== of) return;
    this.#run.arrived(before, again);
  }

  /** The newest point of the generation: a generation that begins behind a crash may stand on it. */
  async point(of: Generation, id: BarrierId): Promise<void> {
    if (this.#run?.generation === of) await this.#intent.arrived(id);
  }

  /** Resolves when the barrier is proved, or at once while another is under way or the initial copy is not complete. */
  async requestBarrier(id: BarrierId, terms: BarrierTerms = AT_ONCE): Promise<void> {
    await this.#run?.requestBarrier(id, terms);
  }

  /** Nothing of the journal is wanted any more: it ends here, and what was not uploaded goes. The guest goes on. */
  forget(): void {
    this.#run?.discard();
    this.#run = undefined;
  }

  /** The journal ends here; the guest goes on. */
  stop(why: LeewardError): void {
    this.#run?.break(why);
  }

  /** Call when no client is left. Uploads what it can within `patience`; the next start goes on from here. */
  async close(patience: Millis): Promise<void> {
    await this.#run?.close(patience);
    for (const disk of this.#disks) await disk.flush();
    this.#intent.close();
    for (const disk of this.#disks) disk.close();
  }

  #runSettings(policy: CapturePolicy) {
    const { files, spoolDirectory, spoolLimit, clock, freezer = noFreezer } = this.#settings;
    const { hashBlocks = hashHere } = this.#settings;
    const draftSegment: DraftSegment = this.#settings.draftSegment ?? ((task) => draftHere(files, task));
    const throttle = this.#throttle;
    const own = {
      disks: this.#disks,
      pace: this.#pace,
      controlClock: this.controlClock,
      hashBlocks,
      throttle,
      intent: this.#intent,
    };
    return { ...own, files, spoolDirectory, spoolLimit, clock, policy, draftSegment, freezer };
  }

  /**
   * The page cache outlives a killed process, so disk and spool are as it left them. They do not both outlive a crash of
   * the machine, and a disk that someone changed while no agent ran has a hole in its journal.
   */
  #resumed(state: SpoolState): Run | undefined {
    const { files } = this.#settings;
    const sameDisks = state.disks.every(({ size, changed }, index) => {
      if (state.record?.includes(diskIndex(index)) === false) return true;
      const disk = this.#disks[index];
      return disk?.size === size && (changed === undefined || changed === disk.changed);
    });
    // One that has come to them is recorded once the control plane says so: in another generation.
    const record = state.record ?? state.disks.map((_, index) => diskIndex(index));
    if (sameDisks && (state.clean || state.boot === bootId(files))) {
      try {
        const known = state.base && this.#since(state.base, undefined);
        const run = Run.resume({ ...this.#runSettings(FIRST_POLICY), ...known }, { ...state, record });
        if (this.#intent.generation !== run.generation) this.#intent.begin(run.generation, undefined, false);
        return run;
      } catch (error) {
        if (!(error instanceof LeewardError) || error.code !== "SpoolDamaged") throw error;
      }
    }
    forgetState(files, this.#settings.spoolDirectory);
    return undefined;
  }

  /** What the run before knows of each block counts, if it is of this base; otherwise the marks, which are coarser. */
  #since(base: NonNullable<Registration["base"]>, known: Marked | undefined): Known {
    const isOwn = known?.id === base.id;
    const found = isOwn ? known : this.#intent.since(base);
    const why = isOwn ? undefined : this.#intent.whyNot(base);
    const isNew = (index: number) => base.disks?.includes(diskIndex(index)) === false;
    const disks = found?.disks.map((marks, index) => (isNew(index) ? undefined : marks));
    return { marked: found && disks && { ...found, disks }, ...(why !== undefined && { why }) };
  }

  #exportOf(disk: Disk, index: DiskIndex): Export {
    const flush = new GroupedFlush(() => this.#intent.flush(index));
    return {
      name: `disk${index}`,
      size: disk.size,
      read: (offset, into) => {
        this.#pace.noteGuest();
        disk.read(offset, into);
      },
      write: (writes) => this.#write(disk, index, writes),
      zero: (offset, length) => this.#zero(disk, index, offset, length),
      flush: () => flush.run(),
      holding: () => this.#run?.holding,
    };
  }

  #write(disk: Disk, index: DiskIndex, writes: readonly DiskWrite[]): void {
    this.#pace.noteGuest();
    for (const group of together(writes)) {
      for (const { offset, length } of group) this.#mark(index, offset, length);
      if (this.#run?.records(index)) this.#run.write(index, group);
      this.#change(() => {
        for (const { offset, length, parts } of group) disk.write(offset, length, parts);
      });
    }
  }

  async #zero(disk: Disk, index: DiskIndex, offset: Bytes, length: Bytes): Promise<void> {
    for (let done = 0; done < length; done += ZERO_SLICE) {
      if (done > 0) await setImmediate();
      this.#pace.noteGuest();
      const at = bytes(offset + done);
      const part = bytes(Math.min(ZERO_SLICE, length - done));
      this.#mark(index, at, part);
      if (this.#run?.records(index)) this.#run.zero(index, at, part);
      this.#change(() => disk.zero(at, part));
    }
  }

  /** Without marks the generation ends: of the next one the control plane knows that it has none. */
  #mark(index: DiskIndex, offset: Bytes, length: Bytes): void {
    try {
      this.#intent.mark(index, offset, length);
    } catch (error) {
      this.#run?.break(error);
    }
  }

  /** A disk that refuses what the journal holds is not what the journal says. */
  #change(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#run?.break(error);
      throw error;
    }
  }
}

/** Cuts a batch so that a write that goes into the journal by reference stands alone. */
function together(writes: readonly DiskWrite[]): readonly (readonly DiskWrite[])[] {
  if (!writes.some(isReferable)) return [writes];
  const groups: DiskWrite[][] = [];
  let small: DiskWrite[] | undefined;
  for (const write of writes) {
    if (isReferable(write)) {
      groups.push([write]);
      small = undefined;
    } else if (small) small.push(write);
    else groups.push((small = [write]));
  }
  return groups;
}
