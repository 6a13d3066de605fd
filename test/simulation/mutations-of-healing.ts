import { decodeBase, encodeBase } from "../../engine/journal/base.ts";
import { decodeManifest, encodeManifest } from "../../engine/journal/manifest.ts";
import type { RecoveryPoint } from "../../engine/journal/manifest.ts";
import { parsePointName } from "../../engine/journal/names.ts";
import { type ETag, etagOf } from "../../engine/storage/store.ts";
import { instead } from "./instead.ts";
import type { Mutation } from "./mutations.ts";
import { DOOMS, signed, withDoom } from "./mutations-of-life.ts";
import type { Stores } from "./stores.ts";

/** What is wrong with what is made again where storage lies, and with what is believed of it. */
export const MUTATIONS_OF_HEALING: Readonly<Record<string, Mutation>> = {
  "trust-doom": {
    what: "a changed list of what to delete is believed",
    caught: /^7: point .* cannot be restored|^7: .* lost what it was reading/,
    thins: true,
    stores: (stores) =>
      withDoom(stores, (text) => text.replaceAll(/"below": (\d+)/g, (_, n) => `"below": ${Number(n) + 40}`)),
  },
  "give-up-needed": {
    what: "a layer is passed over that nothing stands in for",
    caught: /^7: point .* cannot be restored|^7: .* lost what it was reading/,
    thins: true,
    stores: (stores) => {
      const layers = new Map<string, string>();
      return withPut(stores, (name, body) => {
        const [, of = ""] = /^(.*\/layers\/\d+\/)/.exec(name) ?? [];
        if (DOOMS.test(name)) return withLayer(body, layers.get(of));
        if (of !== "" && name.endsWith(".json")) layers.set(of, name);
        return body;
      });
    },
  },
  "heal-from-neighbour": {
    what: "a manifest that is lost is made again of the point before it",
    caught: /^verify: .* give root|^point .* differs/,
    rots: "healable",
    stores: (stores) => {
      let last: RecoveryPoint | undefined;
      return withPut(stores, (name, body) => {
        if (!parsePointName(name)) return body;
        const point = decodeManifest(body);
        if (point.format === 1) last = point;
        if (point.format === 1 || last?.generation !== point.generation) return body;
        return encodeManifest({ ...point, position: last.position, disks: last.disks });
      });
    },
  },
  "wrong-base-again": {
    what: "a base document that is lost is made again of another point",
    caught: /^healing: a base document, .* made again as another/,
    rots: "healable",
    often: { crash: 8 },
    stores: (stores) => {
      const known = new Set<string>();
      return withPut(stores, (name, body) => {
        if (!name.includes("/bases/")) return body;
        const isFirst = !known.has(name);
        known.add(name);
        if (isFirst) return body;
        const base = decodeBase(name, body);
        const disks = base.point.disks.map((disk) => ({ ...disk, root: base.point.position.chain }));
        return encodeBase({ ...base, point: { ...base.point, disks } });
      });
    },
  },
  "no-list": {
    what: "nobody writes down which points there are",
    caught: /^healing: a point's manifest/,
    rots: "healable",
    rotting: /\/points\//,
    stores: (stores) => without(stores, /\/registers\//),
  },
  "no-twin": {
    what: "a group's manifest is kept once only",
    caught: /^healing: a group's manifest/,
    grouped: true,
    rots: "healable",
    stores: (stores) => ({
      ...stores,
      target: instead(stores.target, {
        get: async (name, check) => (name.includes("/twins/") ? undefined : stores.target.get(name, check)),
      }),
    }),
  },
};

/** The list, with this layer on it. */
function withLayer(doom: Buffer, name: string | undefined): Buffer {
  const text = doom.toString("utf8");
  if (name === undefined || text.includes(name)) return doom;
  const entry = JSON.stringify({ name, since: 1 });
  return signed(
    text.replace('"layers": [', `"layers": [${entry}${text.includes('"layers": []') ? "" : ","}`),
  );
}

/** What is put is something else. */
function withPut(stores: Stores, change: (name: string, body: Buffer) => Buffer): Stores {
  const put: Stores["target"]["put"] = (name, body, ...rest) =>
    stores.target.put(name, change(name, Buffer.from(body)), ...rest);
  return { ...stores, target: instead(stores.target, { put }) };
}

/** It is acknowledged, and not put. */
function without(stores: Stores, names: RegExp): Stores {
  const put: Stores["target"]["put"] = async (name, ...rest): Promise<ETag> =>
    names.test(name) ? etagOf("nothing") : stores.target.put(name, ...rest);
  return { ...stores, target: instead(stores.target, { put }) };
}
