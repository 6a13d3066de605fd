import type { MachineId } from "../core/ids.ts";
import { type Bytes, type Generation, bytes } from "../core/units.ts";
import { journalPrefix, layerMade, layersPrefix } from "../journal/names.ts";
import type { ObjectStore } from "../storage/store.ts";

/** What a generation takes in storage. */
export interface GenerationStock {
  readonly segments: { readonly objects: number; readonly bytes: Bytes };
  /** Layers that have their document; the bytes of all. */
  readonly layers: { readonly layers: number; readonly bytes: Bytes };
}

/** Two listings. */
export async function stockOf(
  objects: ObjectStore,
  machine: MachineId,
  generation: Generation,
): Promise<GenerationStock> {
  const segments = { objects: 0, bytes: 0 };
  for await (const { size } of objects.list(journalPrefix(machine, generation))) {
    segments.objects++;
    segments.bytes += size;
  }
  const layers = { layers: 0, bytes: 0 };
  for await (const { name, size } of objects.list(layersPrefix(machine, generation))) {
    if (layerMade(name) !== undefined && name.endsWith(".json")) layers.layers++;
    layers.bytes += size;
  }
  return {
    segments: { ...segments, bytes: bytes(segments.bytes) },
    layers: { ...layers, bytes: bytes(layers.bytes) },
  };
}
