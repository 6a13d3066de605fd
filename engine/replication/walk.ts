import { mapInOrder } from "../core/in-order.ts";
import { type Bytes, type Generation, bytes } from "../core/units.ts";
import type { DataKey } from "../journal/key.ts";
import type { WalkPlace } from "../journal/rebuild-document.ts";
import type { SizedDisk } from "./blocks.ts";
import { type Coverage, mergeNewest } from "./merge.ts";
import type { ReadOptions } from "./layers.ts";
import type { Run } from "./run.ts";
import type { SourcePoint } from "./lineage.ts";
import { type Sealed, isLayerPart } from "./sealed.ts";
import { type Sources, bytesOf, generationsOf, lastWrites, readSources } from "./sources.ts";

/** What was taken of the sources. */
export interface Walked {
  /** Undefined at the beginning. */
  readonly place: WalkPlace | undefined;
  /** Bytes still to be read. */
  readonly left: Bytes;
}

export interface WalkRequest {
  /** The whole way to the point. */
  readonly sources: Sources;
  readonly key: DataKey;
  readonly disks: readonly SizedDisk[];
  /** What was emitted before, and is now. */
  readonly coverage: Coverage;
  readonly from: Walked;
  /** Called for each run, several at a time; gives it back once nobody looks at it. */
  readonly put: (run: Run) => Promise<unknown>;
  /** Called with each segment and part. */
  readonly meet?: (sealed: Sealed) => void;
  /** Asked behind each segment and part: true when the rest is for another time. */
  readonly enough: () => boolean;
  /** Runs in flight; 8 when absent. */
  readonly parallel?: number | undefined;
  /** As in `MergeRequest`. */
  readonly memory?: Bytes | undefined;
}

const PARALLEL = 8;

/**
 * Gives what the sources leave on the disks, newest first, each byte once, as far as it is enough; at least one segment
 * further than before. When it returns, everything that it took was put, and stands in the coverage.
 * @returns undefined when nothing is left
 * @throws what `mergeNewest` and `readSources` throw; what `put` throws
 */
export async function walkOn(s: WalkRequest): Promise<Walked | undefined> {
  const { key, disks, coverage } = s;
  const { segments, walked } = stretchFrom(s);
  const upTo = lastWrites(s.sources);
  const runs = mergeNewest({ segments, key, upTo, disks, memory: s.memory, releases: true }, coverage);
  for await (const _ of mapInOrder(runs, s.parallel ?? PARALLEL, s.put));
  return walked();
}

type StretchRequest = Pick<WalkRequest, "sources" | "from" | "meet" | "enough"> & {
  readonly reading?: ReadOptions;
};

/** What one turn reads. */
interface WalkStretch {
  readonly segments: AsyncGenerator<Sealed>;
  /** Asked once all of them were taken; undefined when nothing is left behind them. */
  readonly walked: () => Walked | undefined;
}

/**
 * What the sources hold behind a place, newest first, as far as it is enough; at least one segment or part. Where the way
 * is another one by now, something may come again.
 */
export function stretchFrom(s: StretchRequest): WalkStretch {
  const rest = restOf(s.sources, s.from.place);
  let walked: Walked = { place: s.from.place, left: rest.exact ? s.from.left : bytesOf(rest.sources) };
  let over = true;
  async function* some(): AsyncGenerator<Sealed> {
    for await (const sealed of readSources(rest.sources, s.reading)) {
      const left = bytes(Math.max(walked.left - sizeOf(sealed), 0));
      walked = { place: placeBehind(rest.sources, sealed), left };
      s.meet?.(sealed);
      yield sealed;
      if (!s.enough()) continue;
      over = false;
      return;
    }
  }
  return { segments: some(), walked: () => (over ? undefined : walked) };
}

/** Whether the point's own generation is read from its end: what was learned of it in earlier turns is learned again. */
export const startsAnew = (sources: Sources, point: SourcePoint, { place }: Walked): boolean =>
  readAnew(sources, place) === point.generation;

/** The generation that is read from its end once more, since its way is another one by now, and so are those below; undefined when none is. */
export function readAnew(sources: Sources, place: WalkPlace | undefined): Generation | undefined {
  const rest = restOf(sources, place);
  return rest.exact ? undefined : rest.sources.point.generation;
}

const sizeOf = (sealed: Sealed): number =>
  isLayerPart(sealed) ? sealed.bytes.length : sealed.header.dataBytes;

interface Rest {
  readonly sources: Sources;
  /** Nothing is read twice. */
  readonly exact: boolean;
}

/**
 * What is left of the way behind the place. Where the way is another one by now, since layers were built, whatever may
 * not have been taken: what is read twice is covered, so it is not given again, and whichever way led to the coverage, every
 * byte in it is newer than what is left.
 */
function restOf(sources: Sources, place: WalkPlace | undefined): Rest {
  if (!place) return { sources, exact: true };
  const own = [...generationsOf(sources)].find(({ point }) => point.generation === place.generation);
  if (!own) return { sources, exact: false };
  const cut = place.kind === "layer" ? withoutParts(own, place) : withoutSegments(own, place);
  return cut ? { sources: cut, exact: true } : { sources: own, exact: false };
}

function withoutParts(own: Sources, { build, left }: Extract<WalkPlace, { kind: "layer" }>) {
  const nth = own.layers.findIndex((layer) => layer.build === build);
  return nth < 0 ? undefined : { ...own, ranges: [], layers: own.layers.slice(0, nth + 1), left };
}

/** An empty range stays: that it is bound to where it begins is still to be seen. */
function withoutSegments(own: Sources, { from, to }: Extract<WalkPlace, { kind: "segments" }>) {
  const nth = own.ranges.findIndex(
    (range) =>
      range.from.next === from.next &&
      range.from.chain === from.chain &&
      from.next <= to.next &&
      to.next <= range.to.next,
  );
  const range = own.ranges[nth];
  if (!range) return undefined;
  const cut = { from: range.from, to: { ...range.to, ...to } };
  return { ...own, ranges: [cut, ...own.ranges.slice(nth + 1)] };
}

/** Everything up to this segment or part was taken. */
function placeBehind(sources: Sources, sealed: Sealed): WalkPlace {
  const { generation } = sealed.header;
  if (isLayerPart(sealed))
    return { kind: "layer", generation, build: sealed.header.build, left: sealed.header.part };
  const { ordinal, previous, from: last } = sealed.header;
  const own = [...generationsOf(sources)].find(({ point }) => point.generation === generation);
  const range = own?.ranges.find(({ from, to }) => from.next <= ordinal && ordinal < to.next);
  if (!range) throw new RangeError(`segment ${ordinal} of generation ${generation} lies on no way`);
  const { next, chain } = range.from;
  const to = { next: ordinal, chain: previous, sequence: last };
  return { kind: "segments", generation, from: { next, chain }, to };
}
