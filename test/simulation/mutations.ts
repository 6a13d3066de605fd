import { type Bytes, ordinal } from "../../engine/core/units.ts";
import { parseSegmentName, segmentName } from "../../engine/journal/names.ts";
import type { BarrierRecord } from "../../engine/journal/record.ts";
import { type Fence, type PageStore, type SnapshotId, etagOf } from "../../engine/storage/store.ts";
import type { Dice } from "./dice.ts";
import type { Files } from "../../agent/files.ts";
import { encodeMark, readLog } from "../../agent/log.ts";
import type { GuestFault } from "./guest.ts";
import { instead } from "./instead.ts";
import { MUTATIONS_OF_HEALING } from "./mutations-of-healing.ts";
import { MUTATIONS_OF_LIFE, MUTATIONS_OF_TURNS } from "./mutations-of-life.ts";
import { MUTATIONS_OF_MARKS } from "./mutations-of-marks.ts";
import type { Stores } from "./stores.ts";
import type { Weather } from "./weather.ts";

/** What may be made to happen so many times as often. */
export type Often =
  | "zero"
  | "checkpoint"
  | "crash"
  | "point"
  | "flush"
  | "second"
  | "wake"
  | "hold"
  | "verify";

/** One way to build the pipeline wrong. The simulation must notice each of them. */
export interface Mutation {
  readonly what: string;
  /** The violation that it is about, among all that may follow from it. */
  readonly caught: RegExp;
  /** Puts itself between the product and its storage. */
  readonly stores?: (stores: Stores, dice: Dice) => Stores;
  readonly guest?: GuestFault;
  /** It shows only where machines have common points. */
  readonly grouped?: true;
  /** Puts itself between the agent and its files. */
  readonly files?: (files: Files) => Files;
  /** Without this weather, and without this happening more often, the fault hardly shows. */
  readonly weather?: Partial<Weather>;
  readonly often?: Partial<Record<Often, number>>;
  /** All that is read is sound in these lives: whoever says otherwise is wrong. */
  readonly sound?: true;
  /** Points are thinned in these lives. */
  readonly thins?: boolean;
  /** Objects rot in these lives. */
  readonly rots?: "healable" | "all";
  /** Of these, where there are any. */
  readonly rotting?: RegExp;
  /** Machines are failed back, and so on, between two regions in these lives. */
  readonly turns?: true;
  /** Lives are as long as others' without it. */
  readonly steps?: number;
  /** A step of the control plane done wrong; `control-plane.ts` and `failover.ts` know how. */
  readonly step?:
    | "blind-ship"
    | "early-manifest"
    | "early-applied"
    | "late-bump"
    | "same-generation"
    | "any-caller"
    | "skip-hold"
    | "early-group"
    | "wrong-base"
    | "stale-base"
    | "both-live"
    | "thaw-early"
    | "no-thaw"
    | "no-kill";
}

export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  "lost-write": {
    what: "a page write is acknowledged and not done",
    caught: /^6: /,
    stores: withPages((pages, dice) => ({
      write: async (...args) => (dice.chance(0.1) ? undefined : pages.write(...args)),
    })),
  },
  "torn-write": {
    what: "half of a page write is done",
    caught: /^6: /,
    stores: withPages((pages, dice) => ({
      write: (name, fence, offset, data) =>
        pages.write(name, fence, offset, dice.chance(0.1) ? data.subarray(0, halfOf(data.length)) : data),
    })),
  },
  "drop-zero": {
    what: "cleared pages are not cleared",
    caught: /^6: /,
    often: { zero: 8, point: 2, checkpoint: 3 },
    stores: withPages(() => ({ clear: async () => undefined })),
  },
  "stale-snapshot": {
    what: "a snapshot is taken before the last write to its disk",
    caught: /^6: /,
    stores: withPages((pages) => {
      const early = new Map<string, SnapshotId>();
      return {
        write: async (...args) => {
          const [name, fence] = args;
          early.set(name, await pages.snapshot(name, fence));
          await pages.write(...args);
        },
        snapshot: async (name, fence) => early.get(name) ?? pages.snapshot(name, fence),
        deleteSnapshot: async () => undefined,
      };
    }),
  },
  "no-fence": {
    what: "whoever once had the right to write to a replica keeps it",
    caught: /^6: /,
    often: { checkpoint: 4, point: 3, hold: 12 },
    weather: { refuse: 0, timeout: 0, kill: 0, rollback: 0 },
    stores: withPages((pages) => {
      const fences = new Map<string, Fence>();
      return {
        takeFence: async (name) => {
          const fence = fences.get(name) ?? (await pages.takeFence(name));
          fences.set(name, fence);
          return fence;
        },
        releaseFence: async () => undefined,
      };
    }),
  },
  "double-apply": {
    what: "the first write to a replica's disk comes once more, after the checkpoint",
    caught: /^6: /,
    often: { checkpoint: 3, point: 2 },
    stores: withPages((pages) => {
      const first = new Map<string, readonly [Bytes, Uint8Array]>();
      return {
        write: async (name, fence, offset, data) => {
          await pages.write(name, fence, offset, data);
          if (!first.has(name)) first.set(name, [offset, Buffer.from(data)]);
        },
        releaseFence: async (name, fence) => {
          const again = first.get(name);
          if (again) await pages.write(name, fence, ...again).catch(() => undefined);
          await pages.releaseFence(name, fence);
        },
      };
    }),
  },
  "phantom-arrival": {
    what: "the target acknowledges a segment that it does not keep",
    caught: /^3: /,
    stores: (stores, dice) => ({
      ...stores,
      target: instead(stores.target, {
        put: async (...args) =>
          args[0].endsWith(".seg") && dice.chance(0.1) ? etagOf("phantom") : stores.target.put(...args),
      }),
    }),
  },
  overwrite: {
    what: "the target ignores create-if-absent",
    caught: /^8: .*overwritten/,
    stores: (stores) => ({
      ...stores,
      target: instead(stores.target, { put: (name, body) => stores.target.put(name, body, "any") }),
    }),
  },
  "release-early": {
    what: "a segment leaves the cache when it is read",
    caught: /^7: .*left the cache/,
    stores: (stores) => ({
      ...stores,
      cache: instead(stores.cache, {
        get: async (name, check) => {
          const found = await stores.cache.get(name, check);
          await stores.cache.delete([name]);
          return found;
        },
      }),
    }),
  },
  "release-ahead": {
    what: "one segment more than was shipped leaves the cache",
    caught: /^7: .*left the cache/,
    stores: (stores) => ({
      ...stores,
      cache: instead(stores.cache, { delete: (names) => stores.cache.delete([...names, ...nextOf(names)]) }),
    }),
  },
  "lost-update": {
    what: "records are changed without compare-and-swap",
    caught: /^watermark/,
    stores: (stores) => ({
      ...stores,
      records: instead(stores.records, {
        put: (kind, key, value) => stores.records.put(kind, key, value, "any"),
      }),
    }),
  },
  reorder: { what: "two writes change places in the journal", caught: /^point .* differs/, guest: "reorder" },
  "drop-write": {
    what: "the agent does not journal a write",
    caught: /^point .* differs/,
    guest: "drop-write",
  },
  "skip-chain": {
    what: "segments are carried unchecked",
    caught: /^3: .*damaged/,
    step: "blind-ship",
    weather: { damage: 0.02 },
  },
  "early-manifest": {
    what: "a point is made of what is only in the cache",
    caught: /^4: .*before segment/,
    step: "early-manifest",
  },
  "early-applied": {
    what: "the replica counts as brought to a point before it is",
    caught: /^6: /,
    step: "early-applied",
  },
  "late-bump": { what: "a failover builds before it fences", caught: /^8: a failover/, step: "late-bump" },
  "skip-flush": {
    what: "the agent answers a flush without one",
    caught: /^flush: /,
    often: { crash: 8, flush: 6 },
    files: (files) => ({
      ...files,
      open: (path, mode) => ({ ...files.open(path, mode), sync: async () => undefined }),
    }),
  },
  ...MUTATIONS_OF_MARKS,
  "late-barrier": {
    what: "a write slips in between a barrier's instant and its record",
    caught: /^4: /,
    files: lateBarriers,
  },
  "no-lock": {
    what: "a second agent takes the spool",
    caught: /^8: two agents/,
    often: { second: 30 },
    files: (files) => ({ ...files, write: (path, content) => files.write(path, content) }),
  },
  "same-generation": {
    what: "an agent that lost its place goes on in its generation",
    caught: /^8: generation .* two histories/,
    step: "same-generation",
  },
  "any-caller": {
    what: "a machine that was failed over may register again",
    caught: /^8: .* was failed over/,
    often: { wake: 5 },
    step: "any-caller",
  },
  "skip-hold": {
    what: "writes behind a group's barrier are acknowledged at once",
    caught: /^group: .* is torn/,
    grouped: true,
    step: "skip-hold",
  },
  "early-group": {
    what: "a group has a point before all of its members have it",
    caught: /^group: .* was made before/,
    grouped: true,
    step: "early-group",
  },
  ...MUTATIONS_OF_LIFE,
  ...MUTATIONS_OF_TURNS,
  ...MUTATIONS_OF_HEALING,
  "thaw-early": {
    what: "the watchdog does not wait before it has the applications go on",
    caught: /^freeze: .* claims/,
    grouped: true,
    step: "thaw-early",
  },
  "no-thaw": {
    what: "the post command is not run, and counts as having succeeded",
    caught: /^freeze: .* left frozen/,
    grouped: true,
    step: "no-thaw",
  },
  "no-kill": {
    what: "a pre command that takes too long is left to itself, and freezes what was thawed",
    caught: /^freeze: .* left frozen/,
    grouped: true,
    step: "no-kill",
  },
};

const halfOf = (length: number): number => Math.max(512, Math.floor(length / 1024) * 512);

/** The name behind the last one. */
function nextOf(names: readonly string[]): string[] {
  const last = parseSegmentName(names.at(-1) ?? "");
  return last ? [segmentName(last.machine, last.generation, ordinal(last.ordinal + 1))] : [];
}

function withPages(change: (pages: PageStore, dice: Dice) => Partial<PageStore>): Mutation["stores"] {
  return (stores, dice) => ({ ...stores, pages: instead(stores.pages, change(stores.pages, dice)) });
}

/** A barrier is held back until the next record, and stands behind it when that is a write. */
function lateBarriers(files: Files): Files {
  let held: BarrierRecord | undefined;
  return {
    ...files,
    open: (path, mode) => {
      const file = files.open(path, mode);
      if (!path.endsWith(".log")) return file;
      const append = (parts: readonly Uint8Array[]): number => {
        const data = Buffer.concat(parts);
        const [first, ...rest] = readLog(data).records;
        if (first?.kind === "barrier") held = first;
        if (first?.kind === "barrier") return data.length;
        const last = rest.at(-1) ?? first;
        const late = held && encodeMark({ ...held, sequence: last?.sequence ?? held.sequence });
        held = undefined;
        const isWrite = first?.kind === "data" || first?.kind === "zero" || first?.kind === "reference";
        if (late && !isWrite) file.write([late]);
        file.write([data]);
        if (late && isWrite) file.write([late]);
        return data.length;
      };
      return { ...file, write: (parts, at) => (at === undefined ? append(parts) : file.write(parts, at)) };
    },
  };
}
