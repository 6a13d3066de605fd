import { type Effect, nameOf } from "./stores.ts";
import type { Tally } from "./tally.ts";

/** Counts what happens to layers that are built in pieces, and to disks that are built, or compared, in turns. */
export class WorksWatch {
  readonly #tally: Tally;
  /** Who brought each of them on last. */
  readonly #last = new Map<string, string>();

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  /** @param by the process that made the change */
  after({ store, method, args }: Effect, by: string): void {
    if (store !== "target" || method !== "put") return;
    const name = nameOf({ store, args });
    const body = args[1] instanceof Uint8Array ? Buffer.from(args[1]).toString("utf8") : "";
    if (/\/doom(?:-twin)?\.json$/.test(name) && body.includes("/works/"))
      this.#tally.note("layer: a work is given up");
    if (!name.endsWith(".json")) return;
    if (name.includes("/layers/") && /"format": 2/.test(body)) this.#tally.note("layer: built in pieces");
    const kind = /\/(works|rebuilds|verifications)\//.exec(name)?.[1];
    if (kind === undefined) return;
    const what = whatOf(kind, name);
    this.#tally.note(what === "layer" ? "layer: a piece is stored" : `${what}: a turn is kept`);
    if (/"run": \d+,\s+"sources"/.test(body)) this.#tally.note("layer: runs are merged into one");
    const before = this.#last.get(name);
    if (before !== undefined && before !== by) this.#tally.note(`${what}: another goes on with it`);
    this.#last.set(name, by);
  }
}

function whatOf(kind: string, name: string): string {
  if (kind === "works") return "layer";
  if (kind === "verifications") return "verification";
  return name.endsWith("/replica.json") ? "replica" : "disks";
}
