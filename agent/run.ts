import type { CapturePolicy } from "../engine/contract/agent-api.ts";
import { LeewardError, hasCode } from "../engine/core/errors.ts";
import type { BarrierId, MachineId } from "../engine/core/ids.ts";
import { LADDER } from "../engine/core/retry.ts";
import {
  type Bytes,
  type DiskIndex,
  type Generation,
  type Ordinal,
  diskIndex,
  micros,
  millis,
} from "../engine/core/units.ts";
import type { JournalPosition } from "../engine/journal/position.ts";
import { type BarrierTerms, Barriers } from "./barrier.ts";
import { type Beginning, type Known, type Marked, baseDigests, emptySpool } from "./beginning.ts";
import { Comparison } from "./comparison.ts";
import { DiskDigests } from "./digests.ts";
import { syncFiles } from "./durable.ts";
import { type Ending, endingBy, endingIn, endingOf } from "./ending.ts";
import { Missed } from "./missed.ts";
import type { DiskWrite } from "./nbd/export.ts";
import { KeptState } from "./kept-state.ts";
import { type Destination, Outbox } from "./outbox.ts";
import { Pressure } from "./pressure.ts";
import { Recorder } from "./recorder.ts";
import { References, isReferable } from "./references.ts";
import { recover } from "./recover.ts";
import { Rotation } from "./rotation.ts";
import type { RunSettings } from "./run-settings.ts";
import { type RunStatus, statusOf } from "./run-status.ts";
import { type SpoolState, bootId } from "./spool-state.ts";
import { type ClosedLog, Spool, generationDirectory } from "./spool.ts";
import type { Place } from "./unrecorded.ts";

/**
 * One generation, live: from the comparison that it begins with until the journal breaks or the process ends. A broken run carries what
 * it has to the cache and takes nothing more; the guest notices none of it.
 */
export class Run {
  readonly #settings: RunSettings;
  readonly #spool: Spool;
  readonly #references: References;
  readonly #digests: readonly DiskDigests[];
  readonly #outbox: Outbox;
  readonly #recorder: Recorder;
  readonly #copy: Comparison;
  readonly #barriers: Barriers;
  readonly #pressure: Pressure;
  readonly #missed: Missed;
  readonly #rotation: Rotation;
  readonly #end = new AbortController();
  #policy: CapturePolicy;
  readonly #state: KeptState;
  /** The newest barrier that this process has proved. */
  #proved: BarrierId | undefined;
  #broken: Ending | undefined;
  #destination: Destination | undefined;

  /** A new generation, by comparison with its base or empty disks: what an earlier one left in the spool goes. */
  static begin(s: RunSettings & Beginning): Run {
    return new Run(s, emptySpool(s), true);
  }

  /** Goes on where a killed or stopped agent ended. No crash of the machine brings that end back: it would go on there twice. @throws SpoolDamaged, DiskUnreadable */
  static resume(s: RunSettings & Known, state: SpoolState): Run {
    const disks = s.disks.map(({ size }) => ({ size }));
    const run = new Run(s, { ...state, boot: bootId(s.files), clean: false, disks }, false);
    syncFiles(s.files, s.spoolDirectory);
    return run;
  }

  private constructor(s: RunSettings & Known, state: SpoolState, fresh: boolean) {
    this.#settings = s;
    this.#policy = s.policy;
    this.#state = new KeptState(s.files, s.spoolDirectory, state);
    this.#broken = state.ended && endingIn(state.ended);
    if (this.#broken) this.#end.abort();
    const { files, clock, pace, disks } = s;
    const directory = generationDirectory(s.spoolDirectory, state.cached.generation);
    const { logs, changes, references, end, next, kept, used } = recover(files, directory, state, disks);
    this.#spool = new Spool({
      files,
      directory,
      limit: s.spoolLimit,
      next,
      end,
      used,
      opened: () => void setImmediate(() => void this.#rotation.watchAge()),
      crowded: (size) => this.#outbox.makeRoom(size),
    });
    this.#references = new References(files, directory, s.disks);
    for (const { ordinal, record } of references) this.#references.add(ordinal, record);
    this.#digests = s.disks.map(
      (disk, index) => new DiskDigests({ files, directory, index: diskIndex(index), disk, fresh }),
    );
    const digests = this.#digests;
    this.#missed = new Missed(digests);
    for (const { disk, offset, length } of changes) digests[disk]?.change(offset, length);
    // The logs that told of them are closed from now on: once they are sealed nobody here can read them.
    for (const disk of digests) disk.save();
    const { record = disks.map((_, index) => diskIndex(index)) } = state;
    const recorder = (this.#recorder = new Recorder(this.#spool, this.#references, digests, clock));
    this.#rotation = new Rotation({
      spool: this.#spool,
      digests,
      clock,
      limit: s.spoolLimit,
      policy: () => this.#policy,
      rung: () => this.#pressure.rung,
      end: this.#end.signal,
      closed: (log) => this.#closed(log),
      broken: (error) => this.break(error),
    });
    this.#copy = new Comparison({
      disks,
      recorder,
      digests,
      hashBlocks: s.hashBlocks,
      base: baseDigests(state, () => this.#destination),
      known: s,
      recorded: record,
      throttle: s.throttle,
      clock,
      from: state.copy,
    });
    this.#barriers = new Barriers({
      recorder,
      digests: record.flatMap((index) => digests[index] ?? []),
      pace,
      clock,
      controlClock: s.controlClock,
      freezer: s.freezer,
      set: state.barriers,
      events: {
        remember: (barriers) => this.#save({ barriers: [...barriers] }),
        placed: ({ id, sequence }) => s.intent.barrier(id, sequence),
        proved: (id) => {
          this.#proved = id;
          this.#rotation.rotate();
        },
        whole: () => this.#pressure.whole(),
      },
    });
    this.#pressure = new Pressure(
      {
        files,
        directory,
        disks,
        clock,
        limit: s.spoolLimit,
        waiting: () => this.#waiting,
        uplink: () => this.#outbox.uplink,
        calm: () => this.#policy.retryLadder?.[0] ?? LADDER[0] ?? millis(0),
        end: () => this.#spool.end.sequence,
        rotate: () => this.#rotation.rotate(),
        refer: (disk, places, time) => recorder.refer(disk, places, { mergedAt: time }),
        remember: (change) => this.#save({ merging: change }),
      },
      state.merging,
    );
    if (state.merging?.recording?.after === end.sequence) this.#pressure.recorded();
    this.#outbox = new Outbox({
      files,
      machine: state.machine,
      directory,
      disks: disks.map(({ file }) => file),
      clock,
      position: state.cached,
      uploaded: state.uploaded,
      kept,
      retryLadder: s.policy.retryLadder ?? LADDER,
      draftSegment: s.draftSegment,
      events: {
        cached: (cached, uploaded) => {
          this.#save({ cached, uploaded });
          setImmediate(() => this.#end.signal.aborted || this.#unlessBroken(() => this.#pressure.relieve()));
        },
        freed: (size) => void (this.#spool.used -= size),
        sealed: ({ ordinal, size: before }, size) => {
          this.#spool.used += size - before;
          this.#references.release(ordinal);
        },
        broken: (error) => this.break(error),
      },
    });
    for (const log of logs) this.#outbox.add(log);
    this.#save({});
    if (!this.#broken) void this.#background();
  }

  get machine(): MachineId {
    return this.#state.now.machine;
  }

  get generation(): Generation {
    return this.#state.now.cached.generation;
  }

  /** Where the cache is to go on; undefined when this run cannot be continued. */
  get resume(): Pick<JournalPosition, "generation" | "next"> | undefined {
    if (this.#broken) return undefined;
    const { generation, next } = this.#state.now.cached;
    return { generation, next };
  }

  /** Which blocks may have changed since the newest proved barrier, also behind the end of the journal. */
  get marked(): Marked | undefined {
    return this.#proved && { id: this.#proved, disks: this.#digests.map(({ unproved }) => unproved) };
  }

  get status(): RunStatus {
    return statusOf({
      state: this.#state.now,
      broken: this.#broken,
      spool: this.#spool,
      outbox: this.#outbox,
      recorder: this.#recorder,
      comparison: this.#copy,
      barriers: this.#barriers,
      pressure: this.#pressure,
      missed: this.#missed,
    });
  }

  /** Resolves when writes may be acknowledged again; undefined while they may. */
  get holding(): Promise<void> | undefined {
    return this.#barriers.holding;
  }

  /** Whether the generation is of this disk: only then may `write` and `zero` be told of it. */
  records(disk: DiskIndex): boolean {
    return this.#state.now.record?.includes(disk) ?? true;
  }

  connect(destination: Destination): void {
    this.#destination = destination;
    this.#outbox.connect(destination);
  }

  setPolicy(policy: CapturePolicy): void {
    this.#policy = policy;
    this.#outbox.setLadder(policy.retryLadder ?? LADDER);
  }

  /** The target holds everything before this segment; the cache lost or spoiled some behind it. */
  arrived(before: Ordinal, again: readonly Ordinal[]): void {
    this.#outbox.arrived(before);
    this.#outbox.sendAgain(again);
  }

  /**
   * Call before the disk changes. Never throws: a journal that cannot take the change breaks instead. A write that
   * `isReferable` comes alone, so that all before it are on the disk.
   */
  write(disk: DiskIndex, writes: readonly DiskWrite[]): void {
    const places = writes.map(({ offset, length }) => ({ disk, offset, length }));
    const byReference = writes[0] && isReferable(writes[0]);
    this.#change(places, () =>
      byReference ? this.#recorder.refer(disk, writes) : this.#recorder.write(disk, writes),
    );
  }

  /** As `write`. */
  zero(disk: DiskIndex, offset: Bytes, length: Bytes): void {
    this.#change([{ disk, offset, length }], () => this.#recorder.zero(disk, offset, length));
  }

  /** Resolves when the barrier is proved, or at once while another one is under way or none may be set yet. */
  async requestBarrier(id: BarrierId, terms: BarrierTerms): Promise<void> {
    if (!this.#broken && !this.#pressure.canBeWhole) return;
    await this.#barriers.request(id, terms).catch((error: unknown) => this.break(error));
  }

  /** Ends the journal in front of what comes next, for good: a later start finds only what may be handed over. */
  break(error: unknown): void {
    if (this.#broken) return;
    this.#broken = endingBy(error, this.#settings.clock.now());
    this.#end.abort();
    this.#barriers.close();
    // A recording is in the journal as a whole or not at all; it has a log to itself.
    const recording = this.#state.now.merging?.recording;
    if (recording && this.#spool.end.sequence < recording.after) this.#references.release(this.#spool.drop());
    const log = this.#spool.rotate();
    this.#save({ ended: endingOf(this.#broken) });
    if (log) this.#outbox.add(log);
  }

  /** Ends at once: another generation takes over. */
  discard(): void {
    this.break(new LeewardError("FenceLost", `generation ${this.generation} ended`));
    this.#state.forget();
    this.#outbox.close();
    this.#closeFiles();
  }

  /** Carries what it can to the cache within the time, then leaves the rest on stable storage for the next start. */
  async close(patience = millis(0)): Promise<void> {
    this.#end.abort();
    this.#barriers.close();
    this.#rotation.rotate();
    const { files, clock, disks, spoolDirectory } = this.#settings;
    const until = micros(clock.now() + patience * 1000);
    while (clock.now() < until && this.#outbox.mayCarry(until)) await clock.sleep(millis(20));
    this.#outbox.close();
    for (const disk of disks) await disk.flush();
    syncFiles(files, this.#spool.directory);
    this.#save({ clean: true, disks: disks.map(({ size, changed }) => ({ size, changed })) });
    syncFiles(files, spoolDirectory);
    this.#closeFiles();
  }

  #closeFiles(): void {
    this.#references.close();
    this.#pressure.close();
    for (const disk of this.#digests) disk.close();
  }

  #change(places: readonly Place[], act: () => void): void {
    const size = places.reduce((sum, { length }) => sum + length, 0);
    this.#unlessBroken(() => this.#pressure.prepare(size));
    for (const place of places) this.#keep(place);
    this.#unlessBroken(() => this.#record(places, act));
    if (this.#broken) this.#missed.add(places);
  }

  /** A broken run still refers to the disk. Without the copies it has nothing more for the cache. */
  #keep({ disk, offset, length }: Place): void {
    try {
      this.#references.keep(disk, offset, length);
    } catch (error) {
      this.break(error);
      this.#outbox.close();
      this.#references.close();
    }
  }

  #record(places: readonly Place[], act: () => void): void {
    if (this.#merges(places)) return;
    if (this.#rotation.due) this.#rotation.rotate();
    try {
      act();
    } catch (error) {
      // Of what did not fit, nothing counts.
      if (!hasCode(error, "SpoolFull")) throw error;
      this.#pressure.begin();
      this.#merges(places);
    }
    if (this.#rotation.due) setImmediate(() => this.#rotation.due && this.#rotation.rotate());
  }

  #merges(places: readonly Place[]): boolean {
    if (!this.#pressure.merges(places)) return false;
    for (const { disk, offset, length } of places) {
      this.#digests[disk]?.change(offset, length);
      this.#digests[disk]?.save();
    }
    return true;
  }

  #unlessBroken(act: () => void): void {
    if (this.#broken) return;
    try {
      act();
    } catch (error) {
      this.break(error);
    }
  }

  #closed(log: ClosedLog): void {
    this.#outbox.add(log);
    if (this.#state.now.copy && !this.#broken) this.#save({});
  }

  async #background(): Promise<void> {
    this.#unlessBroken(() => this.#pressure.relieve());
    try {
      await this.#copy.run(() => this.#copyMustWait(), this.#end.signal);
      if (this.#end.signal.aborted) return;
      this.#save({});
      await this.#barriers.open();
    } catch (error) {
      this.break(error);
    }
  }

  /** Bytes of the spool that are nowhere else. */
  get #waiting(): number {
    return this.#spool.used - this.#outbox.keptBytes;
  }

  #copyMustWait(): boolean {
    if (this.#rotation.due) this.#rotation.rotate();
    return this.#pressure.crowded;
  }

  #save(change: Partial<SpoolState>): void {
    this.#state.save({ ...change, copy: this.#copy.place });
  }
}
