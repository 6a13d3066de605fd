/** Makes one flush do for all who ask while another is under way: a flush that began earlier does not cover them. */
export class GroupedFlush {
  readonly #flush: () => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(flush: () => Promise<void>) {
    this.#flush = flush;
  }

  run(): Promise<void> {
    if (!this.#running) return (this.#running = this.#start());
    const running = this.#running;
    return (this.#next ??= running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return (this.#running = this.#start());
      }));
  }

  #start(): Promise<void> {
    const mine: Promise<void> = this.#flush().finally(() => {
      if (this.#running === mine) this.#running = undefined;
    });
    return mine;
  }
}
