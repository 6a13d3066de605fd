import { type Digest, NO_DIGEST } from "../core/digest.ts";
import { hasCode } from "../core/errors.ts";
import type { MachineId } from "../core/ids.ts";
import { type Generation, generation as generationOf } from "../core/units.ts";
import { digestOfBase, encodeBase } from "../journal/base.ts";
import type { DataKey } from "../journal/key.ts";
import type { ObjectStore } from "../storage/store.ts";
import { journalStart } from "./journal-reader.ts";
import { standsOnBase } from "./layer-path.ts";
import { listLayers } from "./layers.ts";
import { type HeldPoint, baseOf } from "./lineage.ts";
import { provedPoints, rebuildPoint } from "./rebuilt-point.ts";

/**
 * The digest of the base document that the generation's journal names: by its layers, or by its segment 0. NO_DIGEST for
 * one that began with empty disks; undefined when neither is there. @throws LayerVersionUnknown; storage errors
 */
export async function namedBase(
  objects: ObjectStore,
  machine: MachineId,
  of: Generation,
): Promise<Digest | undefined> {
  const layers = await listLayers(objects, machine, of);
  const first = layers.find(standsOnBase);
  if (first) return first.begin.position.chain;
  try {
    return (await journalStart(objects, machine, of)).chain;
  } catch (error) {
    if (hasCode(error, "SegmentMissing") || hasCode(error, "SegmentDamaged")) return undefined;
    throw error;
  }
}

export interface RebuildBaseRequest {
  readonly objects: ObjectStore;
  readonly key: DataKey;
  readonly machine: MachineId;
  readonly generation: Generation;
  /** Of the document, as the journal names it. */
  readonly digest: Digest;
  /** Of the machine. */
  readonly points: readonly HeldPoint[];
}

/**
 * The base document of this very digest: of the point whose manifest, or whose layer, gives the same bytes. Undefined
 * when there is none. @throws as `rebuildPoint`
 */
export async function rebuildBase(s: RebuildBaseRequest): Promise<Buffer | undefined> {
  if (s.digest === NO_DIGEST) return undefined;
  const older = s.points.filter(({ generation }) => generation < s.generation);
  for (const point of older.toReversed()) {
    const document = documentOf(s, point);
    if (document) return document;
  }
  for (let of = s.generation - 1; of > 0; of--) {
    const generation = generationOf(of);
    const document = (await fromLayers(s, generation)) ?? (await fromSegments(s, generation));
    if (document) return document;
  }
  return undefined;
}

function documentOf({ generation, digest }: RebuildBaseRequest, point: HeldPoint): Buffer | undefined {
  const document = encodeBase(baseOf(generation, point));
  return digestOfBase(document) === digest ? document : undefined;
}

/** The base's own manifest may have been thinned: what leads to it is kept all the same. */
async function fromLayers(s: RebuildBaseRequest, generation: Generation): Promise<Buffer | undefined> {
  const { objects, key, machine } = s;
  const ends = (await listLayers(objects, machine, generation)).map(({ end }) => end);
  for (const { id, sequence } of ends) {
    const point = await rebuildPoint({ objects, key, place: { machine, generation, sequence, id } });
    const document = point && documentOf(s, point);
    if (document) return document;
  }
  return undefined;
}

/** Old disks that became a base never had a manifest, but a barrier and a proof. Reads the generation's journal. */
async function fromSegments(s: RebuildBaseRequest, generation: Generation): Promise<Buffer | undefined> {
  const { objects, key, machine } = s;
  for await (const point of provedPoints({ objects, key, machine, generation })) {
    const document = documentOf(s, point);
    if (document) return document;
  }
  return undefined;
}
