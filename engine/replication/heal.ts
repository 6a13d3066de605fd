import { type Digest, NO_DIGEST } from "../core/digest.ts";
import { type ErrorCode, LeewardError, hasCode } from "../core/errors.ts";
import type { MachineId } from "../core/ids.ts";
import { mapInOrder } from "../core/in-order.ts";
import { type DiskIndex, type Generation, type Micros, generation as generationOf } from "../core/units.ts";
import { type Base, decodeBase } from "../journal/base.ts";
import { NO_POINT } from "../journal/layer-header.ts";
import type { DataKey } from "../journal/key.ts";
import { type RecoveryPoint, encodeManifest } from "../journal/manifest.ts";
import { type PointPlace, baseName, basesPrefix } from "../journal/names.ts";
import type { ObjectStore } from "../storage/store.ts";
import { readDoom } from "./doom.ts";
import { pathTo, standsAlone } from "./layer-path.ts";
import { LayerFault } from "./layers.ts";
import { type HeldPoint, readBase } from "./lineage.ts";
import { type Healed, passOver } from "./pass-over.ts";
import { listPoints, readPointAt } from "./points.ts";
import { nameOf } from "./reach.ts";
import { namedBase, rebuildBase } from "./rebuilt-base.ts";
import { rebuildPoint } from "./rebuilt-point.ts";
import { registeredPoints } from "./registers.ts";
import { readableLayers } from "./standing.ts";

export interface HealRequest {
  readonly objects: ObjectStore;
  readonly key: DataKey;
  readonly machine: MachineId;
  /** Of the machine's disks. */
  readonly names?: ReadonlyMap<DiskIndex, string>;
  /** Points that were made since registers were written last. */
  readonly made?: readonly PointPlace[];
  /** The newest generation, and the digest of the base that it stands on where the records know it: its journal may not name it yet. */
  readonly newest?: { readonly generation: Generation; readonly digest?: Digest | undefined } | undefined;
  /** Points that a base may name and that have no manifest: old disks that became one. */
  readonly held?: readonly HeldPoint[];
}

/**
 * Makes manifests of points and base documents again that are damaged or gone, from what the journal holds, where it does.
 * What cannot be healed stays as it is. May die anywhere and run again; of two at work each finds what the other did.
 * Storage calls while all is well: three listings, and one GET for each manifest, register and base.
 * @throws storage errors, KeyWrong, versions that are not known
 */
export async function heal(s: HealRequest): Promise<Healed[]> {
  const places = await listPoints(s.objects, s.machine);
  const read = async (place: PointPlace) => ({ place, point: await soundAt(s.objects, place) });
  const points: RecoveryPoint[] = [];
  const wanted: { place: PointPlace; what: string }[] = [];
  for await (const { place, point } of mapInOrder(places, PARALLEL, read)) {
    if (point === "damaged") wanted.push({ place, what: "was changed" });
    else if (point) points.push(point);
  }
  for (const place of await goneAmong(s, places))
    if (await isWhole(s.objects, place)) wanted.push({ place, what: "was gone" });
  const healed: Healed[] = [];
  // A lineage is read through its bases: they come first, though one may need a manifest that is yet to be healed.
  healed.push(...(await healBases(s, points, places)));
  for (const { place, what } of wanted) {
    const point = await rebuildPoint({ ...s, place });
    if (!point || !(await put(s.objects, nameOf(place), encodeManifest(point)))) continue;
    points.push(point);
    healed.push({ name: nameOf(place), what: `${what}; made again from the journal, without its losses` });
  }
  if (wanted.length > 0) healed.push(...(await healBases(s, points, places)));
  return healed;
}

const PARALLEL = 8;

const soundAt = (objects: ObjectStore, place: PointPlace): Promise<RecoveryPoint | "damaged" | undefined> =>
  readPointAt(objects, nameOf(place)).catch((error: unknown) => {
    if (hasCode(error, "ManifestDamaged")) return "damaged";
    if (hasCode(error, "NotFound")) return undefined;
    throw error;
  });

/**
 * Points that a register or the record lists, and that are not there.
 * @param s `made` was read after the points were listed: what retention deletes comes off the lists first
 */
export async function goneAmong(
  s: Pick<HealRequest, "objects" | "machine" | "made">,
  there: readonly PointPlace[],
): Promise<PointPlace[]> {
  const names = new Set(there.map(nameOf));
  const known = (await registeredPoints(s.objects, s.machine)).places;
  const gone = [...known, ...(s.made ?? [])].filter((place) => !names.has(nameOf(place)));
  return [...new Map(gone.map((place) => [nameOf(place), place])).values()];
}

/** A register may be older than what retention gave up: a point whose way is given up is none any more. */
export async function isWhole(objects: ObjectStore, place: PointPlace): Promise<boolean> {
  const { machine, generation, id, sequence } = place;
  const { standing, below } = await readableLayers(objects, machine, generation);
  if (standing.some(({ end }) => end.id === id)) return true;
  const before = standing
    .filter(({ end }) => end.sequence < sequence)
    .toSorted(byEnd)
    .at(-1);
  const last = before && pathTo(standing, NO_POINT, before.end).at(-1);
  return (last?.tail.next ?? 0) >= below;
}

type Ended = { readonly end: { readonly sequence: number; readonly position: { readonly next: number } } };
const byEnd = (a: Ended, b: Ended): number =>
  a.end.sequence - b.end.sequence || a.end.position.next - b.end.position.next;

/** Of all generations that there are points or a document of, of the newest, and of those that they stand on. */
async function healBases(
  s: HealRequest,
  points: readonly RecoveryPoint[],
  places: readonly PointPlace[],
): Promise<Healed[]> {
  const healed: Healed[] = [];
  const generations = new Set(places.map(({ generation }) => generation));
  if (s.newest) generations.add(s.newest.generation);
  // Old disks that became a base are a generation without points.
  for await (const { name } of s.objects.list(basesPrefix(s.machine))) {
    const [, of] = /\/(\d{6})\.json$/.exec(name) ?? [];
    if (of !== undefined) generations.add(generationOf(Number(of)));
  }
  // What is added meanwhile is looked at as well.
  for (const generation of generations) {
    if (generation === 1) continue;
    const wanted = await baseOfJournal(s, generation);
    const state = await baseState(s, generation, wanted);
    const document = typeof state === "string" ? await rebuiltFor(s, generation, points, wanted) : undefined;
    const base = document ? decodeBase(baseName(s.machine, generation), document) : state;
    if (typeof base !== "string") generations.add(base.point.generation);
    const name = baseName(s.machine, generation);
    if (typeof state === "string" && document && (await put(s.objects, name, document)))
      healed.push({ name, what: `was ${state}; made again from the point that it names` });
    if (state !== "changed" || document || !(await isAlone(s, generation))) continue;
    await s.objects.delete([name]);
    healed.push({ name, what: "was changed; deleted, since layers do without it" });
  }
  return healed;
}

/** All ways of the generation begin with layers that stand alone: what it stood on may be gone. */
const isAlone = async ({ objects, machine }: HealRequest, of: Generation): Promise<boolean> =>
  (await readDoom(objects, machine, of)).doom.alone !== undefined;

/** By the records, which need no reading, or by the journal. */
const baseOfJournal = async (
  { objects, machine, newest }: HealRequest,
  of: Generation,
): Promise<Digest | undefined> =>
  (newest?.generation === of ? newest.digest : undefined) ?? namedBase(objects, machine, of);

const rebuiltFor = async (
  s: HealRequest,
  generation: Generation,
  points: readonly RecoveryPoint[],
  digest: Digest | undefined,
): Promise<Buffer | undefined> =>
  digest && rebuildBase({ ...s, generation, digest, points: [...(s.held ?? []), ...points] });

const baseState = (
  { objects, machine }: HealRequest,
  of: Generation,
  wanted: Digest | undefined,
): Promise<Base | "gone" | "changed"> =>
  readBase(objects, machine, of).then(
    (kept) => {
      if (!kept) return "gone";
      return wanted === undefined || kept.digest === wanted ? kept.base : "changed";
    },
    (error: unknown) => {
      if (hasCode(error, "ManifestDamaged")) return "changed";
      throw error;
    },
  );

/** Puts the document in the place of what is there; false when somebody else was faster. */
async function put(objects: ObjectStore, name: string, document: Buffer): Promise<boolean> {
  const there = await objects.get(name);
  try {
    await objects.put(name, document, there ? { unchangedSince: there.etag } : "absent");
    return true;
  } catch (error) {
    if (hasCode(error, "ObjectExists") || hasCode(error, "ObjectChanged")) return false;
    throw error;
  }
}

/** What may be mended by healing: all that is said of a document, or of a layer. */
const HEALABLE: ReadonlySet<ErrorCode> = new Set([
  "BaseMissing",
  "ChainBroken",
  "LayerDamaged",
  "ManifestDamaged",
  "NotFound",
]);

/** Each time another object may be at fault. */
const MOST_TRIES = 4;

/**
 * Does the work; where it meets something that is damaged or gone, has it healed, and does the work again, at most
 * three times more. Where nothing was left to heal it is done once more all the same: another run may have healed it meanwhile.
 * @param mend says what was healed
 * @throws what the work throws then
 */
export async function whileHealing<Result>(
  work: () => Promise<Result>,
  mend: (error: LeewardError) => Promise<readonly Healed[]>,
): Promise<Result> {
  for (let tries = 1, inVain = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      const may = error instanceof LeewardError && HEALABLE.has(error.code);
      if (!may || tries === MOST_TRIES) throw error;
      if ((await mend(error)).length === 0 && ++inVain > 1) throw error;
    }
  }
}

/** What the error is about, and all documents that need it. @throws as `heal` */
export async function healAfter(error: LeewardError, s: HealRequest, now: Micros): Promise<Healed[]> {
  const passed = error instanceof LayerFault && (await passOver(s.objects, error.layer, now));
  return [...(passed ? [passed] : []), ...(await heal(s))];
}

/**
 * Whether a generation needs a base document, and has not the one that its journal names: what it stands on must not be
 * taken for needless.
 * @param there the digest of the document that is there
 */
export async function lacksBase(
  objects: ObjectStore,
  machine: MachineId,
  of: Generation,
  there: Digest | undefined,
): Promise<boolean> {
  if (of === 1) return false;
  const named = await namedBase(objects, machine, of);
  if (named === undefined || named === NO_DIGEST || named === there) return false;
  if (there !== undefined) return (await readDoom(objects, machine, of)).doom.alone === undefined;
  const { standing } = await readableLayers(objects, machine, of);
  return !standing.some(standsAlone);
}
