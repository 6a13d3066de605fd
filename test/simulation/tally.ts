/** How often each thing happened, by its name: what happens in no life at all is a branch that nothing tests. */
export class Tally {
  readonly #counts = new Map<string, number>();

  note(what: string, times = 1): void {
    if (times > 0) this.#counts.set(what, (this.#counts.get(what) ?? 0) + times);
  }

  add(counts: Readonly<Record<string, number>>): void {
    for (const [what, times] of Object.entries(counts)) this.note(what, times);
  }

  /** By name, ascending. */
  get counts(): Record<string, number> {
    return Object.fromEntries([...this.#counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }
}
