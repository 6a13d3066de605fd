import { type Digest, NO_DIGEST } from "../core/digest.ts";
import { LeewardError, hasCode } from "../core/errors.ts";
import type { MachineId } from "../core/ids.ts";
import { mapInOrder } from "../core/in-order.ts";
import { type Generation, type Ordinal, ordinal, sequence } from "../core/units.ts";
import { follow } from "../journal/chain.ts";
import { journalPrefix, parseSegmentName, segmentName } from "../journal/names.ts";
import { type JournalPosition, startOf } from "../journal/position.ts";
import type { CheckedSegment } from "../journal/segment.ts";
import type { ObjectStore } from "../storage/store.ts";
import { segmentsOf } from "./pack.ts";

/** A part of one generation's journal, in the target: [from, to). */
export interface JournalRange {
  readonly objects: ObjectStore;
  readonly machine: MachineId;
  readonly from: JournalPosition;
  /** Of the same generation, not before `from`. */
  readonly to: JournalPosition;
  /** Objects read ahead, each held in memory; 4 when absent. */
  readonly parallel?: number;
}

export interface PlacedSegment {
  readonly segment: CheckedSegment;
  /** The position behind it. */
  readonly after: JournalPosition;
}

/**
 * The segments of the range, oldest first, each checked and chained to the one before, the last to `to`.
 * Storage calls: one listing, and one GET per object.
 * @throws SegmentMissing naming the first hole, ChainBroken, SegmentDamaged, SegmentVersionUnknown
 */
export async function* readForward(range: JournalRange): AsyncGenerator<PlacedSegment> {
  const { machine, from, to } = range;
  const firsts = await packsOf(range);
  let position = from;
  function* take(pack: readonly CheckedSegment[]): Generator<PlacedSegment> {
    for (const segment of pack) {
      if (segment.header.ordinal !== position.next || position.next >= to.next) continue;
      position = follow(machine, position, segment);
      yield { segment, after: position };
    }
  }
  for await (const { first, pack } of fetched(range, within(range, firsts))) {
    while (position.next < first) yield* take(await packHolding(range, firsts, position.next));
    yield* take(pack);
  }
  while (position.next < to.next) yield* take(await packHolding(range, firsts, position.next));
  if (position.chain !== to.chain) throw broken(range, to.next, position.chain, to.chain);
}

/**
 * The segments of the range, newest first, each checked; the newest is the one that `to` names, each names the one
 * before it, and the oldest names what `from` does. So the first segments are believed on the word of `to`, and the
 * whole range is proved to be in place only when the walk has ended. Storage calls as `readForward`.
 * @throws SegmentMissing naming the first hole met, ChainBroken, SegmentDamaged, SegmentVersionUnknown; BaseMissing when
 *   segment 0 names a base and `from` none
 */
export async function* readBackward(range: JournalRange): AsyncGenerator<CheckedSegment> {
  const { from, to } = range;
  const firsts = await packsOf(range);
  let { next, chain, sequence: last }: JournalPosition = to;
  function* take(pack: readonly CheckedSegment[]): Generator<CheckedSegment> {
    for (const segment of pack.toReversed()) {
      const { header, digest } = segment;
      if (header.ordinal !== next - 1 || next <= from.next) continue;
      if (digest !== chain) throw broken(range, next, digest, chain);
      if (header.to !== last) throw broken(range, next, `write ${header.to}`, `write ${last}`);
      next = header.ordinal;
      chain = header.previous;
      last = header.from;
      yield segment;
    }
  }
  for await (const { pack } of fetched(range, within(range, firsts).toReversed())) {
    while (next > from.next && lastOf(pack) < next - 1)
      yield* take(await packHolding(range, firsts, ordinal(next - 1)));
    yield* take(pack);
  }
  if (next > from.next) throw missing(range, ordinal(next - 1));
  if (chain !== from.chain) throw unbound(range, chain);
}

/** The first segment of a generation names the base that it stands on. */
const unbound = (range: JournalRange, chain: Digest): LeewardError =>
  range.from.next === 0 && range.from.chain === NO_DIGEST
    ? new LeewardError(
        "BaseMissing",
        `generation ${range.from.generation} of ${range.machine} stands on a base with digest ${chain}, which is not there`,
      )
    : broken(range, range.from.next, range.from.chain, chain);

/**
 * The segments behind the position, oldest first, each checked and chained, up to the first that is not there: what has
 * arrived. Packs behind a hole, which a shipper that died left, are not read. Storage calls as `readForward`.
 * @throws ChainBroken, SegmentDamaged, SegmentVersionUnknown
 */
export async function* readOn(behind: Omit<JournalRange, "to">): AsyncGenerator<PlacedSegment> {
  const { machine, from } = behind;
  const range = { ...behind, to: { ...from, next: LAST } };
  const firsts = await packsOf(range);
  let position = from;
  for await (const { first, pack } of fetched(range, within(range, firsts))) {
    const packs = position.next < first ? [await packBefore(range, firsts, position.next), pack] : [pack];
    for (const segment of packs.flat()) {
      if (segment.header.ordinal !== position.next) continue;
      position = follow(machine, position, segment);
      yield { segment, after: position };
    }
    if (position.next < first) return;
  }
}

/** No segment has it. */
const LAST = ordinal(999_999_999_999);

/** The one among the last few that holds the wanted segment; none when there is a hole. */
async function packBefore(
  range: JournalRange,
  firsts: readonly Ordinal[],
  wanted: Ordinal,
): Promise<readonly CheckedSegment[]> {
  try {
    return await packHolding(range, firsts, wanted);
  } catch (error) {
    if (hasCode(error, "SegmentMissing")) return [];
    throw error;
  }
}

interface FetchedPack {
  readonly first: Ordinal;
  readonly pack: readonly CheckedSegment[];
}

const PARALLEL = 4;

const fetched = (range: JournalRange, firsts: readonly Ordinal[]): AsyncGenerator<FetchedPack> =>
  mapInOrder(firsts, range.parallel ?? PARALLEL, async (first) => ({
    first,
    pack: await packAt(range, first),
  }));

const packAt = (
  { objects, machine, from }: JournalRange,
  first: Ordinal,
): Promise<readonly CheckedSegment[]> => segmentsOf(objects, { machine, generation: from.generation, first });

/** First ordinals of all packs that begin before the end of the range, ascending. */
async function packsOf({ objects, machine, from, to }: JournalRange): Promise<Ordinal[]> {
  if (from.generation !== to.generation || from.next > to.next)
    throw new RangeError(
      `no range: segment ${from.next} of generation ${from.generation} to ${to.next} of ${to.generation}`,
    );
  const firsts: Ordinal[] = [];
  if (from.next === to.next) return firsts;
  for await (const { name } of objects.list(journalPrefix(machine, from.generation))) {
    const place = parseSegmentName(name);
    if (!place) continue;
    if (place.ordinal >= to.next) break;
    firsts.push(place.ordinal);
  }
  return firsts;
}

/** Without those that end before the range, unless packs overlap. */
function within({ from }: JournalRange, firsts: readonly Ordinal[]): Ordinal[] {
  const begin = firsts.findLastIndex((first) => first <= from.next);
  return firsts.slice(Math.max(0, begin));
}

/**
 * Packs overlap only where two shippers with different limits met: a short pack may then hide a longer one before it.
 * As many names back are looked at, so that a true hole does not cost a download of the whole journal.
 */
export const LOOK_BACK = 16;

async function packHolding(
  range: JournalRange,
  firsts: readonly Ordinal[],
  wanted: Ordinal,
): Promise<readonly CheckedSegment[]> {
  const candidates = firsts.slice(0, firsts.findLastIndex((first) => first <= wanted) + 1);
  for (const first of candidates.slice(-LOOK_BACK).toReversed()) {
    const pack = await packAt(range, first);
    if (lastOf(pack) >= wanted) return pack;
  }
  throw missing(range, wanted);
}

const lastOf = (pack: readonly CheckedSegment[]): number => pack.at(-1)?.header.ordinal ?? -1;

function missing({ machine, from }: JournalRange, at: Ordinal): LeewardError {
  const name = segmentName(machine, from.generation, at);
  return new LeewardError(
    "SegmentMissing",
    `segment ${at} of ${machine}, generation ${from.generation}, is neither in ${name} nor in a pack before it`,
  );
}

const broken = ({ machine, from }: JournalRange, at: Ordinal, found: string, wanted: string): LeewardError =>
  new LeewardError(
    "ChainBroken",
    `before segment ${at} of ${machine}, generation ${from.generation}, comes ${found}, not ${wanted}`,
  );

/**
 * Where the generation's journal begins, on the word of its first segment.
 * @throws SegmentMissing, SegmentDamaged, ChainBroken
 */
export async function journalStart(
  objects: ObjectStore,
  machine: MachineId,
  generation: Generation,
): Promise<JournalPosition> {
  const position = startOf(generation, sequence(0));
  const range = { objects, machine, from: position, to: position };
  const [first] = await packAt(range, position.next);
  if (!first) throw missing(range, position.next);
  return startOf(generation, first.header.from, first.header.previous);
}
