import { createHash } from "node:crypto";
import { LeewardError } from "../core/errors.ts";
import { type BarrierId, barrierId, uuidOf } from "../core/ids.ts";
import { MIB, micros } from "../core/units.ts";
import type { DataKey } from "../journal/key.ts";
import { checkLayerPart, openLayerPart } from "../journal/layer.ts";
import { partialName, partialsPrefix } from "../journal/names.ts";
import { sealLayerPart } from "../journal/seal-layer.ts";
import type { ObjectStore } from "../storage/store.ts";
import type { Piece } from "./block-rebuild.ts";
import type { SourcePoint } from "./lineage.ts";
import { rereading } from "./reread.ts";

export interface PartialsPlace {
  readonly objects: ObjectStore;
  readonly key: DataKey;
  readonly point: SourcePoint;
  readonly road: string;
}

/** What is kept between two turns of blocks that are whole only in part. */
export interface KeptPartials {
  /** A hash of their content: two runs that came as far put the same. */
  readonly build: BarrierId;
  readonly parts: number;
}

/** Bytes in one object. */
const PART = 16 * MIB;

/** Puts them where nobody looks for them who is not told. @returns undefined when there is nothing to keep */
export async function putPartials(
  place: PartialsPlace,
  pieces: readonly Piece[],
): Promise<KeptPartials | undefined> {
  if (pieces.length === 0) return undefined;
  const build = buildOf(pieces);
  const parts = inParts(pieces);
  for (const [part, some] of parts.entries()) await putPart(place, build, part, some);
  return { build, parts: parts.length };
}

/**
 * What was put.
 * @throws ManifestDamaged when it is not there, or is something else; KeyWrong
 */
export async function readPartials(place: PartialsPlace, kept: KeptPartials): Promise<Piece[]> {
  const pieces: Piece[] = [];
  for (let part = 0; part < kept.parts; part++) pieces.push(...(await readPart(place, kept.build, part)));
  if (buildOf(pieces) === kept.build) return pieces;
  throw new LeewardError("ManifestDamaged", `${nameOf(place, kept.build, 0)} holds something else`);
}

/** Deletes all but these. May run twice. */
export async function dropPartials(
  {
    objects,
    point: { machine },
    road,
  }: Pick<PartialsPlace, "objects" | "road"> & { readonly point: Pick<SourcePoint, "machine"> },
  kept: KeptPartials | undefined,
): Promise<void> {
  const names: string[] = [];
  const prefix = partialsPrefix(machine, road);
  for await (const { name } of objects.list(prefix))
    if (!kept || !name.startsWith(`${prefix}${kept.build}-`)) names.push(name);
  if (names.length > 0) await objects.delete(names);
}

const nameOf = ({ point: { machine }, road }: PartialsPlace, build: BarrierId, part: number): string =>
  partialName(machine, road, build, part);

function buildOf(pieces: readonly Piece[]): BarrierId {
  const hash = createHash("sha256");
  for (const { disk, offset, data } of pieces) hash.update(`${disk} ${offset} ${data.length} `).update(data);
  return barrierId(uuidOf(hash.digest()));
}

function inParts(pieces: readonly Piece[]): Piece[][] {
  const parts: Piece[][] = [];
  let held = PART;
  for (const piece of pieces) {
    if (held >= PART) {
      parts.push([]);
      held = 0;
    }
    parts.at(-1)?.push(piece);
    held += piece.data.length;
  }
  return parts;
}

/**
 * Sealed as a part of a layer is, so that whoever reads the storage learns nothing of what the guest wrote: of a layer from the
 * point to itself, which there never is.
 */
async function putPart(place: PartialsPlace, build: BarrierId, part: number, pieces: readonly Piece[]) {
  const { objects, key, point } = place;
  const { machine, generation, position } = point;
  const span = {
    machine,
    generation,
    build,
    begin: point.id,
    end: point.id,
    first: position.next,
    next: position.next,
    from: point.sequence,
    to: point.sequence,
    previous: position.chain,
    chain: position.chain,
  };
  const records = pieces.map((piece) => ({ ...piece, sequence: point.sequence, time: micros(0) }));
  const { bytes } = await sealLayerPart({ span, part, last: false, records, key });
  await objects.put(nameOf(place, build, part), bytes, "any");
}

async function readPart(place: PartialsPlace, build: BarrierId, part: number): Promise<Piece[]> {
  const name = nameOf(place, build, part);
  try {
    return await rereading(async () => {
      const object = await place.objects.get(name, "unchecked");
      if (!object) throw new LeewardError("ManifestDamaged", `${name} is gone`);
      const records = await openLayerPart(checkLayerPart(object.body), place.key);
      return records.filter((record) => record.kind === "data");
    });
  } catch (error) {
    // It is no layer: nothing of the point is wrong.
    if (!(error instanceof LeewardError) || error.class !== "resync") throw error;
    throw new LeewardError("ManifestDamaged", `${name}: ${error.message}`, error);
  }
}
