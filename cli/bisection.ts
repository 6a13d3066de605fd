import type { Generation, Sequence } from "../engine/core/units.ts";
import { sequence } from "../engine/core/units.ts";

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

export const isBefore = (a: Mark, b: Mark): boolean =>
  a.generation < b.generation || (a.generation === b.generation && a.sequence < b.sequence);

/**
 * The state to try next between one that passes and a later one that does not: the middle one of the points between
 * them, and when there is none any more the middle one of the writes. Undefined when nothing is left to try.
 */
export function nextMark({ points, reaches }: Field, good: Mark, bad: Mark): Mark | undefined {
  const between = points.filter((point) => isBefore(good, point) && isBefore(point, bad));
  const point = between[Math.floor(between.length / 2)];
  if (point) return point;
  const reach = reaches.find(({ generation }) => generation === good.generation);
  if (!reach) return undefined;
  // Of the bad one's generation there are only writes before its first point, when its disks were being copied.
  const end = bad.generation === good.generation ? bad.sequence - 1 : reach.last.sequence;
  const low = Math.max(good.sequence + 1, reach.first.sequence);
  const high = Math.min(end, reach.last.sequence);
  if (low > high) return undefined;
  return { generation: good.generation, sequence: sequence(Math.floor((low + high) / 2)) };
}
