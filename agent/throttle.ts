import type { Clock } from "../engine/core/clock.ts";
import { type Bytes, bytes, millis } from "../engine/core/units.ts";
import type { Pace } from "./pace.ts";

/** In microseconds: a comparison works for so long, then stands still for so long, and the two are compared. */
const WORK = 200_000;
const STILL = 50_000;
/** Fewer requests say nothing. */
const LEAST = 16;
/** Below this the guest does not mind; a fifth is what it may never lose. */
const MINDS = 1.1;
/** Of the time, when it is not known yet what the guest minds; and the least, so that there is always an end. */
const FIRST_SHARE = 0.25;
const LEAST_SHARE = 0.02;
/** In milliseconds, so that what was learned is looked at again soon. */
const LONGEST_REST = 1000;

/**
 * How much of the machine a comparison takes. While the guest asks for nothing: everything, or what the policy's rate
 * allows. While it is at work: one small piece at a time, for a share of the time that is found by experiment. The time
 * between two requests of a guest that waits for each answer is its latency, whatever that is made of; now and then the
 * comparison stands still, and what the requests then take is what they would take without it.
 */
export class Throttle {
  readonly #pace: Pace;
  readonly #clock: Clock;
  readonly #most: number;
  #share = FIRST_SHARE;
  #rate = bytes(0);
  /** When the rate allows the next piece. */
  #allowed = 0;
  #worked = 0;
  #begun = 0;

  /** @param most pieces that are hashed at the same time, when nobody minds */
  constructor(pace: Pace, clock: Clock, most: number) {
    this.#pace = pace;
    this.#clock = clock;
    this.#most = most;
  }

  /** Pieces that may be hashed at the same time. */
  get width(): number {
    return this.gentle ? 1 : 3 * this.#most;
  }

  /** The guest is at work: small pieces. */
  get gentle(): boolean {
    return this.#pace.guestActive;
  }

  /** Of the time, while the guest is at work. */
  get share(): number {
    return this.#share;
  }

  /** Bytes a second at most; 0 for as many as can be. */
  limit(rate: Bytes): void {
    this.#rate = rate;
  }

  /** Before a piece. */
  begin(): void {
    this.#begun ||= this.#clock.now();
    this.#pace.measure("work");
  }

  /** Behind the last piece. */
  end(): void {
    this.#pace.measure(undefined);
  }

  /** Behind a piece of so many bytes: waits as long as others are to have the machine. */
  async rest(length: Bytes): Promise<void> {
    const now = this.#clock.now();
    const took = now - (this.#begun || now);
    this.#begun = 0;
    await this.#pace.turn();
    if (this.gentle) await this.#giveWay(took);
    if (this.#rate > 0) {
      this.#allowed = Math.max(this.#allowed, now) + (length / this.#rate) * 1e6;
      await this.#sleep((this.#allowed - this.#clock.now()) / 1000);
    }
  }

  async #giveWay(took: number): Promise<void> {
    await this.#sleep((took / 1000) * (1 / this.#share - 1));
    this.#worked += took;
    if (this.#worked < WORK * this.#share) return;
    this.#worked = 0;
    this.#pace.measure("still");
    await this.#sleep(STILL / 1000);
    this.#learn();
  }

  #learn(): void {
    const { work, still } = this.#pace.measured();
    if (work.length < LEAST || still.length < LEAST) return;
    const minds = usual(work) > MINDS * usual(still);
    this.#share = minds ? Math.max(this.#share * 0.7, LEAST_SHARE) : Math.min(this.#share * 1.1, 1);
  }

  async #sleep(ms: number): Promise<void> {
    if (ms >= 1) await this.#clock.sleep(millis(Math.ceil(Math.min(ms, LONGEST_REST))));
  }
}

/** The mean without the longest: what the guest loses while the comparison is at work is spread over all of its time. */
function usual(gaps: readonly number[]): number {
  const most = gaps.toSorted((a, b) => a - b).slice(0, Math.ceil(gaps.length * 0.95));
  return most.reduce((sum, gap) => sum + gap, 0) / most.length;
}
