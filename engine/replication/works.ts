import { LeewardError, hasCode } from "../core/errors.ts";
import type { MachineId } from "../core/ids.ts";
import { workName, worksPrefix } from "../journal/names.ts";
import { type Work, decodeWork, encodeWork } from "../journal/work-document.ts";
import type { ETag, ObjectStore } from "../storage/store.ts";
import { rereading } from "./reread.ts";

export interface KeptWork {
  readonly work: Work;
  readonly etag: ETag;
}

/** Undefined when there is none. @throws LayerDamaged, LayerVersionUnknown */
export const readWork = (objects: ObjectStore, name: string): Promise<KeptWork | undefined> =>
  rereading(async () => {
    const object = await objects.get(name);
    if (!object) return undefined;
    const work = decodeWork(name, object.body);
    if (workName(work) === name) return { work, etag: object.etag };
    throw new LeewardError("LayerDamaged", `${name} describes another layer, to point ${work.end.id}`);
  });

/** Takes the other one's when somebody was faster. @throws as `readWork` */
export async function createWork(objects: ObjectStore, work: Work): Promise<KeptWork> {
  const name = workName(work);
  try {
    return { work, etag: await objects.put(name, encodeWork(work), "absent") };
  } catch (error) {
    const kept = hasCode(error, "ObjectExists") ? await readWork(objects, name) : undefined;
    if (!kept) throw error;
    return kept;
  }
}

/** Undefined when another compactor has brought it on, or it is gone. */
export async function saveWork(
  objects: ObjectStore,
  { work, etag }: KeptWork,
): Promise<KeptWork | undefined> {
  try {
    const saved = await objects.put(workName(work), encodeWork(work), { unchangedSince: etag });
    return { work, etag: saved };
  } catch (error) {
    if (hasCode(error, "ObjectChanged") || hasCode(error, "NotFound")) return undefined;
    throw error;
  }
}

/** Of all generations. What cannot be read is left out: nobody can go on with it. One listing, and one GET for each. */
export async function listWorks(objects: ObjectStore, machine: MachineId): Promise<Work[]> {
  const works: Work[] = [];
  for await (const { name } of objects.list(worksPrefix(machine))) {
    if (!name.endsWith(".json")) continue;
    try {
      const kept = await readWork(objects, name);
      if (kept) works.push(kept.work);
    } catch (error) {
      if (!hasCode(error, "LayerDamaged")) throw error;
    }
  }
  return works;
}

/** Names of the layers that it still reads. */
export const layersOf = ({ legs, sorted }: Pick<Work, "legs" | "sorted">): string[] => [
  ...legs.flatMap(({ rest }) => rest.flatMap((item) => (item.kind === "layer" ? [item.name] : []))),
  ...sorted.flatMap((source) => (source.kind === "layer" ? [source.name] : [])),
];

/** The first segment of the generation that it still reads; undefined when it needs none of them. */
export function segmentsFrom(work: Work, generation: Work["generation"]): number | undefined {
  const froms = work.legs.flatMap(({ rest }) =>
    rest.flatMap((item) =>
      item.kind === "segments" && item.from.generation === generation ? [item.from.next] : [],
    ),
  );
  return froms.length > 0 ? Math.min(...froms) : undefined;
}
