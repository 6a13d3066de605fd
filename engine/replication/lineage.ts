import { type Digest, NO_DIGEST } from "../core/digest.ts";
import { LeewardError, hasCode } from "../core/errors.ts";
import type { MachineId } from "../core/ids.ts";
import { type Generation, sequence } from "../core/units.ts";
import { type Base, decodeBase, digestOfBase, encodeBase } from "../journal/base.ts";
import type { RecoveryPoint } from "../journal/manifest.ts";
import { baseName, basesPrefix } from "../journal/names.ts";
import { type JournalPosition, startOf } from "../journal/position.ts";
import type { ObjectStore } from "../storage/store.ts";

/** A point as the end of a way through the journal. */
export type SourcePoint = Pick<RecoveryPoint, "machine" | "generation" | "id" | "sequence" | "position">;

/** A point that may have no manifest any more, with what proves it. */
export type HeldPoint = SourcePoint & Pick<Base["point"], "disks">;

/** The part of a lineage that lies in one generation: from its beginning to a point. */
export interface Stretch {
  /** The beginning of the generation; its `sequence` is at most the last write before it. */
  readonly from: JournalPosition;
  readonly point: SourcePoint;
}

/** A stretch, and where the one below it ends. */
export interface LinkedStretch {
  readonly stretch: Stretch;
  readonly base: SourcePoint | undefined;
}

export interface KeptBase {
  readonly base: Base;
  readonly digest: Digest;
}

/**
 * What a point is rebuilt from, oldest first: the last stretch ends at the point, each other one at the base of the
 * stretch behind it, and the first begins with empty disks. Where two stretches wrote the same bytes the later one holds.
 * One GET for each stretch. That the documents are the right ones shows as the chain is walked down to segment 0.
 * @throws ManifestDamaged, ManifestVersionUnknown
 */
export async function lineageOf(objects: ObjectStore, point: SourcePoint): Promise<Stretch[]> {
  const stretches: Stretch[] = [];
  for (let end: SourcePoint | undefined = point; end;) {
    const { stretch, base }: LinkedStretch = await stretchTo(objects, end);
    stretches.push(stretch);
    end = base;
  }
  return stretches.toReversed();
}

/** The newest stretch of a point's lineage. One GET. @throws as `lineageOf` */
export async function stretchTo(objects: ObjectStore, point: SourcePoint): Promise<LinkedStretch> {
  const { machine, generation: of } = point;
  const kept = await readBase(objects, machine, of);
  return { stretch: { from: startAt(of, kept), point }, base: kept && { machine, ...kept.base.point } };
}

/** Where the generation begins; its `sequence` is at most the last write before it. @throws as `lineageOf` */
export const generationStart = async (
  objects: ObjectStore,
  machine: MachineId,
  of: Generation,
): Promise<JournalPosition> => startAt(of, await readBase(objects, machine, of));

const startAt = (of: Generation, kept: KeptBase | undefined): JournalPosition =>
  startOf(of, kept?.base.point.sequence ?? sequence(0), kept?.digest ?? NO_DIGEST);

/** Undefined for a generation that began with empty disks, or whose document is lost: its segment 0 knows. */
export async function readBase(
  objects: ObjectStore,
  machine: MachineId,
  of: Generation,
): Promise<KeptBase | undefined> {
  const name = baseName(machine, of);
  const object = await objects.get(name);
  if (!object) return undefined;
  const base = decodeBase(name, object.body);
  if (base.machine !== machine || base.generation !== of)
    throw new LeewardError(
      "ManifestDamaged",
      `${name} is the base of another generation, ${base.generation}`,
    );
  return { base, digest: digestOfBase(object.body) };
}

/**
 * Writes down on which point the generation stands, before its number is told to whoever is to write it. When a document
 * is there already, that one holds and is returned.
 */
export async function createBase(objects: ObjectStore, base: Base): Promise<KeptBase> {
  const document = encodeBase(base);
  try {
    await objects.put(baseName(base.machine, base.generation), document, "absent");
  } catch (error) {
    if (!hasCode(error, "ObjectExists")) throw error;
    const kept = await readBase(objects, base.machine, base.generation);
    // Deleted between the two calls: only a clean-up of the whole machine does that.
    if (!kept) throw error;
    return kept;
  }
  return { base, digest: digestOfBase(document) };
}

/** The base that this point makes for the generation. */
export const baseOf = (of: Generation, point: HeldPoint): Base => ({
  format: 1,
  machine: point.machine,
  generation: of,
  point: {
    generation: point.generation,
    id: point.id,
    sequence: point.sequence,
    position: point.position,
    disks: point.disks.map(({ index, size, root }) => ({ index, size, root })),
  },
});

/** All bases of the machine, ascending by generation. One listing, and one GET for each. @throws as `lineageOf` */
export async function listBases(objects: ObjectStore, machine: MachineId): Promise<KeptBase[]> {
  const bases: KeptBase[] = [];
  for await (const { name } of objects.list(basesPrefix(machine))) {
    const object = await objects.get(name);
    if (object) bases.push({ base: decodeBase(name, object.body), digest: digestOfBase(object.body) });
  }
  return bases;
}

/**
 * The points that must be kept because a generation stands on them, whether or not they have a manifest any more. To
 * `sweep` of their generation they are `kept` like any other; a generation with neither a kept point nor one of these
 * may go as a whole, its base document last.
 * @param live generations that hold a kept point, and the newest one issued, whose first point is still to come
 * @param alone generations that need none, since layers that stand alone lead to all of their points
 */
export function heldPoints(
  bases: readonly Pick<KeptBase, "base">[],
  live: ReadonlySet<Generation>,
  alone: ReadonlySet<Generation> = new Set(),
): HeldPoint[] {
  const needed = new Set(live);
  const held: HeldPoint[] = [];
  const newestFirst = bases.map(({ base }) => base).toSorted((a, b) => b.generation - a.generation);
  for (const { machine, generation, point } of newestFirst) {
    if (!needed.has(generation) || alone.has(generation)) continue;
    needed.add(point.generation);
    held.push({ machine, ...point });
  }
  return held;
}
