import { z } from "zod";
import type { MachineId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { type Generation, micros, ordinal } from "../core/units.ts";
import { parseDocument } from "../journal/json-document.ts";
import { doomName } from "../journal/names.ts";
import type { ETag, ObjectStore } from "../storage/store.ts";

const since = z.number().transform(checked(micros));

/**
 * What of a generation no kept point needs any more. Nothing ever comes off it but by being deleted, so whoever deletes
 * what stands on it, however late, deletes nothing that someone has counted on since.
 */
const doom = z.strictObject({
  format: z.literal(1),
  /** Documents of layers by name. */
  layers: z.array(z.strictObject({ name: z.string().min(1).max(1000), since })),
  /** Segments of an ordinal below this; ascending in both. */
  segments: z.array(z.strictObject({ below: z.number().transform(checked(ordinal)), since })),
  /** Since when all ways begin with layers that stand alone: those that stand on the generation's base are given up. */
  alone: since.optional(),
});
export type Doom = z.infer<typeof doom>;

export interface KeptDoom {
  readonly doom: Doom;
  /** Undefined while there is none. */
  readonly etag: ETag | undefined;
}

/** There was never another format. */
const FAULTS = { damaged: "LayerDamaged", unknown: "LayerDamaged" } as const;

/** @throws LayerDamaged */
export async function readDoom(
  objects: ObjectStore,
  machine: MachineId,
  generation: Generation,
): Promise<KeptDoom> {
  const name = doomName(machine, generation);
  const object = await objects.get(name);
  if (!object) return { doom: { format: 1, layers: [], segments: [] }, etag: undefined };
  return { doom: parseDocument(name, doom, object.body, FAULTS), etag: object.etag };
}

/** @throws ObjectExists or ObjectChanged when someone else was faster */
export async function writeDoom(
  objects: ObjectStore,
  machine: MachineId,
  generation: Generation,
  { doom: made, etag }: KeptDoom,
): Promise<void> {
  const body = Buffer.from(`${JSON.stringify(made, undefined, 2)}\n`);
  const condition = etag === undefined ? "absent" : { unchangedSince: etag };
  await objects.put(doomName(machine, generation), body, condition);
}
