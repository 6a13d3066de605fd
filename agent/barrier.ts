import type { BarrierId } from "../engine/core/ids.ts";
import type { Sequence } from "../engine/core/units.ts";
import type { DiskDigests } from "./digests.ts";
import type { Pace } from "./pace.ts";
import type { Recorder } from "./recorder.ts";

/** A barrier that stands in the journal. */
export interface SetBarrier {
  readonly id: BarrierId;
  readonly sequence: Sequence;
}

/** As many as a heartbeat lists, twice: one that was set is known as such until the control plane has seen it. */
const REMEMBERED = 32;
/** Digests in one record: 72 KiB. */
const DIGESTS_IN_RECORD = 2048;
/** Blocks hashed in one turn: half a millisecond. */
const BLOCKS_IN_TURN = 8;

export interface BarrierEvents {
  /** Called before the barrier enters the journal: whatever happens next, its id is not used again. */
  remember(barriers: readonly SetBarrier[]): void;
  /** The proof is in the journal and wants to travel. */
  proved(): void;
}

/**
 * Sets barriers one after the other: the mark, then the digests of what changed since the one before, then the proof.
 * A barrier whose process dies before its proof stays without one.
 */
export class Barriers {
  readonly #recorder: Recorder;
  readonly #digests: readonly DiskDigests[];
  readonly #pace: Pace;
  readonly #events: BarrierEvents;
  readonly #wanted = new Set<BarrierId>();
  #set: readonly SetBarrier[];
  #open = false;
  #running = false;

  constructor(s: {
    recorder: Recorder;
    digests: readonly DiskDigests[];
    pace: Pace;
    events: BarrierEvents;
    set: readonly SetBarrier[];
  }) {
    this.#recorder = s.recorder;
    this.#digests = s.digests;
    this.#pace = s.pace;
    this.#events = s.events;
    this.#set = s.set;
  }

  /** Newest last. */
  get set(): readonly SetBarrier[] {
    return this.#set;
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
  }

  /** Each id is set once, however often it is asked for. Resolves when nothing is wanted any more. */
  async request(id: BarrierId): Promise<void> {
    if (this.#set.some((one) => one.id === id)) return;
    this.#wanted.add(id);
    await this.#run();
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      for (const id of this.#wanted) {
        if (!this.#open) return;
        this.#place(id);
        this.#wanted.delete(id);
        await this.#prove(id);
      }
    } finally {
      this.#running = false;
    }
  }

  /** One instant over all disks: nothing runs between the mark and the last disk's barrier. */
  #place(id: BarrierId): void {
    const here = this.#recorder.here();
    this.#set = [...this.#set, { id, sequence: here.sequence }].slice(-REMEMBERED);
    this.#events.remember(this.#set);
    // Nobody freezes the guest yet, so that is all that can be promised.
    this.#recorder.mark({ kind: "barrier", id, ...here, consistency: "crash" });
    for (const disk of this.#digests) disk.barrier();
  }

  async #prove(id: BarrierId): Promise<void> {
    for (const disk of this.#digests) {
      while (disk.owed > 0) {
        await this.#pace.turn();
        if (!this.#open) return;
        for (let n = 0; n < BLOCKS_IN_TURN; n++) disk.hashNext();
        if (disk.found >= DIGESTS_IN_RECORD) this.#name(id, disk);
      }
      if (disk.found > 0) this.#name(id, disk);
    }
    for (const disk of this.#digests)
      while (disk.settle()) {
        await this.#pace.turn();
        if (!this.#open) return;
      }
    const roots = this.#digests.map((disk) => disk.root());
    this.#recorder.mark({ kind: "proof", barrier: id, ...this.#recorder.here(), roots });
    for (const disk of this.#digests) disk.proved();
    this.#events.proved();
  }

  #name(id: BarrierId, disk: DiskDigests): void {
    this.#recorder.mark({ kind: "digests", barrier: id, ...this.#recorder.here(), ...disk.take() });
  }
}
