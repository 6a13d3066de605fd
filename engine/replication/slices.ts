import { randomUUID } from "node:crypto";
import { LeewardError, hasCode } from "../core/errors.ts";
import { barrierId } from "../core/ids.ts";
import { type Bytes, GIB, type Generation, MIB, bytes } from "../core/units.ts";
import type { Layer } from "../journal/layer-document.ts";
import { NO_POINT } from "../journal/layer-header.ts";
import { layerName, workName, workRunsPrefix } from "../journal/names.ts";
import type { Leg, Work } from "../journal/work-document.ts";
import type { ObjectStore } from "../storage/store.ts";
import { AddressSpace } from "./address-space.ts";
import { type CompactRequest, type Compacted, type Planned, planOf } from "./compact.ts";
import { readDoom } from "./doom.ts";
import { layerBytes } from "./layer-path.ts";
import { listLayers, putLayer } from "./layers.ts";
import { readBase } from "./lineage.ts";
import { merging } from "./merging.ts";
import { placeOf } from "./run-writer.ts";
import { sorting } from "./sorting.ts";
import { type Sources, bytesOf, generationsOf, sourcesOf } from "./sources.ts";
import { standingAmong } from "./standing.ts";
import { TailTracker } from "./tail-tracker.ts";
import { type KeptWork, createWork, layersOf, readWork, saveWork, segmentsFrom } from "./works.ts";

export interface SliceLimits {
  /** What is made of no more than this is built in one go. */
  readonly oneGo: Bytes;
  /** Memory for sorting. */
  readonly chunk: Bytes;
  /** Data in a part of a run, and of the layer, before compression. */
  readonly runPart: Bytes;
  readonly layerPart: Bytes;
  /** Merged between two times that it is stored how far the layer is. */
  readonly save: Bytes;
  /** Runs and layers that are merged at once; one part of each is in memory. */
  readonly fanIn: number;
}

/**
 * A piece of 256 MiB takes some ten seconds, and so does what a kill costs. One go of 2 GiB takes a minute or two, below
 * the three that a turn has. 64 parts of 4 MiB are as much memory as sorting takes, and let two rounds of merging reach
 * 1 TiB; three reach 64.
 */
export const SLICES: SliceLimits = {
  oneGo: bytes(2 * GIB),
  chunk: bytes(256 * MIB),
  runPart: bytes(4 * MIB),
  layerPart: bytes(16 * MIB),
  save: bytes(256 * MIB),
  fanIn: 64,
};

export interface SliceRequest extends CompactRequest {
  readonly limits: SliceLimits;
  /** Asked after each piece that is stored: true when the rest is for another time. */
  readonly enough: () => boolean;
}

/** How far a layer is. */
interface SliceProgress {
  readonly stage: "sorting" | "merging";
  readonly done: Bytes;
  readonly total: Bytes;
}

export type Sliced = Compacted | { readonly progress: SliceProgress } | "given up";

/** A document of a layer names at most a million parts. */
const MOST_PARTS = 500_000;

/** Bytes that the layer would be made of: of segments as the guest wrote them, of layers as they are stored. */
export const inputBytes = ({ sources }: Planned): Bytes => bytesOf(sources);

/**
 * Builds a layer as `compact` does, in pieces, each of them stored before the next is begun: sorts what lies in the order
 * of time into runs in the order of the disks, merges these and the layers that are in that order already, and proves block
 * by block what it puts. Memory is bounded by the limits, whatever the disks' size.
 *
 * May die anywhere: whoever comes next goes on behind the last piece. Of two at once one is told that it was slower.
 * @returns "given up" while the work waits for its deletion
 * @throws as `compact`
 */
export async function compactSlices(s: SliceRequest): Promise<Sliced> {
  const found = await openWork(s);
  if ("layer" in found) return found;
  if (await isGivenUp(s.objects, found.work)) return "given up";
  if (!(await isSupplied(s.objects, found.work))) {
    // What it stands on is to be deleted: whoever comes next begins anew, with what is left.
    await s.objects.delete([workName(found.work)]);
    return { progress: progressOf(found.work) };
  }
  const { work } = found.work.complete ? found : await goOn(s, found);
  return work.complete ? finish(s, found.work, work) : { progress: progressOf(work) };
}

/** Until it is enough or complete, or another one has brought it on. */
async function goOn(s: SliceRequest, from: KeptWork): Promise<KeptWork> {
  const { objects } = s;
  let kept: KeptWork = from;
  try {
    for await (const saved of pieces(s, from)) {
      kept = saved;
      if (s.enough() && !saved.work.complete) return saved;
    }
  } catch (error) {
    if (!(error instanceof LeewardError) || error.class === "retry") throw error;
    // Who is faster deletes what the slower one still reads, once the layer is there: only a put tells it for certain.
    const mine = await saveWork(objects, { ...kept, work: { ...kept.work, touched: s.clock() } });
    if (mine) throw error;
  }
  return kept;
}

/** The work as it is stored after each piece. Ends when another one has brought it on. */
async function* pieces(s: SliceRequest, from: KeptWork): AsyncGenerator<KeptWork> {
  const { objects, key } = s;
  const space = new AddressSpace(from.work.disks);
  let kept: KeptWork = from;
  for (const phase of [sorting, merging])
    for await (const next of phase({ objects, key, work: kept.work, space })) {
      const saved = await saveWork(objects, { work: { ...next, touched: s.clock() }, etag: kept.etag });
      if (!saved) return;
      kept = saved;
      yield saved;
    }
}

/** The work that there is, or a new one; the layer when it is there already. */
async function openWork(s: SliceRequest): Promise<KeptWork | Compacted> {
  const planned = await planOf(s);
  if ("layer" in planned) return planned;
  const alone = s.alone === true;
  const name = workName({ ...s.end, begin: planned.begin, end: s.end, alone });
  try {
    const kept = await readWork(s.objects, name);
    if (kept) return kept;
  } catch (error) {
    if (!hasCode(error, "LayerDamaged")) throw error;
    await s.objects.delete([name]);
  }
  return createWork(s.objects, await newWork(s, planned));
}

async function newWork(s: SliceRequest, planned: Planned): Promise<Work> {
  const { end, alone = false, limits } = s;
  const { begin, sources } = planned;
  const made = s.clock();
  const { below, grounded } = await under(s, planned);
  const total = inputBytes(planned);
  const older = sources.layers.at(-1);
  const { machine, generation, id, sequence, position } = end;
  const above = begin.id === NO_POINT ? undefined : begin.sequence;
  const layerPart = bytes(Math.max(limits.layerPart, Math.min(32 * MIB, Math.ceil(total / MOST_PARTS))));
  return {
    format: 1,
    machine,
    generation,
    build: barrierId(randomUUID()),
    made,
    touched: made,
    begin,
    end: { id, sequence, position },
    alone,
    grounded,
    disks: end.disks.map(({ index, size, root }) => ({ index, size, root })),
    limits: {
      chunk: limits.chunk,
      runPart: limits.runPart,
      layerPart,
      save: limits.save,
      fanIn: limits.fanIn,
    },
    total,
    done: bytes(0),
    journalBytes: planned.journalBytes,
    ...(older && { older: { position: older.end.position, tail: older.tail } }),
    tail: new TailTracker(position).state,
    legs: [...legsOf(sources, { below: false, above }), ...(below ? legsOf(below, { below: true }) : [])],
    sorted: [],
    runs: 0,
    complete: false,
  };
}

/** What lies under the layer, in its generation and older ones. */
async function under(
  { objects, end, alone }: SliceRequest,
  { begin }: Planned,
): Promise<{ below: Sources | undefined; grounded: boolean }> {
  if (alone === true) return { below: undefined, grounded: true };
  if (begin.id !== NO_POINT)
    return { below: await sourcesOf(objects, { ...end, ...begin }), grounded: false };
  const kept = await readBase(objects, end.machine, end.generation);
  if (!kept) return { below: undefined, grounded: true };
  const point = { machine: end.machine, ...kept.base.point };
  return { below: await sourcesOf(objects, point), grounded: false };
}

const legsOf = (sources: Sources, s: { readonly below: boolean; readonly above?: Leg["above"] }): Leg[] =>
  [...generationsOf(sources)].map(({ point, ranges, layers }) => ({
    generation: point.generation,
    point: point.id,
    upTo: point.sequence,
    ...(s.above !== undefined && { above: s.above }),
    below: s.below,
    met: false,
    later: [],
    rest: [
      ...ranges.map(({ from, to }) => ({ kind: "segments" as const, from, to })),
      ...layers
        .toReversed()
        .map((layer) => ({ kind: "layer" as const, name: layerName(layer), left: layer.parts.length })),
    ],
  }));

async function isGivenUp(objects: ObjectStore, work: Work): Promise<boolean> {
  const { doom } = await readDoom(objects, work.machine, work.generation);
  return doom.layers.some(({ name }) => name === workRunsPrefix(work));
}

/** Whether everything that it still reads is there, and not given up. */
async function isSupplied(objects: ObjectStore, work: Work): Promise<boolean> {
  const wanted = layersOf(work);
  const generations = new Set<Generation>([
    work.generation,
    ...work.legs.map(({ generation }) => generation),
  ]);
  const standing = new Set<string>();
  for (const of of generations) {
    const { doom } = await readDoom(objects, work.machine, of);
    const first = segmentsFrom(work, of);
    if (first !== undefined && first < (doom.segments.at(-1)?.below ?? 0)) return false;
    const layers = wanted.length > 0 ? await listLayers(objects, work.machine, of) : [];
    for (const layer of standingAmong(layers, doom)) standing.add(layerName(layer));
  }
  return wanted.every((name) => standing.has(name));
}

/** The document makes the parts a layer; what the build kept is not needed any more. */
async function finish({ objects }: SliceRequest, begun: Work, work: Work): Promise<Compacted> {
  const layer = layerOf(work);
  await putLayer(objects, layer);
  const names: string[] = [];
  for await (const { name } of objects.list(workRunsPrefix(work))) names.push(name);
  for (let at = 0; at < names.length; at += BATCH) await objects.delete(names.slice(at, at + BATCH));
  await objects.delete([workName(work)]);
  const dataBytes = work.merge?.dataBytes ?? bytes(0);
  const built = { journalBytes: work.journalBytes, dataBytes, storedBytes: layerBytes(layer) };
  return begun.complete ? { layer } : { layer, built };
}

const BATCH = 256;

function layerOf(work: Work): Layer {
  const { merge, follows, tail } = work;
  if (!merge || !follows) throw new LeewardError("LayerDamaged", `${workName(work)} is not complete`);
  const { earliest, latest } = tail;
  return { format: 2, ...placeOf(work), tail: follows, earliest, latest, parts: merge.parts };
}

function progressOf(work: Work): SliceProgress {
  const { legs, done, total, disks, merge } = work;
  if (legs.length > 0) return { stage: "sorting", done, total };
  const all = disks.reduce((sum, { size }) => sum + size, 0);
  const from = merge && merge.run === undefined ? Math.min(merge.from, all) : 0;
  return { stage: "merging", done: bytes(from), total: bytes(all) };
}
