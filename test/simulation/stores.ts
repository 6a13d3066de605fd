import { systemClock } from "../../engine/core/clock.ts";
import { MemoryObjectStore, MemoryPageStore, MemoryRecordStore } from "../../engine/storage/memory.ts";
import type { ObjectStore, PageStore, RecordStore } from "../../engine/storage/store.ts";
import { collect } from "../fixtures/collect.ts";
import type { Process, Scheduler } from "./scheduler.ts";
import type { Side } from "./side.ts";

/** The cache account of the source region, and what the target region has. */
export interface Stores {
  readonly cache: ObjectStore;
  readonly target: ObjectStore;
  readonly pages: PageStore;
  readonly records: RecordStore;
}

/** @param clock of the storage */
export const memoryStores = (clock = systemClock): Stores => ({
  cache: new MemoryObjectStore(),
  target: new MemoryObjectStore(),
  pages: new MemoryPageStore(clock),
  records: new MemoryRecordStore(),
});

/** The stores as one process reaches them: every call waits for the scheduler. */
export const gated = (stores: Stores, scheduler: Scheduler, process: Process, side: Side = 0): Stores => ({
  cache: gate(stores.cache, "cache", scheduler, process, side),
  target: gate(stores.target, "target", scheduler, process, side),
  pages: gate(stores.pages, "pages", scheduler, process, side),
  records: gate(stores.records, "records", scheduler, process, side),
});

function gate<Store extends object>(
  store: Store,
  name: keyof Stores,
  scheduler: Scheduler,
  process: Process,
  side: Side,
): Store {
  return new Proxy(store, {
    get(inner, property) {
      const method: unknown = Reflect.get(inner, property);
      if (typeof method !== "function") return method;
      return (...args: unknown[]): unknown => {
        const call = { process, store: name, side, method: String(property), args };
        const answer = (perform: () => Promise<unknown>) => scheduler.call({ ...call, perform });
        if (property !== "list") return answer(async () => Reflect.apply(method, inner, args));
        return listing(answer(() => collect<unknown>(Reflect.apply(method, inner, args))));
      };
    },
  });
}

async function* listing(answer: Promise<unknown>): AsyncGenerator<unknown> {
  const all = await answer;
  if (Array.isArray(all)) yield* all;
}

/** A change that the storage really made. */
export interface Effect {
  readonly store: keyof Stores | "spool";
  readonly side: Side;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** The stores, which write down what they really did. */
export const observed = (stores: Stores, effects: Effect[], side: Side = 0): Stores => ({
  cache: observe(stores.cache, "cache", effects, side),
  target: observe(stores.target, "target", effects, side),
  pages: stores.pages,
  records: observe(stores.records, "records", effects, side),
});

function observe<Store extends object>(
  inside: Store,
  store: keyof Stores,
  effects: Effect[],
  side: Side,
): Store {
  return new Proxy(inside, {
    get(inner, property) {
      const method: unknown = Reflect.get(inner, property);
      if (typeof method !== "function") return method;
      if (property !== "put" && property !== "delete")
        return (...args: unknown[]): unknown => Reflect.apply(method, inner, args);
      return async (...args: unknown[]): Promise<unknown> => {
        const answer: unknown = await Reflect.apply(method, inner, args);
        effects.push({ store, side, method: property, args });
        return answer;
      };
    },
  });
}

/** The object or record that a call is about. */
export const nameOf = ({ store, args }: { store: string; args: readonly unknown[] }): string =>
  store === "records" ? `${args[0]}/${args[1]}` : args.length > 0 ? String(args[0]) : "";
