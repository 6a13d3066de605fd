import type { Clock } from "../engine/core/clock.ts";
import type { LeewardError } from "../engine/core/errors.ts";
import type { BarrierId } from "../engine/core/ids.ts";
import { type Sequence, millis } from "../engine/core/units.ts";
import type { Consistency } from "../engine/journal/record.ts";
import type { ControlClock } from "./control-clock.ts";
import type { DiskDigests } from "./digests.ts";
import type { Freezer } from "./freeze/freezer.ts";
import { Rest } from "./freeze/rest.ts";
import { type Instant, type OwnInstant, ownInstant } from "./group-instant.ts";
import type { Pace } from "./pace.ts";
import type { Recorder } from "./recorder.ts";

/** How a barrier is to be set. */
export interface BarrierTerms {
  readonly consistency: Consistency;
  /** When the applications do not rest: a crash-consistent barrier, or none. */
  readonly otherwise: "crash" | "skip";
  /** The barrier of a group. Without it the barrier is set at once. */
  readonly instant?: Instant;
}

export const AT_ONCE: BarrierTerms = { consistency: "crash", otherwise: "crash" };

/** A barrier that stands in the journal. */
export interface SetBarrier {
  readonly id: BarrierId;
  readonly sequence: Sequence;
  readonly consistency?: Consistency | undefined;
  /** What of its terms was not met. */
  readonly why?: string | undefined;
  /** It was set at its instant, and what came after it was held back as long as was wanted. */
  readonly held?: boolean | undefined;
}

/** A barrier that will never be set. */
export interface RefusedBarrier {
  readonly id: BarrierId;
  readonly why: string;
}

/** As many as a heartbeat lists, twice: one that was set is known as such until the control plane has seen it. */
const REMEMBERED = 32;
/** Digests in one record: 72 KiB. */
const DIGESTS_IN_RECORD = 2048;
/** Blocks hashed in one turn: half a millisecond. */
const BLOCKS_IN_TURN = 8;
/** So long before a group's instant nothing else is begun. */
const AHEAD = 500_000;
/** The applications are brought to rest so long before it, the first time, and at most. */
const FREEZE_AHEAD = 3_000_000;
const MOST_AHEAD = 8_000_000;
/** A longer sleep would miss what heartbeats teach of the control plane's clock. */
const LONGEST_SLEEP = 500;

interface BarrierEvents {
  /** Called before the barrier enters the journal: whatever happens next, its id is not used again. */
  remember(barriers: readonly SetBarrier[]): void;
  /** It stands in the journal, and nothing has changed since. */
  placed(barrier: SetBarrier): void;
  /** Everything that the guest has written is in the journal, or is put there now. */
  whole(): boolean;
  /** The proof is in the journal and wants to travel. */
  proved(id: BarrierId): void;
}

interface BarrierSettings {
  readonly recorder: Recorder;
  readonly digests: readonly DiskDigests[];
  readonly pace: Pace;
  readonly clock: Clock;
  readonly controlClock: ControlClock;
  readonly freezer: Freezer;
  readonly events: BarrierEvents;
  readonly set: readonly SetBarrier[];
}

/**
 * Sets barriers one after the other: the mark, then the digests of what changed since the one before, then the proof.
 * A barrier whose process dies before its proof stays without one.
 */
export class Barriers {
  readonly #s: BarrierSettings;
  readonly #wanted = new Map<BarrierId, BarrierTerms>();
  /** Of groups, whose time is not near yet. */
  readonly #later = new Set<BarrierId>();
  readonly #end = new AbortController();
  #set: readonly SetBarrier[];
  #refused: readonly RefusedBarrier[] = [];
  #holding: Promise<void> | undefined;
  #freezeAhead = FREEZE_AHEAD;
  #open = false;
  #running = false;

  constructor(s: BarrierSettings) {
    this.#s = s;
    this.#set = s.set;
  }

  /** Newest last. */
  get set(): readonly SetBarrier[] {
    return this.#set;
  }

  /** Newest last. */
  get refused(): readonly RefusedBarrier[] {
    return this.#refused;
  }

  /** The applications may not have been thawed. */
  get problem(): LeewardError | undefined {
    return this.#s.freezer.stuck;
  }

  /** Resolves when writes may be acknowledged again; undefined while they may. */
  get holding(): Promise<void> | undefined {
    return this.#holding;
  }

  /** Requests are kept until barriers make sense: the initial copy is complete. */
  async open(): Promise<void> {
    this.#open = true;
    await this.#run();
  }

  /** No further mark; what is wanted is forgotten. */
  close(): void {
    this.#open = false;
    this.#wanted.clear();
    this.#end.abort();
  }

  /** Each id is set once, however often it is asked for. Resolves when nothing is wanted any more. */
  async request(id: BarrierId, terms: BarrierTerms): Promise<void> {
    if (this.#set.some((one) => one.id === id) || this.#refused.some((one) => one.id === id)) return;
    if (this.#wanted.has(id) || this.#later.has(id)) return this.#run();
    const { instant } = terms;
    if (instant) {
      // Others may be set meanwhile.
      this.#later.add(id);
      const ahead = terms.consistency === "application" ? this.#freezeAhead : AHEAD;
      await this.#until(() => this.#due(instant) - ahead);
      this.#later.delete(id);
      if (this.#end.signal.aborted) return;
    }
    this.#wanted.set(id, terms);
    await this.#run();
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      for (const [id, terms] of this.#wanted) {
        if (!this.#open) return;
        await this.#take(id, terms);
      }
    } finally {
      this.#running = false;
    }
  }

  async #take(id: BarrierId, terms: BarrierTerms): Promise<void> {
    const { instant } = terms;
    const rest = terms.consistency === "application" ? new Rest(this.#s.freezer, this.#s.clock) : undefined;
    if (instant) await this.#until(() => this.#due(instant));
    else if (rest) await rest.begun;
    let thawed: Promise<void> | undefined;
    try {
      if (!this.#open || !this.#place(id, terms, rest)) return;
      thawed = this.#thaw(rest);
      await this.#prove(id);
    } finally {
      this.#wanted.delete(id);
      await (thawed ?? this.#thaw(rest));
    }
  }

  async #thaw(rest: Rest | undefined): Promise<void> {
    if (!rest) return;
    try {
      // They rest no longer than they must: half as long again as it took the last time, and a little.
      this.#freezeAhead = Math.min(1.5 * (await rest.begun) + AHEAD, MOST_AHEAD);
      await rest.end();
    } catch {
      // The freezer says so itself, and goes on trying.
    }
  }

  #due(instant: Instant): number {
    return ownInstant(instant, this.#s.controlClock, this.#s.clock.now()).due;
  }

  /** The instant may move while it is waited for: the control plane's clock becomes better known. */
  async #until(due: () => number): Promise<void> {
    const { clock } = this.#s;
    while (!this.#end.signal.aborted) {
      const left = (due() - clock.now()) / 1000;
      if (left <= 0) return;
      const wait = millis(Math.min(Math.ceil(left), LONGEST_SLEEP));
      await clock.sleep(wait, this.#end.signal).catch(() => undefined);
    }
  }

  /** One instant over all disks: nothing runs between the mark and the last disk's barrier. False: there is none. */
  #place(id: BarrierId, { consistency: wanted, otherwise, instant }: BarrierTerms, rest?: Rest): boolean {
    const { recorder, clock, controlClock, digests } = this.#s;
    const own = instant && ownInstant(instant, controlClock, clock.now());
    const owing = digests.some(({ owed }) => owed > 0) ? "the barrier before it is not proved" : undefined;
    const restless =
      wanted === "crash" || rest?.rests ? undefined : (rest?.why ?? "the applications do not rest");
    const behind =
      (owing ?? own?.why) === undefined && !this.#s.events.whole() ? "the cache takes too little" : undefined;
    const refusal = owing ?? own?.why ?? behind ?? (otherwise === "skip" ? restless : undefined);
    if (refusal !== undefined) return this.#refuse(id, refusal);
    const consistency = restless === undefined ? wanted : "crash";
    const here = recorder.here();
    const set: SetBarrier = {
      id,
      sequence: here.sequence,
      consistency,
      ...(restless !== undefined && { why: restless }),
    };
    this.#remember(set);
    if (own) this.#hold(own);
    recorder.mark({ kind: "barrier", id, ...here, consistency });
    for (const disk of digests) disk.barrier();
    this.#s.events.placed(set);
    if (instant) this.#judge(set, instant, rest);
    return true;
  }

  #refuse(id: BarrierId, why: string): false {
    this.#refused = [...this.#refused, { id, why: why.slice(0, MOST_WORDS) }].slice(-REMEMBERED);
    return false;
  }

  #remember(set: SetBarrier): void {
    this.#set = [...this.#set.filter(({ id }) => id !== set.id), set].slice(-REMEMBERED);
    this.#s.events.remember(this.#set);
  }

  /** From now on, and until the other members' barriers are certain to be set. */
  #hold({ until }: OwnInstant): void {
    const held = this.#until(() => until).then(() => {
      if (this.#holding === held) this.#holding = undefined;
    });
    this.#holding = held;
  }

  /** The process may have stood still on its way here; and only a hold that has ended was one. */
  #judge(set: SetBarrier, instant: Instant, rest: Rest | undefined): void {
    const { clock, controlClock } = this.#s;
    const lost = set.consistency === "application" && !rest?.rests ? "the applications went on" : undefined;
    const why = ownInstant(instant, controlClock, clock.now()).why ?? lost;
    void this.#holding?.then(() => {
      if (this.#open) this.#remember({ ...set, held: why === undefined, ...(why !== undefined && { why }) });
    });
  }

  async #prove(id: BarrierId): Promise<void> {
    const { digests, pace, recorder, events } = this.#s;
    for (const disk of digests) {
      while (disk.owed > 0) {
        await pace.turn();
        if (!this.#open) return;
        for (let n = 0; n < BLOCKS_IN_TURN; n++) disk.hashNext();
        if (disk.found >= DIGESTS_IN_RECORD) this.#name(id, disk);
      }
      for (; disk.found > 0; this.#name(id, disk)) {
        await pace.turn();
        if (!this.#open) return;
      }
    }
    for (const disk of digests)
      while (disk.settle()) {
        await pace.turn();
        if (!this.#open) return;
      }
    const roots = digests.map((disk) => disk.root());
    recorder.mark({ kind: "proof", barrier: id, ...recorder.here(), roots });
    for (const disk of digests) disk.proved();
    events.proved(id);
  }

  #name(id: BarrierId, disk: DiskDigests): void {
    const { recorder } = this.#s;
    recorder.mark({ kind: "digests", barrier: id, ...recorder.here(), ...disk.take(DIGESTS_IN_RECORD) });
  }
}

/** Of a reason, on its way to the control plane. */
const MOST_WORDS = 500;
