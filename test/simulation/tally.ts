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

/** What must happen in some life of any thousand: few of them rot. */
export const KINDS_OF_ROT: readonly string[] = [
  "healed: a base document",
  "healed: a group's manifest",
  "healed: a layer's document",
  "healed: a list of points",
  "healed: a list of what to delete",
  "healed: a point's manifest",
  "healed: a reservation",
  "rot: a base document",
  "rot: a checkpoint",
  "rot: a group's manifest",
  "rot: a layer's document",
  "rot: a layer's part",
  "rot: a list of points",
  "rot: a list of what to delete",
  "rot: a point's manifest",
  "rot: a reservation",
  "rot: a segment",
  "rot: cut",
  "rot: flip",
  "rot: gone",
  "rot: where the direction was turned around",
];

/** What must happen in some life of any few hundred: see `seeds.test.ts`. */
export const KINDS: readonly string[] = [
  "event: a failover begins",
  "event: a machine crashes",
  "event: a process goes on",
  "event: a process hangs",
  "event: a process of the control plane is killed",
  "event: a spool is lost",
  "event: an agent dies",
  "event: protected again",
  "event: the cache is back",
  "event: the cache takes nothing",
  "event: a machine is shut down to be failed over",
  "event: the direction is turned around",
  "event: the other region is lost",
  "event: the other region returns",
  "event: the source region is lost",
  "event: the source region returns",
  "freeze: post fails",
  "freeze: pre fails",
  "freeze: pre fails half done",
  "freeze: pre hangs",
  "freeze: pre succeeds",
  "freeze: thawed",
  "group: barrier asked",
  "group: barrier missed: it was some ms late, and some ms are allowed",
  "group: barrier missed: the control plane's clock is known to some ms, and some ms are wanted",
  "group: effect on another machine",
  "group: joined",
  "group: left",
  "group: point of several members",
  "group: point thinned",
  "layer: a piece is stored",
  "layer: a work is given up",
  "layer: another goes on with it",
  "layer: built in pieces",
  "layer: runs are merged into one",
  "disks: a turn is kept",
  "replica: a turn is kept",
  "verification: a turn is kept",
  "verification: another goes on with it",
  "turn: compared with the old disks",
  "turn: less than all travelled",
  "storage: 403 over what is there",
  "storage: 404 of what is there",
  "storage: 409 over another's",
  "storage: 409 over its own first try",
  "storage: 412 over another's",
  "storage: 412 over its own first try",
  "storage: 429 with Retry-After",
  "storage: 500",
  "storage: 500 after success",
  "storage: 503",
  "storage: 503 after success",
  "storage: a body slower than its time-out",
  "storage: a changed body",
  "storage: a cut body",
  "storage: a slow body",
  "storage: done when it was given up",
  "storage: no answer",
  "storage: no answer after success",
  "storage: what was there before",
];
