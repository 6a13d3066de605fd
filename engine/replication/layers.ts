import { LeewardError, hasCode, messageOf } from "../core/errors.ts";
import type { MachineId } from "../core/ids.ts";
import { mapInOrder } from "../core/in-order.ts";
import type { Bytes, Generation } from "../core/units.ts";
import { type Layer, decodeLayer, encodeLayer } from "../journal/layer-document.ts";
import { type CheckedLayerPart, checkLayerPart } from "../journal/layer.ts";
import { layerName, layerOfDocument, layerPartName, layerTwinName, layersPrefix } from "../journal/names.ts";
import { digestIn } from "../journal/segment.ts";
import type { ObjectStore } from "../storage/store.ts";
import { rereading } from "./reread.ts";

const PARALLEL = 4;

export interface ReadOptions {
  /** Leaves out the parts of layers that hold writes alone. */
  readonly only?: "marks";
  /** Objects read ahead, each held in memory; 4 when absent. */
  readonly parallel?: number;
}

interface PartOptions extends ReadOptions {
  /** Of the first layer only so many parts, from its first on. */
  readonly left?: number | undefined;
}

/**
 * The layers of a generation whose parts are all there, in the order of their ends: one whose document is damaged or gone as well as its
 * twin, or that lacks a part, is passed over, as if it had not been built. One listing, and one GET per layer.
 * @throws LayerVersionUnknown
 */
export const listLayers = async (
  objects: ObjectStore,
  machine: MachineId,
  generation: Generation,
): Promise<Layer[]> => (await surveyLayers(objects, machine, generation)).layers;

interface LayerSurvey {
  readonly layers: Layer[];
  /** Documents that are there and of no use: damaged, or of layers that lack a part. */
  readonly useless: readonly string[];
  readonly lonely: readonly LonelyLayer[];
}

/** Of it only the document is there, or only its twin. */
export interface LonelyLayer {
  readonly layer: Layer;
  /** The document was there once: a run may have died before the twin, and older ones put none. */
  readonly isHurt: boolean;
}

/** The same, with what was passed over. @throws LayerVersionUnknown */
export async function surveyLayers(
  objects: ObjectStore,
  machine: MachineId,
  generation: Generation,
): Promise<LayerSurvey> {
  const sizes = new Map<string, Bytes>();
  const documents = new Set<string>();
  for await (const { name, size } of objects.list(layersPrefix(machine, generation))) {
    sizes.set(name, size);
    const document = layerOfDocument(name);
    if (document !== undefined) documents.add(document);
  }
  const layers: Layer[] = [];
  const useless: string[] = [];
  const lonely: LonelyLayer[] = [];
  const read = (name: string) => soundLayer(objects, name, sizes);
  for await (const { name, layer, kept } of mapInOrder([...documents], PARALLEL, read)) {
    if (layer === undefined) continue;
    const whole =
      layer !== "damaged" &&
      layer.parts.every(({ size }, part) => sizes.get(layerPartName(layer, part)) === size);
    if (whole) layers.push(layer);
    else useless.push(name);
    if (whole && kept !== "twice") lonely.push({ layer, isHurt: kept === "twin" });
  }
  return { layers, useless, lonely };
}

interface Found {
  readonly name: string;
  /** Undefined when it was deleted since it was listed. */
  readonly layer: Layer | "damaged" | undefined;
  /** Where it was found: in both, as far as the twin was looked at, or in one. */
  readonly kept: "twice" | "document" | "twin";
}

/** By its document, or by its twin where that is damaged or gone. */
async function soundLayer(
  objects: ObjectStore,
  name: string,
  sizes: ReadonlyMap<string, Bytes>,
): Promise<Found> {
  const twin = layerTwinName(name);
  const first = sizes.has(name) ? await copyOf(objects, name, name) : undefined;
  if (typeof first === "object") return { name, layer: first, kept: sizes.has(twin) ? "twice" : "document" };
  const second = sizes.has(twin) ? await copyOf(objects, name, twin) : undefined;
  return { name, layer: typeof second === "object" ? second : (first ?? second), kept: "twin" };
}

const copyOf = (objects: ObjectStore, name: string, copy: string): Promise<Layer | "damaged" | undefined> =>
  rereading(() => readLayer(objects, name, copy)).catch((error: unknown) => {
    if (hasCode(error, "LayerDamaged")) return "damaged";
    throw error;
  });

/** The document makes its parts a layer; then the same is put once more. */
export async function putLayer(objects: ObjectStore, layer: Layer): Promise<void> {
  const document = encodeLayer(layer);
  await objects.put(layerName(layer), document, "any");
  await objects.put(layerTwinName(layerName(layer)), document, "any");
}

/** @throws LayerDamaged when it is gone, or another than its name says; LayerVersionUnknown */
export async function layerNamed(objects: ObjectStore, name: string): Promise<Layer> {
  for (const copy of [name, layerTwinName(name)]) {
    const layer = await copyOf(objects, name, copy);
    if (typeof layer === "object") return layer;
  }
  throw new LeewardError("LayerDamaged", `${name} is gone or damaged`);
}

/** Undefined when it was deleted since it was listed. */
async function readLayer(objects: ObjectStore, name: string, copy: string): Promise<Layer | undefined> {
  const object = await objects.get(copy);
  if (!object) return undefined;
  const layer = decodeLayer(copy, object.body);
  if (layerName(layer) === name) return layer;
  throw new LeewardError("LayerDamaged", `${name} describes another layer, to point ${layer.end.id}`);
}

/**
 * The parts of these layers, one layer after the other, the last part of each first, each checked and what its layer's
 * document says. Layers are as often as not of one part and its marks: reading ahead goes on into the next layer.
 * @throws LayerDamaged, LayerVersionUnknown
 */
export async function* readParts(
  objects: ObjectStore,
  layers: readonly Layer[],
  { only, left, parallel = PARALLEL }: PartOptions = {},
): AsyncGenerator<CheckedLayerPart> {
  const wanted = layers.flatMap((layer, nth) =>
    layer.parts
      .slice(0, nth === 0 ? left : undefined)
      .map(({ marks }, part) => ({ layer, marks, part }))
      .filter(({ marks }) => marks || only === undefined)
      .toReversed(),
  );
  yield* mapInOrder(wanted, parallel, ({ layer, part }) => readPart(objects, layer, part));
}

/** @throws LayerDamaged when the part is gone or is not the one that the document names */
export const readPart = (objects: ObjectStore, layer: Layer, part: number): Promise<CheckedLayerPart> =>
  rereading(() => readPartOnce(objects, layer, part));

async function readPartOnce(objects: ObjectStore, layer: Layer, part: number): Promise<CheckedLayerPart> {
  const name = layerPartName(layer, part);
  const object = await objects.get(name, "unchecked");
  if (!object) throw new LayerFault(layer, `${name} is gone`);
  const isSpoiled = () => digestIn(object.body) !== layer.parts[part]?.digest;
  const found = naming(layer, name, () => checkLayerPart(object.body), isSpoiled);
  const fault = faultOf(found, layer, part);
  if (fault) throw new LayerFault(layer, `${name}: ${fault} is not what its layer says`);
  return found;
}

/** LayerDamaged, with the layer: who can do without it goes another way. */
export class LayerFault extends LeewardError {
  readonly layer: Layer;
  constructor(layer: Layer, message: string, cause?: unknown) {
    super("LayerDamaged", message, cause);
    this.layer = layer;
  }
}

type Spanned = Omit<Layer, "format" | "parts" | "tail" | "earliest" | "latest">;

/** What every part's header repeats of its layer. */
export const spanOf = ({ machine, generation, build, begin, end }: Spanned) => ({
  machine,
  generation,
  build,
  begin: begin.id,
  end: end.id,
  first: begin.position.next,
  next: end.position.next,
  from: begin.sequence,
  to: end.sequence,
  previous: begin.position.chain,
  chain: end.position.chain,
});

/** The first thing in which the part differs; its clear header is authenticated by the key later. */
function faultOf({ header, digest }: CheckedLayerPart, layer: Layer, part: number): string | undefined {
  const wanted = {
    digest: layer.parts[part]?.digest,
    part,
    last: part === layer.parts.length - 1,
    ...spanOf(layer),
    marks: layer.parts[part]?.marks,
  };
  const found: Record<string, unknown> = { ...header, digest };
  return Object.entries(wanted).find(([field, value]) => found[field] !== value)?.[0];
}

/** @param isSpoiled asked where the part is of a version that is not known: that may be the byte that rotted */
function naming<Result>(layer: Layer, name: string, read: () => Result, isSpoiled: () => boolean): Result {
  try {
    return read();
  } catch (error) {
    if (hasCode(error, "LayerDamaged")) throw new LayerFault(layer, `${name}: ${messageOf(error)}`, error);
    if (isSpoiled())
      throw new LayerFault(layer, `${name}: the bytes are not those that its layer names`, error);
    if (error instanceof LeewardError) throw new LeewardError(error.code, `${name}: ${error.message}`, error);
    throw error;
  }
}
