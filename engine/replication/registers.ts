import { LeewardError, hasCode } from "../core/errors.ts";
import type { MachineId } from "../core/ids.ts";
import type { Generation } from "../core/units.ts";
import { type PointPlace, generationOfRegister, registerName, registersPrefix } from "../journal/names.ts";
import { type Register, decodeRegister, encodeRegister } from "../journal/register.ts";
import type { ObjectStore } from "../storage/store.ts";
import { rereading } from "./reread.ts";

export interface KnownPoints {
  readonly places: readonly PointPlace[];
  /** Generations whose register cannot be believed. */
  readonly damaged: readonly Generation[];
}

/** The points that registers list. One listing, and one GET for each generation. @throws ManifestVersionUnknown */
export async function registeredPoints(objects: ObjectStore, machine: MachineId): Promise<KnownPoints> {
  const places: PointPlace[] = [];
  const damaged: Generation[] = [];
  for await (const { name } of objects.list(registersPrefix(machine))) {
    const found = await read(objects, name);
    const of = generationOfRegister(name);
    if (found === "damaged" && of !== undefined) damaged.push(of);
    if (found && found !== "damaged")
      places.push(...found.points.map((point) => ({ machine, generation: found.generation, ...point })));
  }
  return { places, damaged };
}

async function read(objects: ObjectStore, name: string): Promise<Register | "damaged" | undefined> {
  try {
    return await rereading(async () => {
      const object = await objects.get(name);
      const found = object && decodeRegister(name, object.body);
      if (!found || registerName(found.machine, found.generation) === name) return found;
      throw new LeewardError("ManifestDamaged", `${name} lists points of generation ${found.generation}`);
    });
  } catch (error) {
    if (hasCode(error, "ManifestDamaged")) return "damaged";
    throw error;
  }
}

/**
 * Lists these points of a generation, before the manifests of any others are deleted. Nothing is put where the same
 * stands already. Whoever comes late puts back an older list: what it names besides has lost its data, or is kept once more.
 */
export async function registerPoints(
  objects: ObjectStore,
  machine: MachineId,
  generation: Generation,
  points: readonly Register["points"][number][],
): Promise<void> {
  const listed = points.map(({ id, sequence }) => ({ id, sequence }));
  const body = encodeRegister({ format: 1, machine, generation, points: listed });
  const name = registerName(machine, generation);
  if ((await objects.get(name))?.body.equals(body)) return;
  await objects.put(name, body, "any");
}
