import { itemKeyOf } from "../../engine/recovery/item.ts";
import { recordsIn } from "../../engine/recovery/records.ts";
import { readPointAt } from "../../engine/replication/points.ts";
import type { Micros } from "../../engine/core/units.ts";
import { Kept } from "./kept.ts";
import type { Machine } from "./machine.ts";
import { SIDES, type Side } from "./side.ts";
import { type Effect, type Stores, nameOf } from "./stores.ts";
import type { Storm } from "./weather.ts";

/** When a change was made, and when its maker began. */
export interface Moment {
  readonly now: Micros;
  readonly begun: Micros;
}

/** Watches what retention takes away of one machine: points that it may not, and what points are rebuilt from. */
export class Deletions {
  readonly #kept: readonly Kept[] = SIDES.map(() => new Kept());
  readonly #shaken = new Set<Side>();

  /** @throws Violation */
  async after(effect: Effect, machine: Machine, s: Stores & { storm: Storm }, at: Moment): Promise<void> {
    const { store, method, args, side } = effect;
    const name = nameOf(effect);
    const kept = this.#kept[side];
    if (!kept) throw new RangeError(`there is no direction ${side}`);
    if (name === `verification/${machine.id}`) {
      const known = await recordsIn(s.records).verification.get(machine.id);
      kept.verified(known?.value.verified ?? [], at.now);
    }
    if (store !== "target") return;
    if (method === "put" && name.includes("/points/")) kept.made(name, await readPointAt(s.target, name));
    if (method !== "delete" || s.storm.lied) return;
    const names = [args[0]].flat().map(String);
    const item = await recordsIn(s.records).items.get(itemKeyOf(machine.id));
    if (item) kept.dropped({ names, ...at }, item.value.policy.retention);
    if (names.some((each) => /\/(?:journal|layers|bases)\//.test(each))) this.#shaken.add(side);
  }

  /** Whatever was deleted since the last time: each point that there is can be restored, to the byte. @throws Violation */
  async settled({ auditors }: Machine): Promise<void> {
    for (const side of SIDES) if (this.#shaken.delete(side)) await auditors[side]?.restoreAll();
  }
}
