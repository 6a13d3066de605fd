import type { Files } from "./files.ts";
import { type SpoolState, forgetState, writeState } from "./spool-state.ts";

/** What a later start must know of a run, in memory and in the spool. */
export class KeptState {
  readonly #files: Files;
  readonly #directory: string;
  #state: SpoolState;
  #forgotten = false;

  constructor(files: Files, directory: string, state: SpoolState) {
    this.#files = files;
    this.#directory = directory;
    this.#state = state;
  }

  get now(): SpoolState {
    return this.#state;
  }

  /** In the spool when it returns. @throws the file system's error; of a run that has ended, no start knows of it then */
  save(change: Partial<SpoolState>): void {
    this.#state = { ...this.#state, ...change };
    if (this.#forgotten) return;
    try {
      writeState(this.#files, this.#directory, this.#state);
    } catch (error) {
      if (!this.#state.ended) throw error;
      this.forget();
    }
  }

  /** No start knows of this run from here on. */
  forget(): void {
    if (!this.#forgotten) forgetState(this.#files, this.#directory);
    this.#forgotten = true;
  }
}
