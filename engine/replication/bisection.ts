import { LeewardError, hasCode } from "../core/errors.ts";
import { type Generation, type Sequence, sequence } from "../core/units.ts";
import type { DataKey } from "../journal/key.ts";
import type { WriteRecord } from "../journal/record.ts";
import { momentAfter, statesAround, writeOf } from "./moment.ts";
import type { Ground } from "./reach.ts";

/** A state, in the order of the journal. */
export interface Mark {
  readonly generation: Generation;
  readonly sequence: Sequence;
}

/** What can be gone to. */
export interface Field {
  /** Recovery points, ascending. */
  readonly points: readonly Mark[];
  /** For each generation the states between points that can be had. */
  readonly reaches: readonly {
    readonly generation: Generation;
    readonly first: { readonly sequence: Sequence };
    readonly last: { readonly sequence: Sequence };
  }[];
}

export const markOf = ({ generation, sequence: at }: Mark): Mark => ({ generation, sequence: at });

export const isBefore = (a: Mark, b: Mark): boolean =>
  a.generation < b.generation || (a.generation === b.generation && a.sequence < b.sequence);

/** Points between which nothing was written are one state. */
export function fieldOf(grounds: readonly Ground[]): Field {
  const points = grounds.flatMap(({ places }) => places.map(markOf));
  return {
    points: points.filter((point, n) => n === 0 || isBefore(points[n - 1] ?? point, point)),
    reaches: grounds.map(({ reach }) => reach),
  };
}

const pointsBetween = ({ points }: Field, good: Mark, bad: Mark): readonly Mark[] =>
  points.filter((point) => isBefore(good, point) && isBefore(point, bad));

/** The writes behind `good`, in its generation, that can be had before `bad`. */
function writesBetween({ reaches }: Field, good: Mark, bad: Mark) {
  const reach = reaches.find(({ generation }) => generation === good.generation);
  if (!reach) return { low: 0, high: -1 };
  // Of the bad one's generation there are only writes before its first point, when its disks were being copied.
  const end = bad.generation === good.generation ? bad.sequence - 1 : reach.last.sequence;
  return {
    low: Math.max(good.sequence + 1, reach.first.sequence),
    high: Math.min(end, reach.last.sequence),
  };
}

/**
 * The state to try next between one that passes and a later one that does not: the middle one of the points between
 * them, and when there is none any more the middle one of the writes. Undefined when nothing is left to try.
 */
export function nextMark(field: Field, good: Mark, bad: Mark): Mark | undefined {
  const between = pointsBetween(field, good, bad);
  const point = between[Math.floor(between.length / 2)];
  if (point) return point;
  const { low, high } = writesBetween(field, good, bad);
  if (low > high) return undefined;
  return { generation: good.generation, sequence: sequence(Math.floor((low + high) / 2)) };
}

export interface Effort {
  /** States between the two. */
  readonly left: number;
  /** At most so many of them are tried. */
  readonly trials: number;
}

/** What there is to do, where each write is a state by itself. */
export function effortOf(field: Field, good: Mark, bad: Mark): Effort {
  const points = pointsBetween(field, good, bad);
  const ends = [...points, bad];
  const gaps = [good, ...points].map((from, n) => {
    const { low, high } = writesBetween(field, from, ends[n] ?? bad);
    return Math.max(high - low + 1, 0);
  });
  return {
    left: gaps.reduce((sum, gap) => sum + gap, points.length),
    trials: halvings(points.length) + Math.max(...gaps.map(halvings)),
  };
}

/** How often so many can be halved by trying the middle one, until none is left. */
const halvings = (count: number): number => Math.ceil(Math.log2(count + 1));

/**
 * As `nextMark`, but a state that can be restored. Within what is one change there is nothing to try but what is before and
 * behind it. @throws as `findMoment`
 */
export async function nextState(
  grounds: readonly Ground[],
  good: Mark,
  bad: Mark,
): Promise<Mark | undefined> {
  const middle = nextMark(fieldOf(grounds), good, bad);
  if (!middle) return undefined;
  const { before, after } = await statesAround(groundOf(grounds, middle), middle.sequence);
  return [before, after]
    .map((at) => ({ ...middle, sequence: at }))
    .find((state) => isBefore(good, state) && isBefore(state, bad));
}

/** The one write that lies between two states; undefined where there are several, or it is kept no longer. */
export async function writeBetween(
  grounds: readonly Ground[],
  key: DataKey,
  good: Mark,
  bad: Mark,
): Promise<WriteRecord | undefined> {
  if (bad.generation !== good.generation || bad.sequence !== good.sequence + 1) return undefined;
  const ground = groundOf(grounds, bad);
  const { objects, machine } = ground;
  try {
    return await writeOf({ objects, machine, key }, await momentAfter(ground, key, bad.sequence));
  } catch (error) {
    if (hasCode(error, "SegmentMissing")) return undefined;
    throw error;
  }
}

/** @throws MomentUnreachable */
export function groundOf(grounds: readonly Ground[], { generation }: Pick<Mark, "generation">): Ground {
  const ground = grounds.find((each) => each.generation === generation);
  if (ground) return ground;
  throw new LeewardError("MomentUnreachable", `generation ${generation} cannot be restored any more`);
}
