import { join } from "node:path";
import type { CapturePolicy } from "../engine/contract/agent-api.ts";
import { LeewardError, messageOf } from "../engine/core/errors.ts";
import type { BarrierId, MachineId } from "../engine/core/ids.ts";
import { LADDER } from "../engine/core/retry.ts";
import {
  type Bytes,
  type DiskIndex,
  type Generation,
  MIB,
  type Ordinal,
  bytes,
  diskIndex,
  millis,
} from "../engine/core/units.ts";
import { type JournalPosition, startOf } from "../engine/journal/position.ts";
import { type BarrierTerms, Barriers } from "./barrier.ts";
import { type Beginning, type Marked, baseDigests } from "./beginning.ts";
import { Comparison } from "./comparison.ts";
import { DiskDigests } from "./digests.ts";
import { syncFiles } from "./durable.ts";
import type { DiskWrite } from "./nbd/export.ts";
import { type Destination, Outbox } from "./outbox.ts";
import { Recorder } from "./recorder.ts";
import { References, isReferable } from "./references.ts";
import { recover } from "./recover.ts";
import type { RunSettings } from "./run-settings.ts";
import type { RunStatus } from "./run-status.ts";
import { type SpoolState, bootId, forgetState, writeState } from "./spool-state.ts";
import { Spool, generationDirectory } from "./spool.ts";

/** The comparison waits while this much, or a quarter of the spool, is not in the cache: the rest is the guest's. */
const COPY_BACKLOG = 64 * MIB;
/** A segment holds at most 64 MiB; one batch of the guest is at most a little over 32. */
const MOST_IN_LOG = 24 * MIB;

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
  readonly #end = new AbortController();
  #policy: CapturePolicy;
  #state: SpoolState;
  #broken: LeewardError | undefined;
  #watching = false;
  /** The newest barrier that this process has proved. */
  #proved: BarrierId | undefined;
  #destination: Destination | undefined;

  /** A new generation, by comparison with its base or empty disks: what an earlier one left in the spool goes. */
  static begin(s: RunSettings & Beginning): Run {
    const { files, base } = s;
    forgetState(files, s.spoolDirectory);
    for (const { name, kind } of files.list(s.spoolDirectory))
      if (kind === "directory") files.removeDirectory(join(s.spoolDirectory, name));
    files.makeDirectory(generationDirectory(s.spoolDirectory, s.generation));
    const state: SpoolState = {
      format: 1,
      machine: s.machine,
      boot: bootId(files),
      clean: false,
      disks: s.disks.map(({ size }) => ({ size })),
      cached: startOf(s.generation, s.from, base?.digest),
      uploaded: bytes(0),
      ...(base && { base }),
      copy: { disk: diskIndex(0), offset: bytes(0) },
      barriers: [],
    };
    return new Run(s, state, true, s.marked);
  }

  /** Goes on where a killed or stopped agent ended. @throws SpoolDamaged, DiskUnreadable */
  static resume(s: RunSettings, state: SpoolState): Run {
    const disks = s.disks.map(({ size }) => ({ size }));
    return new Run(s, { ...state, boot: bootId(s.files), clean: false, disks }, false);
  }

  private constructor(s: RunSettings, state: SpoolState, fresh: boolean, known?: Marked) {
    this.#settings = s;
    this.#policy = s.policy;
    this.#state = state;
    const { files } = s;
    const directory = generationDirectory(s.spoolDirectory, state.cached.generation);
    const { logs, changes, references, end, next, kept, used } = recover(
      files,
      directory,
      state.cached,
      s.disks,
    );
    const opened = () => void setImmediate(() => void this.#watchAge());
    this.#spool = new Spool({
      files,
      directory,
      limit: s.spoolLimit,
      next,
      end,
      used,
      opened,
      crowded: (size) => this.#outbox.makeRoom(size),
    });
    this.#references = new References(files, directory, s.disks);
    for (const { ordinal, record } of references) this.#references.add(ordinal, record);
    this.#digests = s.disks.map(
      (disk, index) => new DiskDigests({ files, directory, index: diskIndex(index), disk, fresh }),
    );
    const digests = this.#digests;
    for (const { disk, offset, length } of changes) digests[disk]?.change(offset, length);
    const { clock, pace, disks } = s;
    const recorder = (this.#recorder = new Recorder(this.#spool, this.#references, digests, clock));
    const { hashBlocks, throttle } = s;
    const base = baseDigests(state, () => this.#destination);
    const marked = state.base?.id === known?.id ? known?.disks : undefined;
    this.#copy = new Comparison({
      disks,
      recorder,
      digests,
      hashBlocks,
      base,
      marked,
      throttle,
      clock,
      from: state.copy,
    });
    this.#barriers = new Barriers({
      recorder,
      digests,
      pace,
      clock,
      controlClock: s.controlClock,
      freezer: s.freezer,
      set: state.barriers,
      events: {
        remember: (barriers) => this.#save({ barriers: [...barriers] }),
        proved: (id) => {
          this.#proved = id;
          this.#rotate();
        },
      },
    });
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
        cached: (cached, uploaded) => this.#save({ cached, uploaded }),
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
    void this.#background();
  }

  get machine(): MachineId {
    return this.#state.machine;
  }

  get generation(): Generation {
    return this.#state.cached.generation;
  }

  /** Where the cache is to go on; undefined when this run cannot be continued. */
  get resume(): Pick<JournalPosition, "generation" | "next"> | undefined {
    if (this.#broken) return undefined;
    const { generation, next } = this.#state.cached;
    return { generation, next };
  }

  /** Which blocks may have changed since the newest proved barrier, also behind the end of the journal. */
  get marked(): Marked | undefined {
    return this.#proved && { id: this.#proved, disks: this.#digests.map(({ unproved }) => unproved) };
  }

  get status(): RunStatus {
    const { cached, uploaded } = this.#state;
    const captured = this.#spool.end;
    const copying = this.#copy.place !== undefined;
    return {
      generation: cached.generation,
      mode: this.#broken ? "stopped" : copying ? (this.#state.base ? "resync" : "initial-copy") : "streaming",
      captured,
      cached,
      backlog: {
        segments: this.#outbox.segments + (this.#spool.openSince === undefined ? 0 : 1),
        bytes: bytes(captured.bytes - cached.bytes),
      },
      uploaded,
      written: this.#recorder.written,
      initialCopy: this.#copy.progress,
      barriers: this.#barriers.set,
      refused: this.#barriers.refused,
      keptFrom: this.#outbox.keptFrom,
      problem: this.#broken ?? this.#trouble ?? this.#barriers.problem,
    };
  }

  /** Resolves when writes may be acknowledged again; undefined while they may. */
  get holding(): Promise<void> | undefined {
    return this.#barriers.holding;
  }

  connect(destination: Destination): void {
    this.#destination = destination;
    this.#outbox.connect(destination);
  }

  setPolicy(policy: CapturePolicy): void {
    this.#policy = policy;
    this.#outbox.setLadder(policy.retryLadder ?? LADDER);
  }

  /** The target holds everything before this segment. */
  arrived(before: Ordinal): void {
    this.#outbox.arrived(before);
  }

  /** The cache lost or spoiled these segments. */
  sendAgain(ordinals: readonly Ordinal[]): void {
    this.#outbox.sendAgain(ordinals);
  }

  /**
   * Call before the disk changes. Never throws: a journal that cannot take the change breaks instead. A write that
   * `isReferable` comes alone, so that all before it are on the disk.
   */
  write(disk: DiskIndex, writes: readonly DiskWrite[]): void {
    for (const { offset, length } of writes) this.#keep(disk, offset, length);
    const [first] = writes;
    if (first && isReferable(first)) this.#record(() => this.#recorder.refer(disk, writes));
    else this.#record(() => this.#recorder.write(disk, writes));
    if (this.#broken) for (const { offset, length } of writes) this.#digests[disk]?.mark(offset, length);
  }

  /** As `write`. */
  zero(disk: DiskIndex, offset: Bytes, length: Bytes): void {
    this.#keep(disk, offset, length);
    this.#record(() => this.#recorder.zero(disk, offset, length));
    if (this.#broken) this.#digests[disk]?.mark(offset, length);
  }

  /** Resolves when the barrier is proved, or at once while another one is under way or none may be set yet. */
  async requestBarrier(id: BarrierId, terms: BarrierTerms): Promise<void> {
    await this.#barriers.request(id, terms).catch((error: unknown) => this.break(error));
  }

  /** Ends the journal in front of what comes next. No later start goes on with it. Returns when that is certain. */
  break(error: unknown): void {
    if (this.#broken) return;
    this.#broken =
      error instanceof LeewardError ? error : new LeewardError("SpoolDamaged", messageOf(error), error);
    forgetState(this.#settings.files, this.#settings.spoolDirectory);
    this.#end.abort();
    this.#barriers.close();
    const log = this.#spool.rotate();
    if (log) this.#outbox.add(log);
  }

  /** Ends at once: another generation takes over. */
  discard(): void {
    this.break(new LeewardError("FenceLost", `generation ${this.generation} ended`));
    this.#outbox.close();
    this.#closeFiles();
  }

  /** Carries what it can to the cache within the time, then leaves the rest on stable storage for the next start. */
  async close(patience = millis(0)): Promise<void> {
    this.#end.abort();
    this.#barriers.close();
    this.#rotate();
    const { files, clock, disks, spoolDirectory } = this.#settings;
    const until = clock.now() + patience * 1000;
    while (this.#outbox.segments > 0 && clock.now() < until) await clock.sleep(millis(20));
    this.#outbox.close();
    if (!this.#broken) {
      for (const disk of disks) await disk.flush();
      syncFiles(files, this.#spool.directory);
      this.#save({ clean: true, disks: disks.map(({ size, changed }) => ({ size, changed })) });
      syncFiles(files, spoolDirectory);
    }
    this.#closeFiles();
  }

  #closeFiles(): void {
    this.#references.close();
    for (const disk of this.#digests) disk.close();
  }

  /** A broken run still refers to the disk. Without the copies it has nothing more for the cache. */
  #keep(disk: DiskIndex, offset: Bytes, length: Bytes): void {
    try {
      this.#references.keep(disk, offset, length);
    } catch (error) {
      this.break(error);
      this.#outbox.close();
      this.#references.close();
    }
  }

  #record(act: () => void): void {
    if (this.#broken) return;
    try {
      if (this.#full()) this.#rotate();
      act();
      if (this.#full()) setImmediate(() => this.#full() && this.#rotate());
    } catch (error) {
      this.break(error);
    }
  }

  #full(): boolean {
    return this.#spool.openSize >= Math.min(this.#policy.sealBytes, MOST_IN_LOG);
  }

  /** A log is never ended between its append and the disk's write: a kill there must find it as the newest. */
  #rotate(): void {
    if (this.#spool.openSince === undefined) return;
    try {
      for (const disk of this.#digests) disk.save();
    } catch (error) {
      this.break(error);
    }
    const log = this.#spool.rotate();
    if (!log) return;
    this.#outbox.add(log);
    if (this.#state.copy && !this.#broken) this.#save({});
  }

  async #watchAge(): Promise<void> {
    if (this.#watching) return;
    this.#watching = true;
    const { clock } = this.#settings;
    for (let since = this.#spool.openSince; since !== undefined; since = this.#spool.openSince) {
      const rest = since + this.#policy.sealAge * 1000 - clock.now();
      if (rest <= 0) this.#rotate();
      else await clock.sleep(millis(Math.ceil(rest / 1000)), this.#end.signal).catch(() => undefined);
      if (this.#end.signal.aborted) break;
    }
    this.#watching = false;
  }

  async #background(): Promise<void> {
    try {
      await this.#copy.run(() => this.#copyMustWait(), this.#end.signal);
      if (this.#end.signal.aborted) return;
      this.#save({});
      await this.#barriers.open();
    } catch (error) {
      this.break(error);
    }
  }

  get #trouble(): LeewardError | undefined {
    const { uplink } = this.#outbox;
    return uplink.state === "well" ? undefined : uplink.error;
  }

  /** Bytes of the spool that are nowhere else. */
  get #waiting(): number {
    return this.#spool.used - this.#outbox.keptBytes;
  }

  #copyMustWait(): boolean {
    if (this.#full()) this.#rotate();
    return this.#waiting > Math.min(COPY_BACKLOG, this.#settings.spoolLimit / 4);
  }

  /** A broken run has no state on disk, only in memory. */
  #save(change: Partial<SpoolState>): void {
    const { copy: _, ...rest } = this.#state;
    const copy = this.#copy.place;
    this.#state = { ...rest, ...change, ...(copy && { copy }) };
    if (!this.#broken) writeState(this.#settings.files, this.#settings.spoolDirectory, this.#state);
  }
}
