import { LeewardError } from "../core/errors.ts";

/** Something that lies at [from, to) of an `AddressSpace`. */
export interface Placed {
  readonly from: number;
  readonly to: number;
}

export interface StreamRequest<Item extends Placed> {
  readonly parts: number;
  /** The items of one part, ascending, none over another, all behind those of the part before. */
  readonly read: (part: number) => Promise<readonly Item[]>;
  /** What ends before this address was taken already, and no part before this one holds any other. */
  readonly at: { readonly from: number; readonly part: number };
  /** For messages. */
  readonly name: string;
}

/** Gives what parts hold in the order of addresses, with one part in memory. */
export class SortedStream<Item extends Placed> {
  readonly #s: StreamRequest<Item>;
  #part: number;
  #from: number;
  #items: readonly Item[] | undefined;
  #index = 0;
  #reached = 0;

  constructor(s: StreamRequest<Item>) {
    this.#s = s;
    this.#part = s.at.part;
    this.#from = s.at.from;
  }

  /** From which part on another stream would give the same. */
  get part(): number {
    return this.#part;
  }

  /** Where the next of it lies; undefined when nothing is left. @throws LayerDamaged; what reading a part throws */
  async head(): Promise<number | undefined> {
    const item = await this.#next();
    return item && Math.max(item.from, this.#from);
  }

  /** Everything up to this address that was not taken yet; what reaches beyond it is given again. @throws as `head` */
  async take(next: number): Promise<Item[]> {
    const taken: Item[] = [];
    for (let item = await this.#next(); item && item.from < next; item = await this.#next()) {
      taken.push(item);
      if (item.to > next) break;
      this.#index++;
    }
    this.#from = next;
    return taken;
  }

  async #next(): Promise<Item | undefined> {
    for (; this.#part < this.#s.parts; this.#part++) {
      this.#items ??= this.#ascending(await this.#s.read(this.#part));
      for (; this.#index < this.#items.length; this.#index++) {
        const item = this.#items[this.#index];
        if (item && item.to > this.#from) return item;
      }
      this.#items = undefined;
      this.#index = 0;
    }
    return undefined;
  }

  #ascending(items: readonly Item[]): readonly Item[] {
    for (const { from, to } of items) {
      if (from < this.#reached)
        throw new LeewardError("LayerDamaged", `part ${this.#part} of ${this.#s.name} is not in order`);
      this.#reached = to;
    }
    return items;
  }
}
