import type { BarrierId, MachineId } from "../../engine/core/ids.ts";
import type { Generation } from "../../engine/core/units.ts";
import type { Guest } from "./guest.ts";

/** A guest's write, and the acknowledged write of another machine that it was made because of. */
export interface Deed {
  readonly by: Guest;
  /** Its place in the one order of all that happened. */
  readonly at: number;
  readonly cause: Deed | undefined;
}

/** One member's part of a cut. */
interface Part {
  readonly machine: MachineId;
  readonly generation: Generation;
}

const keyOf = ({ machine, generation }: Part, id: BarrierId): string => `${machine}/${generation}/${id}`;

/** What happened in which order over all machines: no clock of anybody's has a part in it. */
export class Causality {
  #events = 0;
  readonly #effects: Deed[] = [];
  readonly #barriers = new Map<string, { readonly of: Guest; readonly at: number }>();

  /** Call just before the disk changes. */
  noteDeed(by: Guest, cause?: Deed): Deed {
    const deed = { by, at: ++this.#events, cause };
    if (cause) this.#effects.push(deed);
    return deed;
  }

  /** Writes that were made because of another machine's. */
  get effects(): number {
    return this.#effects.length;
  }

  /** Call when the barrier enters the journal. */
  noteBarrier(of: Guest, generation: Generation, id: BarrierId): void {
    this.#barriers.set(keyOf({ machine: of.machine, generation }, id), { of, at: ++this.#events });
  }

  /** The first effect that the parts keep without its cause; undefined when the cut is consistent. */
  tornBy(id: BarrierId, parts: readonly Part[]): string | undefined {
    const barriers = parts.flatMap((part) => this.#barriers.get(keyOf(part, id)) ?? []);
    const kept = ({ by }: Deed) => barriers.find(({ of }) => of === by)?.at ?? -Infinity;
    for (const effect of this.#effects) {
      const { cause } = effect;
      if (!cause || effect.at > kept(effect)) continue;
      const until = barriers.find(({ of }) => of === cause.by)?.at;
      if (until !== undefined && cause.at > until)
        return `${effect.by.principal} keeps what it did on hearing of a write of ${cause.by.principal} that is lost`;
    }
    return undefined;
  }
}
