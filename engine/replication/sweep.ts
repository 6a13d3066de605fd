import { LeewardError, hasCode } from "../core/errors.ts";
import type { MachineId } from "../core/ids.ts";
import { type Generation, type Micros, type Millis, type Ordinal, ordinal } from "../core/units.ts";
import { NO_POINT } from "../journal/layer-header.ts";
import type { Layer } from "../journal/layer-document.ts";
import {
  journalPrefix,
  layerMade,
  layerName,
  layerPartName,
  layersPrefix,
  parseSegmentName,
  segmentName,
} from "../journal/names.ts";
import type { ObjectStore } from "../storage/store.ts";
import { LONGEST_RUN } from "./compact.ts";
import { type Doom, readDoom, writeDoom } from "./doom.ts";
import { LOOK_BACK } from "./journal-reader.ts";
import { type PathEnd, pathTo } from "./layer-path.ts";
import { listLayers } from "./layers.ts";

export interface SweepRequest {
  readonly objects: ObjectStore;
  readonly machine: MachineId;
  readonly generation: Generation;
  /** Every point of the generation that has a manifest. Without any nothing is given up. */
  readonly kept: readonly PathEnd[];
  /** Segments from this one on stay, whatever layers there are: the lowest that a checkpoint, a cut or a reader is at. */
  readonly keepFrom: Ordinal;
  /** What was given up is deleted after so long: who began to read it has that much time. */
  readonly delay: Millis;
  readonly clock: () => Micros;
}

export interface Swept {
  /** Names, in the order of deletion. */
  readonly deleted: readonly string[];
}

/**
 * Gives up what no kept point is rebuilt from, and deletes what was given up long enough ago.
 *
 * What to give up is decided on the layers that stand, without those that are given up already, and written by
 * compare-and-swap before anything is deleted: of two sweepers the second decides again, on what the first one left. A
 * layer counts only while its document and all of its parts are there. May die anywhere and run again.
 * Storage calls: three listings, one GET per layer, one PUT at most, and the deletions.
 * @throws LayerDamaged, LayerVersionUnknown; ObjectChanged when others were faster too many times
 */
export async function sweep(s: SweepRequest): Promise<Swept> {
  const { doom, layers } = await giveUp(s);
  const due = s.clock() - s.delay * 1000;
  const deleted: string[] = [];
  const remove = async (names: readonly string[]) => {
    for (let at = 0; at < names.length; at += BATCH) await s.objects.delete(names.slice(at, at + BATCH));
    deleted.push(...names);
  };
  const doomed = new Set(doom.layers.filter(({ since }) => since <= due).map(({ name }) => name));
  for (const layer of layers.filter((each) => doomed.has(layerName(each)))) {
    await remove([layerName(layer)]);
    await remove(layer.parts.map((_, part) => layerPartName(layer, part)));
  }
  await remove(await orphans(s));
  const below = doom.segments.findLast(({ since }) => since <= due)?.below;
  if (below !== undefined) await remove(await segmentsBelow(s, below));
  return { deleted };
}

const BATCH = 256;
const RACES = 30;

/** Decides and writes it down. */
async function giveUp(s: SweepRequest): Promise<{ doom: Doom; layers: readonly Layer[] }> {
  for (let race = 0; race < RACES; race++) {
    const { doom: old, etag } = await readDoom(s.objects, s.machine, s.generation);
    const layers = await listLayers(s.objects, s.machine, s.generation);
    const doom = decide(s, old, layers);
    if (JSON.stringify(doom) === JSON.stringify(old)) return { doom, layers };
    try {
      await writeDoom(s.objects, s.machine, s.generation, { doom, etag });
      return { doom, layers };
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
function decide(s: SweepRequest, old: Doom, layers: readonly Layer[]): Doom {
  const since = s.clock();
  const names = new Set(layers.map(layerName));
  const before = old.layers.filter(({ name }) => names.has(name));
  const doomed = new Set(before.map(({ name }) => name));
  const standing = layers.filter((layer) => !doomed.has(layerName(layer)));
  if (s.kept.length === 0) return { ...old, layers: before };
  const paths = s.kept.map((point) => pathTo(standing, NO_POINT, point));
  const needed = new Set(paths.flat());
  const given = standing.filter((layer) => !needed.has(layer) && !mayBecomeNeeded(layer, since));
  return {
    format: 1,
    layers: [...before, ...given.map((layer) => ({ name: layerName(layer), since }))],
    segments: withBelow(s, old.segments, paths, since),
  };
}

/** A layer that is new may be the first of several that are only useful together. */
const mayBecomeNeeded = ({ made }: Layer, now: Micros): boolean => now - made < LONGEST_RUN;

/** A kept point that no layer leads to needs the segments from the first on. */
function withBelow(
  { keepFrom, delay }: SweepRequest,
  old: Doom["segments"],
  paths: readonly (readonly Layer[])[],
  since: Micros,
): Doom["segments"] {
  const below = Math.min(keepFrom, ...paths.map((path) => path.at(-1)?.tail.next ?? 0));
  const last = old.at(-1);
  const isOften = last !== undefined && since - last.since < (delay * 1000) / STEPS;
  if (below <= (last?.below ?? 0) || isOften) return old;
  const due = old.findLastIndex((each) => each.since + delay * 1000 <= since);
  return [...old.slice(Math.max(0, due)), { below: ordinal(below), since }];
}

/** Of the delay: so many entries are kept at most. */
const STEPS = 16;

/** Parts of runs that died before their document, and of layers that were half deleted. */
async function orphans({ objects, machine, generation, clock, delay }: SweepRequest): Promise<string[]> {
  const documents = new Set<string>();
  const parts: string[] = [];
  for await (const { name } of objects.list(layersPrefix(machine, generation)))
    if (name.endsWith(".lay")) parts.push(name);
    else documents.add(name);
  const oldest = clock() - Math.max(2 * LONGEST_RUN, delay * 1000);
  return parts.filter(
    (name) => !documents.has(name.replace(/-\d{6}\.lay$/, ".json")) && (layerMade(name) ?? Infinity) < oldest,
  );
}

/**
 * Objects whose segments all lie below. A reader looks for a segment in the last few objects that begin at or before it,
 * so an object with as many others between it and the limit is never looked at again, however far its segments reach.
 */
async function segmentsBelow(
  { objects, machine, generation }: SweepRequest,
  below: Ordinal,
): Promise<string[]> {
  const firsts: Ordinal[] = [];
  for await (const { name } of objects.list(journalPrefix(machine, generation))) {
    const place = parseSegmentName(name);
    if (!place) continue;
    if (place.ordinal > below) break;
    firsts.push(place.ordinal);
  }
  return firsts.slice(0, -LOOK_BACK).map((first) => segmentName(machine, generation, first));
}
