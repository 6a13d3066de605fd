import { randomUUID } from "node:crypto";
import { LeewardError } from "../core/errors.ts";
import { type BarrierId, barrierId } from "../core/ids.ts";
import { type Bytes, MIB, type Micros, bytes, sequence } from "../core/units.ts";
import type { DataKey } from "../journal/key.ts";
import { NO_POINT } from "../journal/layer-header.ts";
import { type Layer, type LayerEnd } from "../journal/layer-document.ts";
import { type JournalPosition, startOf } from "../journal/position.ts";
import type { JournalRecord } from "../journal/record.ts";
import type { ObjectStore } from "../storage/store.ts";
import { DigestWalk, checkRoots, lacking, walkMarks } from "./digest-walk.ts";
import { journalStart } from "./journal-reader.ts";
import { LayerProof } from "./layer-proof.ts";
import { LayerWriter } from "./layer-writer.ts";
import { layerBytes, leadsTo, standsAlone, standsOnBase } from "./layer-path.ts";
import { putLayer, spanOf } from "./layers.ts";
import { type HeldPoint, generationStart, readBase } from "./lineage.ts";
import { emptyCoverage, mergeNewest } from "./merge.ts";
import { rereading } from "./reread.ts";
import { type Sealed, isLayerPart, openSealed } from "./sealed.ts";
import {
  type Sources,
  generationsOf,
  lastWrites,
  readGeneration,
  sourcesAmong,
  sourcesOf,
} from "./sources.ts";
import { standingLayers } from "./standing.ts";
import { TailTracker } from "./tail-tracker.ts";

export interface CompactRequest {
  readonly objects: ObjectStore;
  readonly key: DataKey;
  /** A kept point where a layer ends; the beginning of the generation when absent. */
  readonly begin?: BarrierId | undefined;
  /** Without `begin`: takes in what the generation stands on, so that nothing lies under the layer. */
  readonly alone?: boolean;
  /** The kept point that the layer is to bring the disks to. */
  readonly end: HeldPoint;
  readonly clock: () => Micros;
  /** Data in one part before compression; 16 MiB when absent, at most 32. */
  readonly partBytes?: Bytes;
  /** As in `MergeRequest`. */
  readonly memory?: Bytes;
}

export interface Compacted {
  readonly layer: Layer;
  /**
   * Guest bytes of the journal between the layer's ends, those of them that are left, and what they take as stored.
   * Absent when the layer was there already.
   */
  readonly built?: { readonly journalBytes: Bytes; readonly dataBytes: Bytes; readonly storedBytes: Bytes };
}

/** A run that takes longer gives up before its layer counts: `sweep` takes such parts for those of a dead run. */
export const LONGEST_RUN = 12 * 3_600_000_000;
const PART_BYTES = bytes(16 * MIB);
/** Of a digests record: 3.6 MB. */
const MOST_BLOCKS = 100_000;

/**
 * Merges what lies between two kept points into one layer, each byte once, from lower layers as far as there are and
 * segments behind them. Parts are put first and read back each; then the block digests of the end, gathered from what
 * is under the layer and from the layer's own, must give the roots of its manifest, and its blocks must have these
 * digests; then the document makes it a layer.
 * What it replaces stays: `sweep` sees to that.
 *
 * May die anywhere and run again, also twice at once: each run has names of its own. Returns the layer that is there
 * already between the two points, if there is one.
 * @throws SegmentMissing, ChainBroken, SegmentDamaged, KeyWrong; LayerDamaged, also when no layer ends at `begin`; ManifestDamaged when
 *   digests and roots differ; PointBad when blocks and digests do; TimedOut
 */
export async function compact(s: CompactRequest, known?: Planned | LayerThere): Promise<Compacted> {
  const { objects, end } = s;
  const made = s.clock();
  const planned = known ?? (await planOf(s));
  if ("layer" in planned) return planned;
  const { begin, sources, journalBytes } = planned;
  const { layer, dataBytes } = await write(s, made, begin, sources);
  if (s.clock() - made > LONGEST_RUN)
    throw new LeewardError("TimedOut", `a layer to point ${end.id} of ${end.machine} took over 12 hours`);
  await putLayer(objects, layer);
  return { layer, built: { journalBytes, dataBytes, storedBytes: layerBytes(layer) } };
}

/** What a layer is to be made of. */
export interface Planned {
  readonly begin: LayerEnd;
  readonly sources: Sources;
  /** Guest bytes of the journal between its ends. */
  readonly journalBytes: Bytes;
}

/** It needs not be made. */
type LayerThere = Pick<Compacted, "layer">;

/** The layer that is there already between the two points, or what to make it of. @throws as `compact` */
export async function planOf(s: CompactRequest): Promise<Planned | LayerThere> {
  const { objects, end } = s;
  // A layer that was there a moment ago is looked for again before it counts as gone.
  const { all, begin } = await rereading(async () => {
    const standing = await standingLayers(objects, end.machine, end.generation);
    return { all: standing, begin: await beginningOf(s, standing) };
  });
  const there = all.find((layer) => isSame(layer.begin, begin) && layer.end.id === end.id);
  if (there) return { layer: there };
  const sources = await sourcesFrom(s, begin, all);
  const journalBytes = bytes(
    [...generationsOf(sources)].reduce((sum, { point }) => sum + point.position.bytes, 0) -
      begin.position.bytes,
  );
  return { begin, sources, journalBytes };
}

/** Of beginnings of the generation one may stand on its base, and one on nothing. */
const isSame = (a: LayerEnd, b: LayerEnd): boolean => a.id === b.id && a.position.chain === b.position.chain;

async function sourcesFrom(
  { objects, end, alone }: CompactRequest,
  begin: LayerEnd,
  all: readonly Layer[],
): Promise<Sources> {
  if (alone === true) return sourcesOf(objects, end);
  const from = await generationStart(objects, end.machine, end.generation);
  return sourcesAmong(objects, { from, point: end }, all, begin.id);
}

async function beginningOf(
  { objects, begin, end, alone }: CompactRequest,
  all: readonly Layer[],
): Promise<LayerEnd> {
  if (alone === true) {
    const position = startOf(end.generation, sequence(0));
    return { id: NO_POINT, sequence: position.sequence, position };
  }
  if (begin === undefined) {
    const base = all.find(standsOnBase) ?? all.find(standsAlone);
    if (base) return base.begin;
    const position = await journalStart(objects, end.machine, end.generation);
    return { id: NO_POINT, sequence: position.sequence, position };
  }
  const found = all.find((layer) => layer.end.id === begin)?.end;
  if (found && leadsTo(found, end)) return found;
  throw new LeewardError("LayerDamaged", `no layer ends at point ${begin}, before point ${end.id}`);
}

async function write(
  s: CompactRequest,
  made: Micros,
  begin: LayerEnd,
  sources: Sources,
): Promise<{ layer: Layer; dataBytes: Bytes }> {
  const { objects, key, end: point } = s;
  const { machine, generation } = point;
  const end = { id: point.id, sequence: point.sequence, position: point.position };
  const build = barrierId(randomUUID());
  const place = { machine, generation, begin, end, made, build };
  const partBytes = bytes(Math.min(s.partBytes ?? PART_BYTES, 32 * MIB));
  const writer = new LayerWriter({ objects, key, place, span: spanOf(place), partBytes });
  const walk = new DigestWalk(point);
  const proof = new LayerProof(point, s.memory);
  let ending: Ending | undefined;
  const times = new TailTracker(point.position);
  const runs = mergeNewest(
    {
      segments: watched(sources, key, walk, (part, tracker) => {
        ending ??= endingOf(part, tracker, walk, point);
        times.spans(tracker.earliest, tracker.latest);
      }),
      key,
      upTo: lastWrites(sources),
      above: begin.id === NO_POINT ? undefined : begin.sequence,
      disks: point.disks,
      memory: s.memory,
    },
    emptyCoverage(point.disks),
  );
  for await (const run of runs) {
    proof.take(run);
    await writer.put(run);
  }
  if (!ending) throw unproved(point);
  const { marks, tail } = ending;
  const [{ sequence: at, time }] = marks;
  await writer.finish(walk.records({ sequence: at, time }, MOST_BLOCKS), marks);
  const alone = await checkBelow(s, begin, walk);
  const { parts, dataBytes } = writer;
  const { earliest, latest } = times;
  const layer: Layer = { format: 1, ...place, tail, earliest, latest, parts };
  await proof.check(walk.digests, alone ? { objects, key, layer } : undefined);
  return { layer, dataBytes };
}

/** How the newest generation ends: what the layer's last part holds, and from where on segments follow the layer. */
interface Ending {
  readonly marks: readonly [JournalRecord, JournalRecord];
  readonly tail: JournalPosition;
}

/**
 * Everything in the sources, newest first, with its marks taken out on the way to the merge.
 * @param ended called when all of a generation was met
 */
async function* watched(
  sources: Sources,
  key: DataKey,
  walk: DigestWalk,
  ended: (part: Sources, tracker: TailTracker) => void,
): AsyncGenerator<Sealed> {
  for (const part of generationsOf(sources)) {
    if (part !== sources) walk.goOn(part.point.id);
    const tracker = new TailTracker(part.point.position);
    for await (const sealed of readGeneration(part)) {
      if (sealed.header.marks) walk.take(await openSealed(sealed, key));
      if (!isLayerPart(sealed)) tracker.meet(sealed.header, walk.barrier !== undefined);
      yield sealed;
    }
    if (!walk.barrier) throw lacking(part.point);
    for (const { earliest, latest } of part.layers) tracker.spans(earliest, latest);
    ended(part, tracker);
  }
}

function endingOf({ layers }: Sources, tracker: TailTracker, walk: DigestWalk, point: HeldPoint): Ending {
  const marks = endOf(walk, point);
  const behind = walk.metLater || point.position.sequence > point.sequence;
  const tail = tracker.result(layers.at(-1), behind);
  if (tail) return { marks, tail };
  throw new LeewardError("ChainBroken", `the barrier of point ${point.id} is not where it was proved`);
}

/** @throws ChainBroken when the journal does not prove the point, or other roots than its manifest says */
function endOf({ barrier, proof }: DigestWalk, point: HeldPoint): [JournalRecord, JournalRecord] {
  const same =
    proof?.roots.length === point.disks.length &&
    point.disks.every(({ root, size }, i) => proof.roots[i]?.root === root && proof.roots[i]?.size === size);
  if (barrier && proof && same) return [barrier, { ...proof, sequence: point.sequence }];
  throw unproved(point);
}

const unproved = ({ machine, generation, id }: HeldPoint): LeewardError =>
  new LeewardError(
    "ChainBroken",
    `the journal of ${machine}, generation ${generation}, does not prove point ${id}`,
  );

/**
 * With the digests of what lies under the layer, in its generation and older ones, its own must give the roots of its
 * end. True when nothing lies under it.
 */
async function checkBelow(
  { objects, key, end, alone: whole }: CompactRequest,
  begin: LayerEnd,
  walk: DigestWalk,
): Promise<boolean> {
  let alone = whole === true;
  if (begin.id !== NO_POINT) {
    await walkMarks(await sourcesOf(objects, { ...end, ...begin }), key, walk);
  } else if (!alone) {
    const kept = await readBase(objects, end.machine, end.generation);
    alone = kept === undefined;
    if (kept) {
      const { point } = kept.base;
      walk.goOn(point.id);
      await walkMarks(await sourcesOf(objects, { machine: end.machine, ...point }), key, walk);
    }
  }
  checkRoots(end, walk.digests);
  return alone;
}
