import { ordinal } from "../../engine/core/units.ts";
import { encodeDigested } from "../../engine/journal/digested.ts";
import { encodeExtents } from "../../engine/journal/extents-text.ts";
import { parsePointName, parseSegmentName, segmentName } from "../../engine/journal/names.ts";
import { decodeRebuild, encodeRebuild } from "../../engine/journal/rebuild-document.ts";
import { decodeVerification, encodeVerification } from "../../engine/journal/verification-document.ts";
import { decodeWork, encodeWork } from "../../engine/journal/work-document.ts";
import { instead } from "./instead.ts";
import type { Mutation } from "./mutations.ts";
import type { Stores } from "./stores.ts";

/** What is wrong with retention and with the base of a comparison. */
export const MUTATIONS_OF_LIFE: Readonly<Record<string, Mutation>> = {
  "sweep-too-early": {
    what: "what is given up is deleted without delay",
    caught: /^7: .* lost what it was reading/,
    thins: true,
    stores: (stores) => withDoom(stores, (text) => text.replaceAll(/"since": \d+/g, '"since": 1')),
  },
  "sweep-ahead": {
    what: "more segments go than were given up",
    caught: /^7: point .* cannot be restored/,
    thins: true,
    stores: (stores) => withDelete(stores, (names) => [...names, ...names.flatMap(behind)]),
  },
  "drop-newest": {
    what: "whoever thins points takes the newest one, too",
    caught: /^7: .*, the newest point, was dropped/,
    thins: true,
    stores: (stores) => {
      let newest = "";
      const put: Stores["target"]["put"] = (name, ...rest) => {
        if (parsePointName(name) && name > newest) newest = name;
        return stores.target.put(name, ...rest);
      };
      const dropping = withDelete(stores, (names) =>
        names.some((name) => parsePointName(name)) ? [...names, newest] : names,
      );
      return { ...dropping, target: instead(dropping.target, { put }) };
    },
  },
  "early-thin": {
    what: "points are thinned while all of their age should stay",
    caught: /^7: point .* was dropped though all of its age stay/,
    thins: true,
    stores: (stores) => ({
      ...stores,
      records: instead(stores.records, {
        get: async (kind, key) => {
          const found = await stores.records.get(kind, key);
          if (!found || kind !== "item") return found;
          const text = JSON.stringify(found.value).replace('"every":0}', '"every":6000}');
          return { ...found, value: JSON.parse(text) };
        },
      }),
    }),
  },
  "half-kept": {
    what: "whoever thins points of a machine sees none of its group's",
    caught: /^group: .* part of it was dropped/,
    grouped: true,
    thins: true,
    stores: (stores) => ({
      ...stores,
      target: instead(stores.target, {
        list: (prefix) =>
          /^groups\/.*\/(?:points|twins)\//.test(prefix) ? nothing() : stores.target.list(prefix),
      }),
    }),
  },
  "skip-slice": {
    what: "a piece of a layer is forgotten",
    caught: /^7: retain.* lost what it was reading|^7: point .* cannot be restored|^point .* differs/,
    thins: true,
    stores: (stores, dice) => ({
      ...stores,
      target: instead(stores.target, {
        get: async (name, check) => {
          const found = await stores.target.get(name, check);
          const isWork = name.includes("/works/") && name.endsWith(".json");
          return found && isWork && dice.chance(0.5) ? { ...found, body: withoutRun(found.body) } : found;
        },
      }),
    }),
  },
  "early-kept": {
    what: "what is kept of a turn of rebuilding says more than was written",
    caught: /^6: .* differs|^point .* differs/,
    stores: (stores) => ({
      ...stores,
      target: instead(stores.target, {
        put: (name, body, ...rest) =>
          stores.target.put(name, name.includes("/rebuilds/") ? allCovered(name, body) : body, ...rest),
      }),
    }),
  },
  "forget-half": {
    what: "what a turn of verification knows of half a block is forgotten",
    caught: /^verify: point .* was called bad/,
    often: { verify: 5 },
    thins: true,
    sound: true,
    stores: (stores) => ({
      ...stores,
      target: instead(stores.target, {
        put: (name, body, ...rest) =>
          stores.target.put(name, VERIFICATIONS.test(name) ? withoutHalves(name, body) : body, ...rest),
      }),
    }),
  },
  "wrong-base": {
    what: "a disk is compared with another point than its generation stands on",
    caught: /^point .* differs/,
    often: { crash: 4 },
    step: "wrong-base",
  },
};

const VERIFICATIONS = /\/verifications\/[a-z]+\.json$/;

export const DOOMS = /\/doom(?:-twin)?\.json$/;

/** Whatever stands in the list is believed. */
export const withDoom = (stores: Stores, change: (text: string) => string): Stores => ({
  ...stores,
  target: instead(stores.target, {
    get: async (name, check) => {
      const found = await stores.target.get(name, check);
      return found && DOOMS.test(name)
        ? { ...found, body: signed(change(found.body.toString("utf8"))) }
        : found;
    },
  }),
});

function withoutHalves(name: string, body: Uint8Array): Uint8Array {
  const { partial: _, ...kept } = decodeVerification(name, body);
  return encodeVerification(kept);
}

function allCovered(name: string, body: Uint8Array): Uint8Array {
  const rebuild = decodeRebuild(name, body);
  const covered = rebuild.point.disks.map(({ index: disk, size }) => ({
    disk,
    extents: encodeExtents([{ start: 0, end: size }]),
  }));
  return encodeRebuild({ ...rebuild, covered });
}

/** With a digest that fits; what is no JSON stays as it is. */
export function signed(text: string): Buffer {
  try {
    const { digest: _, ...content }: Record<string, unknown> = JSON.parse(text);
    return encodeDigested(content);
  } catch {
    return Buffer.from(text);
  }
}

async function* nothing(): AsyncGenerator<never> {}

/** What is wrong where the direction is turned around. */
export const MUTATIONS_OF_TURNS: Readonly<Record<string, Mutation>> = {
  "stale-base": {
    what: "old disks are compared as they are by now, and not as they became the base",
    caught: /^point .* differs/,
    turns: true,
    steps: 800,
    step: "stale-base",
  },
  "both-live": {
    what: "a direction that gave its machine away is not closed",
    caught: /^8: .* was failed over, and writes/,
    turns: true,
    steps: 800,
    often: { wake: 5 },
    step: "both-live",
  },
};

const withDelete = (stores: Stores, more: (names: readonly string[]) => readonly string[]): Stores => ({
  ...stores,
  target: instead(stores.target, { delete: (names) => stores.target.delete(more(names)) }),
});

/** Whoever goes on with it does so without the run that holds what is newest. */
function withoutRun(document: Buffer): Buffer {
  const work = decodeWork("a work", document);
  const [first, ...rest] = work.sorted;
  return first?.kind === "run" && work.merge === undefined && work.legs.length === 0
    ? encodeWork({ ...work, sorted: rest })
    : document;
}

/** As many as lie between what is given up and what is still read. */
function behind(name: string): string[] {
  const place = parseSegmentName(name);
  if (!place) return [];
  const next = (n: number) => segmentName(place.machine, place.generation, ordinal(place.ordinal + n));
  return Array.from({ length: 60 }, (_, n) => next(n + 1));
}
