import { hasCode } from "../core/errors.ts";
import type { Micros } from "../core/units.ts";
import type { Layer } from "../journal/layer-document.ts";
import { NO_POINT } from "../journal/layer-header.ts";
import { layerName } from "../journal/names.ts";
import type { ObjectStore } from "../storage/store.ts";
import { readDoom, writeDoom } from "./doom.ts";
import { pathTo, standsAlone } from "./layer-path.ts";
import { surveyLayers } from "./layers.ts";
import { readBase } from "./lineage.ts";
import { readableLayers, standingAmong } from "./standing.ts";

/** What was mended, and from what; for a person, who should hear that the storage lies. */
export interface Healed {
  readonly name: string;
  readonly what: string;
}

/**
 * Gives up a layer that was found damaged, where something else leads to its end: other layers, or the segments that it
 * was made of, as long as they are not given up themselves. Readers then go that way, and compaction builds it anew.
 * Undefined when there is no other way: the layer stays, and whoever reads it says that it is damaged.
 * @throws LayerVersionUnknown; storage errors
 */
export async function passOver(objects: ObjectStore, layer: Layer, now: Micros): Promise<Healed | undefined> {
  const { machine, generation, end } = layer;
  const name = layerName(layer);
  for (let race = 0; race < RACES; race++) {
    const kept = await readDoom(objects, machine, generation);
    const { doom } = kept;
    if (doom.layers.some((one) => one.name === name)) return { name, what: "is given up already" };
    const standing = standingAmong((await surveyLayers(objects, machine, generation)).layers, doom);
    const others = standing.filter((each) => layerName(each) !== name);
    const last = pathTo(others, NO_POINT, end).at(-1);
    const isLed = last?.end.id === end.id || (last?.tail.next ?? 0) >= (doom.segments.at(-1)?.below ?? 0);
    const isBased = last !== undefined || doom.alone === undefined || (await hasBase(objects, layer));
    if (!isLed || !isBased) return undefined;
    const turn = doom.turn + 1;
    try {
      const anew = kept.lost ? { anew: now } : {};
      const made = { ...doom, ...anew, turn, layers: [...doom.layers, { name, since: now }] };
      await writeDoom(objects, machine, generation, made, kept);
      return { name, what: "was changed; passed over, and built anew" };
    } catch (error) {
      if (!hasCode(error, "ObjectChanged") && !hasCode(error, "ObjectExists")) throw error;
    }
  }
  return undefined;
}

const RACES = 10;

/**
 * Whether layers still lead to what the generation stands on, though it is not kept for its sake any more: then compaction has for
 * as long as deletion is delayed to take it in once more.
 */
async function hasBase(
  objects: ObjectStore,
  { machine, generation }: Pick<Layer, "machine" | "generation">,
): Promise<boolean> {
  const kept = await readBase(objects, machine, generation).catch(damaged);
  if (!kept) return false;
  const { point } = kept.base;
  const { all } = await readableLayers(objects, machine, point.generation);
  const [first, ...rest] = pathTo(all, NO_POINT, point);
  if (!first || (rest.at(-1) ?? first).end.id !== point.id) return false;
  return standsAlone(first) || hasBase(objects, first);
}

function damaged(error: unknown): undefined {
  if (!hasCode(error, "ManifestDamaged")) throw error;
}
