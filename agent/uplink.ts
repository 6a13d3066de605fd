import type { Clock } from "../engine/core/clock.ts";
import type { LeewardError } from "../engine/core/errors.ts";
import { waitAfter } from "../engine/core/retry.ts";
import { type Micros, type Millis, micros, millis } from "../engine/core/units.ts";

const PARALLEL = 4;

/**
 * What is known of the way to the cache, and so how many uploads may be under way:
 * - `well`: after trouble one, then one more with each success, up to four;
 * - `trying`: none until the rung of the ladder is over, then one;
 * - `refused`: none until there is new access. What a person has to mend is not mended by trying.
 */
export type UplinkState =
  | { readonly state: "well"; readonly since: Micros }
  | { readonly state: "trying"; readonly since: Micros; readonly error: LeewardError; readonly next: Micros }
  | { readonly state: "refused"; readonly since: Micros; readonly error: LeewardError };

export class Uplink {
  readonly #clock: Clock;
  readonly #name: string;
  #ladder: readonly Millis[];
  #failures = 0;
  #width = PARALLEL;
  #state: UplinkState;

  /** @param name whose waits these are */
  constructor(clock: Clock, name: string, ladder: readonly Millis[]) {
    this.#clock = clock;
    this.#name = name;
    this.#ladder = ladder;
    this.#state = { state: "well", since: clock.now() };
  }

  get state(): UplinkState {
    return this.#state;
  }

  /** Uploads that may be under way now. */
  get width(): number {
    const { state } = this.#state;
    if (state === "well") return this.#width;
    return state === "trying" && this.#clock.now() >= this.#state.next ? 1 : 0;
  }

  /** Whether anything may be sent until then. */
  opensBy(time: Micros): boolean {
    const { state } = this.#state;
    return state === "well" || (state === "trying" && this.#state.next <= time);
  }

  /** How long nothing is to be sent yet. */
  get rest(): Millis {
    const next = this.#state.state === "trying" ? this.#state.next : 0;
    return millis(Math.max(Math.ceil((next - this.#clock.now()) / 1000), 0));
  }

  setLadder(ladder: readonly Millis[]): void {
    this.#ladder = ladder;
  }

  succeeded(): void {
    if (this.#state.state !== "well") this.#state = { state: "well", since: this.#clock.now() };
    this.#failures = 0;
    this.#width = Math.min(this.#width + 1, PARALLEL);
  }

  /** How long nothing is to be sent; undefined when only new access helps, or when others failed before it just now. */
  failed(error: LeewardError): Millis | undefined {
    const now = this.#clock.now();
    const since = this.#state.state === "well" ? now : this.#state.since;
    this.#width = 0;
    if (error.class !== "retry") {
      this.#state = { state: "refused", since, error };
      return undefined;
    }
    if (this.width === 0 && this.#state.state !== "well") return undefined;
    const wait = waitAfter(this.#ladder, this.#failures++, this.#name, error.retryAfter);
    this.#state = { state: "trying", since, error, next: micros(now + wait * 1000) };
    return wait;
  }

  /** There is new access: one try, at once. */
  renewed(): void {
    if (this.#state.state === "well") return;
    const { since, error } = this.#state;
    this.#state = { state: "trying", since, error, next: this.#clock.now() };
  }
}
