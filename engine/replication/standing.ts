import type { MachineId } from "../core/ids.ts";
import type { Generation } from "../core/units.ts";
import type { Layer } from "../journal/layer-document.ts";
import { NO_POINT } from "../journal/layer-header.ts";
import { layerName } from "../journal/names.ts";
import type { ObjectStore } from "../storage/store.ts";
import { type Doom, readDoom } from "./doom.ts";
import { type PathEnd, pathTo, standsOnBase } from "./layer-path.ts";
import { listLayers } from "./layers.ts";

/**
 * The layers of a generation that are not given up, for who builds on them: what is built on one that was given up
 * meanwhile leads nowhere.
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

export interface ReadableLayers {
  /** Lead, with the segments behind them, to every point that is kept. */
  readonly standing: readonly Layer[];
  /** Those that are given up and still there as well. */
  readonly all: readonly Layer[];
  /** Segments before this one are given up. */
  readonly below: number;
}

/**
 * The same for who reads: what was given up is read before the layers are listed. So what stands stays for as long as
 * deletion is delayed, whatever is given up meanwhile.
 * Storage calls: one GET, and those of `listLayers`.
 * @throws LayerDamaged, LayerVersionUnknown
 */
export async function readableLayers(
  objects: ObjectStore,
  machine: MachineId,
  generation: Generation,
): Promise<ReadableLayers> {
  const { doom } = await readDoom(objects, machine, generation);
  const all = await listLayers(objects, machine, generation);
  return { standing: standingAmong(all, doom), all, below: doom.segments.at(-1)?.below ?? 0 };
}

/**
 * Those that lead to the point. Where they end before segments that are given up, the point was dropped since its
 * reader found it: then all that are still there, which is as long as deletion is delayed.
 */
export function layersTo({ standing, all, below }: ReadableLayers, point: PathEnd): readonly Layer[] {
  const last = pathTo(standing, NO_POINT, point).at(-1);
  const isKept = last?.end.id === point.id || (last?.tail.next ?? 0) >= below;
  return isKept ? standing : all;
}

/** Those of the layers that are not given up. */
export function standingAmong(layers: readonly Layer[], { layers: names, alone }: Doom): Layer[] {
  const given = new Set(names.map(({ name }) => name));
  return layers.filter(
    (layer) => !given.has(layerName(layer)) && !(alone !== undefined && standsOnBase(layer)),
  );
}
