import type { MachineId } from "../core/ids.ts";
import type { Generation } from "../core/units.ts";
import type { Layer } from "../journal/layer-document.ts";
import { layerName } from "../journal/names.ts";
import type { ObjectStore } from "../storage/store.ts";
import { type Doom, readDoom } from "./doom.ts";
import { standsOnBase } from "./layer-path.ts";
import { listLayers } from "./layers.ts";

/**
 * The layers of a generation that are not given up: with the segments behind them they lead to every kept point. Who
 * begins to read one of the others may find it deleted half-way, and who builds on one builds on nothing.
 * Storage calls: those of `listLayers`, and one GET when there are layers.
 * @throws LayerDamaged, LayerVersionUnknown
 */
export async function standingLayers(
  objects: ObjectStore,
  machine: MachineId,
  generation: Generation,
): Promise<Layer[]> {
  const layers = await listLayers(objects, machine, generation);
  if (layers.length === 0) return layers;
  const { doom } = await readDoom(objects, machine, generation);
  return standingAmong(layers, doom);
}

/** Those of the layers that are not given up. */
export function standingAmong(layers: readonly Layer[], { layers: names, alone }: Doom): Layer[] {
  const given = new Set(names.map(({ name }) => name));
  return layers.filter(
    (layer) => !given.has(layerName(layer)) && !(alone !== undefined && standsOnBase(layer)),
  );
}
