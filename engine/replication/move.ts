import { ExtentSet } from "../core/extent.ts";
import { hasCode } from "../core/errors.ts";
import { mapInOrder } from "../core/in-order.ts";
import { type Bytes, type DiskIndex, bytes } from "../core/units.ts";
import type { DataKey } from "../journal/key.ts";
import type { ObjectStore } from "../storage/store.ts";
import { type Coverage, emptyCoverage, mergeNewest } from "./merge.ts";
import type { Moment } from "./moment.ts";
import type { Sink } from "./restore.ts";
import type { Run } from "./run.ts";
import type { Sealed } from "./sealed.ts";
import { lastWrites, readSources, sourcesOf } from "./sources.ts";
import { segmentsSince, writtenSince } from "./written.ts";

export interface MoveRequest {
  readonly objects: ObjectStore;
  readonly key: DataKey;
  /** What the images hold; undefined when nothing is known of them: then all of each is written. */
  readonly from: Moment | undefined;
  readonly to: Moment;
  /** For each disk, its image. `zero` must write zeros. */
  readonly sinks: ReadonlyMap<DiskIndex, Sink>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Brings images from one state to another and writes only what may differ: forward, what was written between the two,
 * each byte once; backward, the same bytes as they were before. From another generation, or where the segments between
 * the two are gone, everything is written. A move that dies leaves images of no state.
 * @returns bytes written, zeros too
 * @throws what reading the journal throws, what the sinks throw, the signal's reason
 */
export async function moveImages(s: MoveRequest): Promise<Bytes> {
  const { from, to } = s;
  if (from?.generation !== to.generation) return rebuild(s, emptyCoverage(to.disks));
  try {
    if (from.sequence <= to.sequence) return await put(s, forward(s, from));
    return await rebuild(s, without(to, await writtenSince({ ...s, moment: from, after: to.sequence })));
  } catch (error) {
    // Nothing was written that does not belong there: a walk meets its holes before it ends, and what it gave was right.
    if (hasCode(error, "SegmentMissing")) return rebuild(s, emptyCoverage(to.disks));
    throw error;
  }
}

function forward({ key, to, objects }: MoveRequest, { sequence: after }: Moment): AsyncGenerator<Run> {
  const segments = segmentsSince({ objects, moment: to, after });
  const upTo = new Map([[to.generation, to.sequence]]);
  const request = { segments, key, upTo, above: after, disks: to.disks, releases: true };
  return mergeNewest(request, emptyCoverage(to.disks));
}

/** Everything but these bytes, as if it had been emitted already. */
const without = ({ disks }: Moment, wanted: Coverage): Coverage =>
  new Map(disks.map(({ index, size }) => [index, ExtentSet.of(wanted.get(index)?.gaps(0, size) ?? [])]));

/** Writes the bytes that are not covered yet as they are in the state. */
async function rebuild(s: MoveRequest, coverage: Coverage): Promise<Bytes> {
  const { objects, key, to } = s;
  const sources = await sourcesOf(objects, to);
  const segments = whileLacking(to, coverage, readSources(sources));
  const request = { segments, key, upTo: lastWrites(sources), disks: to.disks, releases: true };
  const runs = mergeNewest(request, coverage);
  return bytes((await put(s, runs)) + (await put(s, rest(to, coverage))));
}

/** Ends as soon as every byte is covered: what is older does not matter. */
async function* whileLacking(
  { disks }: Moment,
  coverage: Coverage,
  sealed: AsyncIterable<Sealed>,
): AsyncGenerator<Sealed> {
  for await (const each of sealed) {
    if (disks.every(({ index, size }) => coverage.get(index)?.total === size)) return;
    yield each;
  }
}

/** What was never written is zero. */
async function* rest({ disks }: Moment, coverage: Coverage): AsyncGenerator<Run> {
  for (const { index, size } of disks)
    for (const { start, end } of coverage.get(index)?.gaps(0, size) ?? [])
      yield { disk: index, offset: bytes(start), length: bytes(end - start), data: undefined };
}

const PARALLEL = 8;

async function put({ sinks, signal }: MoveRequest, runs: AsyncIterable<Run>): Promise<Bytes> {
  let written = 0;
  const writing = mapInOrder(runs, PARALLEL, async ({ disk, offset, length, data, release }) => {
    const sink = sinks.get(disk);
    await (data ? sink?.write(offset, data) : sink?.zero(offset, length));
    release?.();
    return sink ? length : 0;
  });
  for await (const length of writing) {
    signal?.throwIfAborted();
    written += length;
  }
  return bytes(written);
}
