import fc from "fast-check";
import { expect, test } from "vitest";
import { generation, sequence } from "../../../../engine/core/units.ts";
import {
  type Field,
  type Mark,
  effortOf,
  isBefore,
  nextMark,
} from "../../../../engine/replication/bisection.ts";

const mark = (of: number, at: number): Mark => ({ generation: generation(of), sequence: sequence(at) });

/** Two generations; each has a reach from its first point on, and points in it. */
const field = fc
  .tuple(fc.uniqueArray(fc.integer({ min: 10, max: 90 }), { minLength: 1 }), fc.integer({ min: 0, max: 20 }))
  .chain(([points, more]) =>
    fc
      .uniqueArray(fc.integer({ min: 200, max: 290 }), { minLength: 1 })
      .map((second): Field => fieldOf(points, second, more)),
  );

function fieldOf(first: readonly number[], second: readonly number[], more: number): Field {
  const reach = (of: number, points: readonly number[]) => ({
    generation: generation(of),
    first: { sequence: sequence(Math.min(...points)) },
    last: { sequence: sequence(Math.max(...points) + more) },
  });
  const sorted = (points: readonly number[]) => points.toSorted((a, b) => a - b);
  return {
    points: [...sorted(first).map((at) => mark(1, at)), ...sorted(second).map((at) => mark(2, at))],
    reaches: [reach(1, first), reach(2, second)],
  };
}

const statesOf = ({ reaches }: Field): Mark[] =>
  reaches.flatMap(({ generation: of, first, last }) =>
    Array.from({ length: last.sequence - first.sequence + 1 }, (_, n) => mark(of, first.sequence + n)),
  );

test("the search ends at the last state that passes, whichever it is, and never tries one twice", () => {
  fc.assert(
    fc.property(field, fc.nat(), (where, pick) => {
      const states = statesOf(where);
      const border = pick % states.length;
      const last = states[border];
      let good = states[0];
      let bad = states.at(-1);
      if (!last || !good || !bad || border === states.length - 1) return;
      const tried: Mark[] = [];
      const { left, trials } = effortOf(where, good, bad);
      expect(left).toBe(states.length - 2);
      for (let next = nextMark(where, good, bad); next; next = nextMark(where, good, bad)) {
        expect(tried).not.toContainEqual(next);
        expect(states).toContainEqual(next);
        tried.push(next);
        if (isBefore(last, next)) bad = next;
        else good = next;
      }
      expect(good).toEqual(last);
      expect(bad).toEqual(states[border + 1]);
      expect(effortOf(where, good, bad)).toEqual({ left: 0, trials: 0 });
      expect(tried.length).toBeLessThanOrEqual(trials);
      expect(tried.length).toBeLessThanOrEqual(2 + 2 * Math.ceil(Math.log2(states.length)));
    }),
  );
});
