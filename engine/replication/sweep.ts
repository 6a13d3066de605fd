import { LeewardError, hasCode } from "../core/errors.ts";
import type { MachineId } from "../core/ids.ts";
import {
  type Bytes,
  type Generation,
  KIB,
  type Micros,
  type Millis,
  type Ordinal,
  ordinal,
} from "../core/units.ts";
import { NO_POINT } from "../journal/layer-header.ts";
import type { Layer } from "../journal/layer-document.ts";
import {
  doomName,
  doomTwinName,
  journalPrefix,
  layerBuild,
  layerMade,
  layerName,
  layerOfDocument,
  layerPartName,
  layerTwinName,
  layersPrefix,
  parseSegmentName,
  workName,
  workOfRun,
  workPrefix,
  workRunsPrefix,
} from "../journal/names.ts";
import type { Work } from "../journal/work-document.ts";
import type { ObjectStore } from "../storage/store.ts";
import { LONGEST_RUN } from "./compact.ts";
import { type Doom, readDoom, writeDoom } from "./doom.ts";
import { LOOK_BACK } from "./journal-reader.ts";
import { type PathEnd, leadsTo, pathTo, standsAlone, standsOnBase } from "./layer-path.ts";
import { type LonelyLayer, putLayer, surveyLayers } from "./layers.ts";
import { segmentsOf } from "./pack.ts";
import { standingAmong } from "./standing.ts";
import { layersOf, segmentsFrom } from "./works.ts";

export interface SweepRequest {
  readonly objects: ObjectStore;
  readonly machine: MachineId;
  readonly generation: Generation;
  /** Every point of the generation that has a manifest. Without any nothing is given up, unless it has ended. */
  readonly kept: readonly PathEnd[];
  /** Nothing will be added to the generation, nor built on it: without a kept point all of it is given up. */
  readonly ended?: boolean;
  /**
   * Segments from this one on stay, whatever layers there are: the lowest that a checkpoint, a cut or a reader is at.
   * When absent there is none.
   */
  readonly keepFrom?: Ordinal | undefined;
  /** Behind the last segment that has arrived, when the generation is not over; what reaches beyond it is not known. */
  readonly arrived?: Ordinal | undefined;
  /** The generation stands on a base that is to go once layers do without it. Not while all of its writes stay reachable. */
  readonly leavesBase?: boolean;
  /** Of `kept`: every write behind it stays reachable, so its segments do. */
  readonly writesFrom?: PathEnd | undefined;
  /** Layers that are being built in pieces, of any generation: what they read stays. */
  readonly works?: readonly Work[];
  /** What was given up is deleted after so long: who began to read it has that much time. */
  readonly delay: Millis;
  readonly clock: () => Micros;
}

export interface Swept {
  /** Names, in the order of deletion. */
  readonly deleted: readonly string[];
  /** The generation is over and nothing is left of it. */
  readonly empty: boolean;
  /** Copies of the list, and documents of layers, that were made whole again. */
  readonly healed: readonly string[];
}

/**
 * Gives up what no kept point is rebuilt from, and deletes what was given up long enough ago.
 *
 * What to give up is decided on the layers that stand, without those that are given up already, and written by
 * compare-and-swap before anything is deleted: of two sweepers the second decides again, on what the first one left. A
 * layer counts only while its document and all of its parts are there. May die anywhere and run again.
 * Storage calls: four listings, one GET per layer, one PUT at most, and the deletions.
 * @throws LayerDamaged, LayerVersionUnknown; ObjectChanged when others were faster too many times
 */
export async function sweep(s: SweepRequest): Promise<Swept> {
  if (s.ended && s.kept.length === 0 && (await isEmpty(s))) {
    await s.objects.delete(doomsOf(s));
    return { deleted: [], empty: true, healed: [] };
  }
  const { doom, layers, useless, lonely, healed: lists } = await giveUp(s);
  const due = s.clock() - s.delay * 1000;
  const deleted: string[] = [];
  const remove = async (names: readonly string[]) => {
    for (let at = 0; at < names.length; at += BATCH) await s.objects.delete(names.slice(at, at + BATCH));
    deleted.push(...names);
  };
  const given = new Set(doom.layers.map(({ name }) => name));
  const again = lonely.filter(({ layer }) => !given.has(layerName(layer)));
  for (const { layer } of again) await putLayer(s.objects, layer);
  const healed = [...lists, ...again.filter(({ isHurt }) => isHurt).map(({ layer }) => layerName(layer))];
  const doomed = new Set(doom.layers.filter(({ since }) => since <= due).map(({ name }) => name));
  for (const work of worksIn(s).filter((each) => doomed.has(workRunsPrefix(each)))) {
    await remove(await namesOf(s, workRunsPrefix(work)));
    await remove([workName(work)]);
  }
  for (const layer of layers.filter((each) => doomed.has(layerName(each)))) {
    await remove([layerTwinName(layerName(layer))]);
    await remove([layerName(layer)]);
    await remove(layer.parts.map((_, part) => layerPartName(layer, part)));
  }
  const needless = useless.filter((name) => doomed.has(name));
  await remove([...needless.map(layerTwinName), ...needless]);
  await remove(await orphans(s));
  const below = doom.segments.findLast(({ since }) => since <= due)?.below;
  if (below !== undefined) await remove(await segmentsBelow(s, below));
  return { deleted, empty: false, healed };
}

/** As a limit, that of every segment. */
const ALL = ordinal(999_999_999_999);

const BATCH = 256;
const RACES = 30;

const doomsOf = ({ machine, generation }: Pick<SweepRequest, "machine" | "generation">): string[] => [
  doomName(machine, generation),
  doomTwinName(machine, generation),
];

interface Given {
  readonly doom: Doom;
  readonly layers: readonly Layer[];
  readonly useless: readonly string[];
  readonly lonely: readonly LonelyLayer[];
  readonly healed: readonly string[];
}

/** Decides and writes it down. */
async function giveUp(s: SweepRequest): Promise<Given> {
  const { objects, machine, generation } = s;
  for (let race = 0; race < RACES; race++) {
    const kept = await readDoom(objects, machine, generation);
    const found = await surveyLayers(objects, machine, generation);
    const decided = decide(s, kept.lost ? { ...kept.doom, anew: s.clock() } : kept.doom, found);
    const given = { ...found, healed: kept.spoiled };
    const same = JSON.stringify(decided) === JSON.stringify(kept.doom);
    if (same && kept.spoiled.length === 0) return { ...given, doom: decided };
    const doom = { ...decided, turn: kept.doom.turn + 1 };
    try {
      await writeDoom(objects, machine, generation, doom, kept);
      return { ...given, doom };
    } catch (error) {
      if (!hasCode(error, "ObjectChanged") && !hasCode(error, "ObjectExists")) throw error;
    }
  }
  throw new LeewardError(
    "ObjectChanged",
    `what to delete of ${s.machine} was changed by others ${RACES} times in a row`,
  );
}

/** Pure but for the clock. What is gone from storage comes off the list. */
function decide(s: SweepRequest, old: Doom, { layers, useless }: Pick<Given, "layers" | "useless">): Doom {
  const since = s.clock();
  const works = worksIn(s);
  const names = new Set([...layers.map(layerName), ...useless, ...works.map(workRunsPrefix)]);
  const before = { ...old, layers: old.layers.filter(({ name }) => names.has(name)) };
  if (s.kept.length === 0 && !s.ended) return before;
  // Somebody who has read the one that was lost may still delete what stood on it: whatever it did without must stay.
  if (old.anew !== undefined && since - old.anew <= s.delay * 1000) return before;
  const { alone: leftAlone, anew: _, ...listed } = before;
  const standing = standingAmong(layers, listed);
  const alone = leftAlone ?? (isAlone(s, standing) ? since : undefined);
  const usable = alone === undefined ? standing : standing.filter((layer) => !standsOnBase(layer));
  const paths = s.kept.map((point) => pathTo(usable, NO_POINT, point));
  const over = s.kept.length === 0;
  const listedNames = new Set(before.layers.map(({ name }) => name));
  const left = works.filter(
    (work) => !listedNames.has(workRunsPrefix(work)) && (over || isLeft(work, since)),
  );
  const needed = new Set([...paths.flat().map(layerName), ...(s.works ?? []).flatMap(layersOf)]);
  const unneeded = standing.filter(
    (layer) => !needed.has(layerName(layer)) && (over || !mayBecomeNeeded(layer, since)),
  );
  const gone = useless.filter((name) => !listedNames.has(name));
  const given = [...unneeded.map(layerName), ...gone, ...left.map(workRunsPrefix)];
  return {
    format: 2,
    turn: old.turn,
    layers: [...before.layers, ...given.map((name) => ({ name, since }))],
    segments: withBelow(s, old.segments, paths, since),
    ...(alone !== undefined && { alone }),
  };
}

/**
 * Whether the layers that stand alone lead to every kept point, as far as any layers do. The generation then needs
 * nothing of older ones, nor will what comes behind its newest point.
 */
function isAlone({ kept, leavesBase }: SweepRequest, standing: readonly Layer[]): boolean {
  if (kept.length === 0 || leavesBase !== true) return false;
  const others = standing.filter((layer) => !standsOnBase(layer));
  return kept.every((point) => {
    const [first, ...rest] = pathTo(others, NO_POINT, point);
    if (!first || !standsAlone(first)) return false;
    return (rest.at(-1) ?? first).end.id === pathTo(standing, NO_POINT, point).at(-1)?.end.id;
  });
}

/** Of this generation. */
const worksIn = ({ works = [], generation }: SweepRequest): readonly Work[] =>
  works.filter((work) => work.generation === generation);

/** Nobody has gone on with it for long: another layer is wanted by now. */
const isLeft = ({ touched }: Work, now: Micros): boolean => now - touched >= LONGEST_RUN;

/** A layer that is new may be the first of several that are only useful together. */
const mayBecomeNeeded = ({ made }: Layer, now: Micros): boolean => now - made < LONGEST_RUN;

function withBelow(
  s: SweepRequest,
  old: Doom["segments"],
  paths: readonly (readonly Layer[])[],
  since: Micros,
): Doom["segments"] {
  const { kept, delay, keepFrom = ALL, works = [] } = s;
  const read = works.map((work) => segmentsFrom(work, s.generation) ?? ALL);
  const below = Math.min(keepFrom, ...read, ...kept.map((point, i) => firstNeeded(s, point, paths[i] ?? [])));
  const last = old.at(-1);
  const isOften = last !== undefined && since - last.since < (delay * 1000) / STEPS;
  if (below <= (last?.below ?? 0) || isOften) return old;
  const due = old.findLastIndex((each) => each.since + delay * 1000 <= since);
  return [...old.slice(Math.max(0, due)), { below: ordinal(below), since }];
}

/**
 * The first segment that the point is rebuilt from: none when layers lead to it, all when none begins the way. What will
 * come behind the newest point is rebuilt from the segments behind its last layer.
 */
function firstNeeded(
  { kept, ended, writesFrom }: SweepRequest,
  point: PathEnd,
  path: readonly Layer[],
): number {
  const last = path.at(-1);
  if (!last) return 0;
  if (last.end.id !== point.id || point.id === writesFrom?.id) return last.tail.next;
  const isNewest = !kept.some((other) => other.id !== point.id && leadsTo(point, other));
  return isNewest && !ended ? last.tail.next : ALL;
}

/** Of the delay: so many entries are kept at most. */
const STEPS = 16;

/** Parts of runs that died before their document, of layers that were half deleted, and of builds that are no more. */
async function orphans(s: SweepRequest): Promise<string[]> {
  const { objects, machine, generation, clock, delay } = s;
  const builds = new Set<string | undefined>(worksIn(s).map(({ build }) => build));
  const documents = new Set<string>();
  const parts: string[] = [];
  for await (const { name } of objects.list(layersPrefix(machine, generation)))
    if (name.endsWith(".lay")) parts.push(name);
    else documents.add(layerOfDocument(name) ?? name);
  const oldest = clock() - Math.max(2 * LONGEST_RUN, delay * 1000);
  const lonely = parts.filter(
    (name) =>
      !documents.has(name.replace(/-\d{6}\.lay$/, ".json")) &&
      !builds.has(layerBuild(name)) &&
      (layerMade(name) ?? Infinity) < oldest,
  );
  const runs = await namesOf(s, workPrefix(machine, generation));
  const left = runs.filter((name) => {
    const run = workOfRun(name);
    return run !== undefined && !builds.has(run.build) && run.made < oldest;
  });
  return [...lonely, ...left];
}

async function namesOf({ objects }: SweepRequest, prefix: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of objects.list(prefix)) names.push(name);
  return names;
}

/**
 * Objects whose segments all lie below. A reader looks for a segment in the last few objects that begin at or before it,
 * so an object with as many others between it and the limit is never looked at again, however far its segments reach.
 * When nothing has arrived behind the limit, none of them reaches beyond it. Else small ones are read to know: those of
 * a machine that writes little, of which nothing else would be left.
 */
async function segmentsBelow(s: SweepRequest, below: Ordinal): Promise<string[]> {
  const { objects, machine, generation, arrived } = s;
  const found: { readonly first: Ordinal; readonly name: string; readonly size: Bytes }[] = [];
  for await (const { name, size } of objects.list(journalPrefix(machine, generation))) {
    const first = parseSegmentName(name)?.ordinal;
    if (first === undefined) continue;
    if (first >= below) break;
    found.push({ first, name, size });
  }
  if (below === ALL || below === arrived) return found.map(({ name }) => name);
  const needless = found.slice(0, 1 - LOOK_BACK).map(({ name }) => name);
  for (const { first, name, size } of found.slice(1 - LOOK_BACK))
    if (size <= SMALL && (await endOf(s, first)) <= below) needless.push(name);
  return needless;
}

const SMALL = 64 * KIB;

/** Behind the last segment of an object; what cannot be read is for others to complain of. */
async function endOf({ objects, machine, generation }: SweepRequest, first: Ordinal): Promise<number> {
  try {
    const segments = await segmentsOf(objects, { machine, generation, first });
    return first + (segments.length || Infinity);
  } catch (error) {
    if (error instanceof LeewardError && error.class !== "retry") return Infinity;
    throw error;
  }
}

/** Of a generation that is over; what says so is then the last to go. */
async function isEmpty({ objects, machine, generation }: SweepRequest): Promise<boolean> {
  for await (const _ of objects.list(journalPrefix(machine, generation))) return false;
  const dooms = doomsOf({ machine, generation });
  for await (const { name } of objects.list(layersPrefix(machine, generation)))
    if (!dooms.includes(name)) return false;
  for await (const _ of objects.list(workPrefix(machine, generation))) return false;
  return true;
}
