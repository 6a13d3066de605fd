import { messageOf } from "../../engine/core/errors.ts";
import type { Freezer, Frozen } from "./freezer.ts";

/** One attempt to have the applications rest, from its beginning to its end. */
export class Rest {
  /** Resolves when they rest, or do not. */
  readonly begun: Promise<void>;
  #frozen: Frozen | undefined;
  #error: unknown;
  #failed = false;

  constructor(freezer: Freezer) {
    this.begun = freezer.freeze().then(
      (frozen) => void (this.#frozen = frozen),
      (error: unknown) => {
        this.#failed = true;
        this.#error = error;
      },
    );
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
