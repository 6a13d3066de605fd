import { LeewardError } from "../core/errors.ts";
import type { MachineId } from "../core/ids.ts";
import { type Generation, generation } from "../core/units.ts";
import { follow } from "../journal/chain.ts";
import type { DataKey } from "../journal/key.ts";
import { openSegment } from "../journal/open.ts";
import { journalsPrefix, parseSegmentName } from "../journal/names.ts";
import type { JournalPosition } from "../journal/position.ts";
import type { WriteRecord } from "../journal/record.ts";
import type { CheckedSegment } from "../journal/segment.ts";
import type { ObjectStore } from "../storage/store.ts";
import { journalStart, readOn } from "./journal-reader.ts";
import type { SourcePoint } from "./lineage.ts";
import { fetchPack } from "./pack.ts";
import { segmentsSince } from "./written.ts";

/** Where the old journal is to be looked for. */
export interface OldJournal {
  readonly objects: ObjectStore;
  /** The account of the source region; what had arrived is found without it. */
  readonly cache?: ObjectStore | undefined;
  readonly key: DataKey;
  readonly machine: MachineId;
}

/** A segment of which some writes, or all, are not in the state that was kept. */
export interface LostSegment {
  readonly place: "target" | "cache";
  /** Behind it. */
  readonly after: JournalPosition;
  /** In order; none of a segment that holds marks alone. */
  readonly writes: readonly WriteRecord[];
}

/**
 * What the old side wrote after the state that was kept, in order: first what had arrived behind it, then what only the
 * cache of the old region holds, each segment checked and chained, up to the first that is nowhere. Then the same of each
 * newer generation, as a whole.
 * @param last the newest generation that the old side may have written
 * @throws ChainBroken, SegmentDamaged, SegmentVersionUnknown, KeyWrong; StorageUnavailable and others of the cache
 */
export async function* lostWrites(
  old: OldJournal,
  kept: SourcePoint,
  last: Generation,
): AsyncGenerator<LostSegment> {
  yield* behindKept(old, kept);
  for (let n = kept.generation + 1; n <= last; n++) yield* wholeGeneration(old, generation(n));
}

/** The newest generation of which there is a segment anywhere. One listing of each place. */
export async function newestGeneration(
  { objects, cache, machine }: OldJournal,
  atLeast: Generation,
): Promise<Generation> {
  let newest = atLeast;
  for (const store of [objects, cache])
    for await (const { name } of store?.list(journalsPrefix(machine)) ?? []) {
      const place = parseSegmentName(name);
      if (place && place.generation > newest) newest = place.generation;
    }
  return newest;
}

async function* behindKept(old: OldJournal, kept: SourcePoint): AsyncGenerator<LostSegment> {
  const { objects, key } = old;
  const inside: CheckedSegment[] = [];
  const moment = { ...kept, disks: [] };
  for await (const segment of segmentsSince({ objects, moment, after: kept.sequence })) inside.push(segment);
  for (const segment of inside.toReversed()) {
    const writes = (await writesIn(segment, key)).filter(({ sequence }) => sequence > kept.sequence);
    yield { place: "target", after: kept.position, writes };
  }
  yield* from(old, kept.position);
}

async function* wholeGeneration(old: OldJournal, of: Generation): AsyncGenerator<LostSegment> {
  const { objects, cache, machine } = old;
  for (const store of [objects, cache]) {
    const start = store && (await journalStart(store, machine, of).catch(missing));
    if (!start) continue;
    yield* from(old, start);
    return;
  }
}

function missing(error: unknown): undefined {
  if (!(error instanceof LeewardError) || error.code !== "SegmentMissing") throw error;
}

/** What lies behind the position: in the target, and then in the cache. */
async function* from(old: OldJournal, start: JournalPosition): AsyncGenerator<LostSegment> {
  const { objects, cache, key, machine } = old;
  let position = start;
  for await (const { segment, after } of readOn({ objects, machine, from: start })) {
    position = after;
    yield { place: "target", after, writes: await writesIn(segment, key) };
  }
  if (!cache) return;
  for (;;) {
    const { generation: of, next: first } = position;
    const pack = await fetchPack(cache, { machine, generation: of, first });
    if (!pack) return;
    for (const segment of pack.segments) {
      position = follow(machine, position, segment);
      yield { place: "cache", after: position, writes: await writesIn(segment, key) };
    }
  }
}

async function writesIn(segment: CheckedSegment, key: DataKey): Promise<WriteRecord[]> {
  if (segment.header.from === segment.header.to) return [];
  return (await openSegment(segment, key)).filter(
    (record): record is WriteRecord => record.kind === "data" || record.kind === "zero",
  );
}
