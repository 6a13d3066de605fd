import type { Clock } from "../../engine/core/clock.ts";
import { messageOf } from "../../engine/core/errors.ts";
import type { Freezer, Frozen } from "./freezer.ts";

/** One attempt to have the applications rest, from its beginning to its end. */
export class Rest {
  /** Resolves when they rest, or do not, with how long it took, in microseconds. */
  readonly begun: Promise<number>;
  #frozen: Frozen | undefined;
  #error: unknown;
  #failed = false;

  constructor(freezer: Freezer, clock: Clock) {
    const since = clock.now();
    this.begun = freezer
      .freeze()
      .then(
        (frozen) => void (this.#frozen = frozen),
        (error: unknown) => {
          this.#failed = true;
          this.#error = error;
        },
      )
      .then(() => clock.now() - since);
  }

  /** They rest at this very moment. */
  get rests(): boolean {
    return this.#frozen?.holds ?? false;
  }

  /** Why they do not rest. */
  get why(): string {
    if (this.#failed) return messageOf(this.#error);
    return this.#frozen ? "they were held for too long" : "the pre command has not ended yet";
  }

  /** Resolves when they go on. @throws what the freezer throws */
  async end(): Promise<void> {
    await this.begun;
    await this.#frozen?.thaw();
  }
}
