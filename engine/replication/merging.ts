import { bytes } from "../core/units.ts";
import type { Merge, Sorted, Work } from "../journal/work-document.ts";
import { mergeByAddress } from "./address-merge.ts";
import { LayerMerge } from "./layer-merge.ts";
import { RunWriter } from "./run-writer.ts";
import { type SortedSource, type SourcesPlace, openSource } from "./sorted-sources.ts";
import type { MergedWindow } from "./window-proof.ts";

/**
 * Merges what is sorted: into fewer runs while there are more than can be read side by side, then into the layer. Gives the
 * work each time that what it says is stored; who stores that goes on from there.
 * @throws what reading runs and layers throws; PointBad, ManifestDamaged
 */
export async function* merging(s: SourcesPlace): AsyncGenerator<Work> {
  let work = s.work;
  while (!work.complete) {
    work = { ...work, merge: work.merge ?? nextMerge(work) };
    for await (const next of mergeOne({ ...s, work })) {
      work = next;
      yield work;
    }
  }
}

/**
 * Of more than `fanIn` sources the first so many neighbours of the lowest level that there is: so everything is merged as
 * often as the logarithm says. A run without neighbours of its level counts as one of the next.
 */
function nextMerge({ sorted, limits, runs }: Work): Merge {
  const common = { from: 0, writes: 0, marks: 0, parts: [], dataBytes: bytes(0), tree: [] };
  const of = (first: number, length: number) => ({
    first,
    sources: Array.from({ length }, () => ({ writes: 0, marks: 0 })),
    ...common,
  });
  if (sorted.length <= limits.fanIn) return of(0, sorted.length);
  for (let level = 0; ; level++) {
    const fits = (one: Sorted | undefined, like: Sorted): boolean =>
      one?.kind === "run" && one.level <= level && one.below === like.below;
    for (const [first, source] of sorted.entries()) {
      let length = 0;
      while (length < limits.fanIn && fits(sorted[first + length], source)) length++;
      if (length > 1) return { ...of(first, length), run: runs };
    }
    // Layers, and runs between two of them, are few.
    if (level > MOST_LEVELS) return of(0, sorted.length);
  }
}

/** Of 64 runs each: more than there is storage. */
const MOST_LEVELS = 12;

async function* mergeOne(
  s: SourcesPlace & { work: Work & { merge?: Merge | undefined } },
): AsyncGenerator<Work> {
  const { merge } = s.work;
  if (!merge) return;
  const inputs = s.work.sorted.slice(merge.first, merge.first + merge.sources.length);
  const sources = await Promise.all(
    inputs.map((input, i) =>
      openSource(s, input, { ...(merge.sources[i] ?? { writes: 0, marks: 0 }), from: merge.from }),
    ),
  );
  yield* merge.run === undefined
    ? mergeToLayer(s, sources, merge)
    : mergeToRun(s, { sources, merge, inputs, run: merge.run });
}

interface ToRun {
  readonly sources: readonly SortedSource[];
  readonly merge: Merge;
  readonly inputs: readonly Sorted[];
  readonly run: number;
}

async function* mergeToRun(s: SourcesPlace, { sources, merge, inputs, run }: ToRun): AsyncGenerator<Work> {
  const { work, space } = s;
  let to = new RunWriter(s, run, work.limits.runPart, merge);
  const below = inputs.some((input) => input.below);
  for await (const merged of mergeByAddress(sources, space)) {
    for (const one of merged.runs) await to.writer.put(one);
    const { disk } = merged.window;
    for (const [block, { digest }] of ascending(merged)) await to.writer.mark(disk, block, digest);
    if (to.writer.taken < work.limits.save) continue;
    await to.writer.close();
    const { counts } = to;
    yield { ...work, merge: { ...merge, ...counts, from: merged.window.next, sources: partsOf(sources) } };
    to = new RunWriter(s, run, work.limits.runPart, counts);
  }
  await to.writer.close();
  const levels = inputs.map((input) => (input.kind === "run" ? input.level : 0));
  const made: Sorted = { kind: "run", run, level: Math.max(...levels) + 1, ...to.counts, below };
  const { merge: _, ...rest } = work;
  yield { ...rest, runs: run + 1, sorted: work.sorted.toSpliced(merge.first, inputs.length, made) };
}

async function* mergeToLayer(
  s: SourcesPlace,
  sources: readonly SortedSource[],
  merge: Merge,
): AsyncGenerator<Work> {
  const { space, work } = s;
  let to = new LayerMerge(s, merge);
  for await (const merged of mergeByAddress(sources, space)) {
    await to.take(merged);
    if (to.taken < work.limits.save) continue;
    const stored = await to.stored(merged.window.next, partsOf(sources));
    yield { ...work, merge: stored };
    to = new LayerMerge(s, stored);
  }
  yield { ...work, merge: await to.finish(), complete: true };
}

const partsOf = (sources: readonly SortedSource[]): Merge["sources"] =>
  sources.map(({ writes, digests }) => ({ writes: writes.part, marks: digests.part }));

const ascending = ({ digests }: MergedWindow) => [...digests].toSorted(([a], [b]) => a - b);
