import { z } from "zod";
import { digestOf } from "../core/digest.ts";
import { LeewardError, hasCode } from "../core/errors.ts";
import type { MachineId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { type Generation, micros, ordinal } from "../core/units.ts";
import { encodeDigested } from "../journal/digested.ts";
import { parseDocument } from "../journal/json-document.ts";
import { doomName, doomTwinName } from "../journal/names.ts";
import type { ETag, ObjectStore } from "../storage/store.ts";
import { rereading } from "./reread.ts";

const since = z.number().transform(checked(micros));

/**
 * What of a generation no kept point needs any more. Nothing ever comes off it but by being deleted, so whoever deletes
 * what stands on it, however late, deletes nothing that someone has counted on since.
 */
const doom = z.strictObject({
  format: z.literal(2),
  /** Grows with each change: of two copies the higher one holds. */
  turn: z.number().int().nonnegative(),
  /** Documents of layers by name. */
  layers: z.array(z.strictObject({ name: z.string().min(1).max(1000), since })),
  /** Segments of an ordinal below this; ascending in both. */
  segments: z.array(z.strictObject({ below: z.number().transform(checked(ordinal)), since })),
  /** Since when all ways begin with layers that stand alone: those that stand on the generation's base are given up. */
  alone: since.optional(),
  /** When it was begun anew because it was lost: nothing more is given up before whoever has read the old one is done. */
  anew: since.optional(),
});
export type Doom = z.infer<typeof doom>;

const withDigest = doom.extend({ digest: z.string().transform(checked(digestOf)) });

export interface KeptDoom {
  readonly doom: Doom;
  /** Of the copy that is replaced first; undefined while there is none. */
  readonly etag: ETag | undefined;
  readonly twinEtag: ETag | undefined;
  /** Names of copies that are damaged, gone while the other is there, or older than it: the next change makes them whole. */
  readonly spoiled: readonly string[];
  /** No copy can be believed, though there was one. */
  readonly lost: boolean;
}

const EMPTY: Doom = { format: 2, turn: 0, layers: [], segments: [] };

/**
 * Of its two copies the newer one that can be believed. Where neither can, nothing is known to be given up: see `lost`.
 * A document of format 1, which has no digest, is not believed: a changed number in it would delete what is needed.
 * Two GETs. @throws LayerVersionUnknown
 */
export async function readDoom(
  objects: ObjectStore,
  machine: MachineId,
  generation: Generation,
): Promise<KeptDoom> {
  const [first, twin] = await Promise.all([
    readCopy(objects, doomName(machine, generation)),
    readCopy(objects, doomTwinName(machine, generation)),
  ]);
  const sound = [first, twin].flatMap((copy) => copy.doom ?? []);
  const found = sound.toSorted((a, b) => b.turn - a.turn)[0];
  const wasThere = first.etag !== undefined || twin.etag !== undefined;
  const spoiled = [first, twin].filter((copy) => wasThere && copy.doom?.turn !== (found?.turn ?? -1));
  return {
    doom: found ?? EMPTY,
    etag: first.etag,
    twinEtag: twin.etag,
    spoiled: spoiled.map(({ name }) => name),
    lost: wasThere && found === undefined,
  };
}

interface Copy {
  readonly name: string;
  /** Undefined when there is none. */
  readonly etag: ETag | undefined;
  /** Undefined when there is none, or none to be believed. */
  readonly doom: Doom | undefined;
}

async function readCopy(objects: ObjectStore, name: string): Promise<Copy> {
  let etag: ETag | undefined;
  try {
    return await rereading(async () => {
      const object = await objects.get(name);
      etag = object?.etag;
      return { name, etag, doom: object && decodeDoom(name, object.body) };
    });
  } catch (error) {
    if (hasCode(error, "LayerDamaged")) return { name, etag, doom: undefined };
    throw error;
  }
}

const NEWEST = 2;
const FAULTS = { damaged: "LayerDamaged", unknown: "LayerVersionUnknown" } as const;

/** @throws LayerDamaged when the bytes are not, one by one, what `encodeDoom` wrote; LayerVersionUnknown */
function decodeDoom(name: string, document: Uint8Array): Doom {
  const { digest: _, ...found } = parseDocument(name, withDigest, document, FAULTS, NEWEST);
  if (encodeDoom(found).equals(document)) return found;
  throw new LeewardError("LayerDamaged", `${name} does not fit its digest`);
}

/** One canonical document: equal contents give equal bytes. */
const encodeDoom = (made: Doom): Buffer => encodeDigested(doom.parse(made));

/**
 * Replaces what was read, in both copies. The second may be missed: then it is the older one until the next change.
 * @throws ObjectExists or ObjectChanged when someone else was faster
 */
export async function writeDoom(
  objects: ObjectStore,
  machine: MachineId,
  generation: Generation,
  made: Doom,
  { etag, twinEtag }: Pick<KeptDoom, "etag" | "twinEtag">,
): Promise<void> {
  const body = encodeDoom(made);
  await objects.put(doomName(machine, generation), body, conditionOf(etag));
  try {
    await objects.put(doomTwinName(machine, generation), body, conditionOf(twinEtag));
  } catch (error) {
    if (!hasCode(error, "ObjectChanged") && !hasCode(error, "ObjectExists")) throw error;
  }
}

const conditionOf = (etag: ETag | undefined) => (etag === undefined ? "absent" : { unchangedSince: etag });
