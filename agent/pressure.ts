import type { Clock } from "../engine/core/clock.ts";
import { LeewardError } from "../engine/core/errors.ts";
import {
  type Bytes,
  type DiskIndex,
  MIB,
  type Micros,
  type Millis,
  type Sequence,
  diskIndex,
  sequence,
} from "../engine/core/units.ts";
import type { Disk } from "./disk.ts";
import type { Files } from "./files.ts";
import type { SpoolState } from "./spool-state.ts";
import { type Place, Unrecorded } from "./unrecorded.ts";
import type { UplinkState } from "./uplink.ts";

/**
 * What the agent does about a cache that takes less than the machine writes. Each rung costs more than the one before:
 * - `normal`;
 * - `slow`: larger and later segments, as requests cost more than bytes. Costs seconds of loss;
 * - `merging`: writes are not recorded, only where they went; when there is room, what is there goes into the journal as
 *   of one instant. What was overwritten meanwhile never travels. Costs the states between these instants;
 * - `broken`: the journal has ended. Costs a comparison, and points until that is done.
 */
export type Rung = "normal" | "slow" | "merging" | "broken";

/** Shares of the spool's limit that wait for the cache. */
const MARKS = {
  /** Segments grow from here on, */
  slow: 0.35,
  /** and writes are merged from here on. */
  merge: 0.6,
  /** Below it what was merged is recorded, and below it for a time everything is normal again. */
  low: 0.15,
  /** What changed unrecorded is recorded when it comes to this much, or to what a segment holds, */
  unrecorded: 0.5,
  /** unless more than this would wait then: the journal breaks. */
  full: 0.9,
  /** A barrier has what was merged recorded at once if that is all that waits then. */
  barrier: 0.5,
} as const;

/** A recording is one segment, which holds 64 MiB: it arrives as a whole or not at all. */
const MOST_IN_SEGMENT = 48 * MIB;
/** A comparison waits while this much, or a quarter of the spool, is not in the cache: the rest is the guest's. */
const COPY_BACKLOG = 64 * MIB;

interface PressureParts {
  readonly files: Files;
  readonly directory: string;
  readonly disks: readonly Disk[];
  readonly clock: Clock;
  readonly limit: Bytes;
  /** Bytes of the spool that are nowhere else. */
  readonly waiting: () => number;
  readonly uplink: () => UplinkState;
  /** How long all must be well before it counts as normal. */
  readonly calm: () => Millis;
  /** The newest write in the journal. */
  readonly end: () => Sequence;
  readonly rotate: () => void;
  readonly refer: (disk: DiskIndex, places: readonly Place[], time: Micros) => void;
  /** Written down when it returns. */
  readonly remember: (merging: SpoolState["merging"]) => void;
}

/**
 * The ladder of one run, up to `merging`; see `Rung`. All calls are synchronous.
 *
 * Why not merge what the spool has already: a segment holds one record for each sequence number, and any of them may be asked
 * for. A record left out or altered would be a state that never was. So what is merged was never numbered.
 *
 * A recording is one turn of the event loop and one segment, and all of its writes bear one time: no instant lies among
 * them. It is written down before: one that a kill cut short is undone at the next start.
 */
export class Pressure {
  readonly #s: PressureParts;
  #rung: Exclude<Rung, "broken"> = "normal";
  #since: Micros;
  #unrecorded: Unrecorded | undefined;
  #writes = 0;

  /** @param merging as a killed process left it */
  constructor(s: PressureParts, merging: SpoolState["merging"]) {
    this.#s = s;
    this.#since = s.clock.now();
    if (!merging) return;
    this.#unrecorded = new Unrecorded(s.files, s.directory, s.disks);
    this.#climb("merging");
  }

  get rung(): Exclude<Rung, "broken"> {
    this.#look();
    return this.#rung;
  }

  /** There is no room for a comparison. */
  get crowded(): boolean {
    return this.rung === "merging" || this.#s.waiting() > Math.min(COPY_BACKLOG, this.#s.limit / 4);
  }

  /** Since when the rung is this one. */
  get since(): Micros {
    return this.#since;
  }

  /** What is not in the journal; undefined while everything is. */
  get unrecorded(): { readonly since: Micros; readonly bytes: Bytes; readonly writes: number } | undefined {
    const bytes = this.#unrecorded?.bytes;
    return bytes !== undefined && bytes > 0 ? { since: this.#since, bytes, writes: this.#writes } : undefined;
  }

  /**
   * Call first of all for changes of so many bytes, before copies are made of what they change.
   * @throws SpoolFull when too much has changed unrecorded, and the file system's error
   */
  prepare(size: number): void {
    this.#look();
    if (this.#rung !== "merging" && this.#share() >= MARKS.merge) this.begin();
    if (!this.#unrecorded || this.#unrecorded.bytes + size <= this.#most) return;
    const { bytes } = this.#unrecorded;
    if (this.#share() + bytes / this.#s.limit > MARKS.full)
      throw new LeewardError(
        "SpoolFull",
        `${mebi(bytes)} of the disks changed while the cache took too little, and ${mebi(this.#s.waiting())} wait in the spool of ${mebi(this.#s.limit)}`,
      );
    this.#record();
  }

  /** True when the change is merged and not to be recorded. @throws the file system's error */
  merges(places: readonly Place[]): boolean {
    if (!this.#unrecorded) return false;
    for (const place of places) this.#unrecorded.add(place);
    this.#writes += places.length;
    return true;
  }

  /** From now on writes are merged. @throws the file system's error */
  begin(): void {
    if (this.#unrecorded) return;
    this.#s.remember({});
    this.#unrecorded = new Unrecorded(this.#s.files, this.#s.directory, this.#s.disks);
    this.#unrecorded.clear();
    this.#writes = 0;
    this.#climb("merging");
  }

  /** Less waits than before. @throws as `Recorder.refer` */
  relieve(): void {
    this.#look();
    if (this.#unrecorded && this.#share() < MARKS.low) this.#record();
  }

  /** Sees to it that everything is in the journal, for a barrier. False when that is not possible now. @throws as `relieve` */
  whole(): boolean {
    if (!this.canBeWhole) return false;
    this.#record();
    return true;
  }

  /** Whether a barrier would find everything in the journal, or could have it put there. */
  get canBeWhole(): boolean {
    const bytes = this.#unrecorded?.bytes ?? 0;
    return bytes === 0 || this.#share() + bytes / this.#s.limit <= MARKS.barrier;
  }

  /** The last recording was whole, and the process that made it died behind it. @throws the file system's error */
  recorded(): void {
    this.#unrecorded?.clear();
  }

  /** Hysteresis: nobody comes back to a cache that was in trouble so short a time ago. */
  get calm(): boolean {
    const { state, since } = this.#s.uplink();
    return state === "well" && this.#s.clock.now() - since >= this.#s.calm() * 1000;
  }

  /** For the health of the item: what is wrong, what is done about it, and what will follow. */
  get problem(): LeewardError | undefined {
    if (this.rung === "normal") return undefined;
    const uplink = this.#s.uplink();
    const share = Math.round(100 * this.#share());
    const code = uplink.state === "well" ? "CacheBehind" : uplink.error.code;
    return new LeewardError(code, `${causeOf(uplink)}; ${share} % of the spool waits, ${this.#doing()}`);
  }

  /** Of a journal that a cache in trouble has broken: what stands between it and the next generation, as well. */
  afterBreak(error: LeewardError): LeewardError {
    if (error.code !== "SpoolFull") return error;
    const uplink = this.#s.uplink();
    const way = uplink.state === "well" ? "the cache takes it now" : causeOf(uplink);
    const calm = this.#s.calm() / 1000;
    return new LeewardError(
      "SpoolFull",
      `${error.message}: the journal broke, and points before stay valid; ${way}; a comparison begins when what waits is in the cache, and that has been well for ${calm} s`,
      error,
    );
  }

  #doing(): string {
    if (!this.#unrecorded) return `segments grow; at ${100 * MARKS.merge} % writes are merged`;
    return (
      `writes are merged, ${mebi(this.#unrecorded.bytes)} so far: states are kept when there is room, and none between them; ` +
      `when ${100 * MARKS.full} % wait the journal breaks, points before stay valid, and a comparison follows`
    );
  }

  close(): void {
    this.#unrecorded?.close();
    this.#unrecorded = undefined;
  }

  #record(): void {
    const { s, unrecorded } = { s: this.#s, unrecorded: this.#unrecorded };
    if (!unrecorded) return;
    const places = [...unrecorded.places()];
    if (places.length > 0) {
      s.rotate();
      const before = s.end();
      s.remember({ recording: { before, after: sequence(before + places.length) } });
      const time = s.clock.now();
      for (const [index] of s.disks.entries()) {
        const here = places.filter(({ disk }) => disk === index);
        if (here.length > 0) s.refer(diskIndex(index), here, time);
      }
      s.rotate();
      unrecorded.clear();
    }
    this.#writes = 0;
    if (this.#share() >= MARKS.slow) {
      s.remember({});
      this.#since = s.clock.now();
      return;
    }
    s.remember(undefined);
    this.close();
    this.#climb("slow");
  }

  get #most(): number {
    return Math.min(MARKS.unrecorded * this.#s.limit, MOST_IN_SEGMENT);
  }

  #share(): number {
    return this.#s.waiting() / this.#s.limit;
  }

  /** Between normal and slow. */
  #look(): void {
    if (this.#rung === "merging") return;
    const share = this.#share();
    if (share >= MARKS.slow || this.#s.uplink().state !== "well") this.#climb("slow");
    else if (share < MARKS.low && this.calm) this.#climb("normal");
  }

  #climb(rung: Exclude<Rung, "broken">): void {
    if (this.#rung === rung) return;
    this.#rung = rung;
    this.#since = this.#s.clock.now();
  }
}

const mebi = (bytes: number): string => `${Math.ceil(bytes / MIB)} MiB`;

function causeOf(uplink: UplinkState): string {
  switch (uplink.state) {
    case "well":
      return "the cache takes less than the machine writes";
    case "trying":
      return `${uplink.error.message}; it is tried again at ${new Date(uplink.next / 1000).toISOString()}`;
    case "refused":
      return `${uplink.error.message}; it is tried again when there is new access`;
  }
}
