import { itemKeyOf } from "../../engine/recovery/item.ts";
import { recordsIn } from "../../engine/recovery/records.ts";
import { readPointAt } from "../../engine/replication/points.ts";
import type { Micros } from "../../engine/core/units.ts";
import { Kept } from "./kept.ts";
import type { Machine } from "./machine.ts";
import { type Effect, type Stores, nameOf } from "./stores.ts";
import type { Storm } from "./weather.ts";

/** When a change was made, and when its maker began. */
export interface Moment {
  readonly now: Micros;
  readonly begun: Micros;
}

/** Watches what retention takes away of one machine: points that it may not, and what points are rebuilt from. */
export class Deletions {
  readonly #kept = new Kept();
  #shaken = false;

  /** @throws Violation */
  async after(effect: Effect, machine: Machine, s: Stores & { storm: Storm }, at: Moment): Promise<void> {
    const { store, method, args } = effect;
    const name = nameOf(effect);
    if (name === `verification/${machine.id}`) {
      const known = await recordsIn(s.records).verification.get(machine.id);
      this.#kept.verified(known?.value.verified ?? [], at.now);
    }
    if (store !== "target") return;
    if (method === "put" && name.includes("/points/"))
      this.#kept.made(name, await readPointAt(s.target, name));
    if (method !== "delete" || s.storm.lied) return;
    const names = [args[0]].flat().map(String);
    const item = await recordsIn(s.records).items.get(itemKeyOf(machine.id));
    if (item) this.#kept.dropped({ names, ...at }, item.value.policy.retention);
    this.#shaken ||= names.some((each) => /\/(?:journal|layers|bases)\//.test(each));
  }

  /** Whatever was deleted since the last time: each point that there is can be restored, to the byte. @throws Violation */
  async settled({ auditor }: Machine): Promise<void> {
    if (!this.#shaken) return;
    this.#shaken = false;
    await auditor.restoreAll();
  }
}
