import fc from "fast-check";
import { expect, test } from "vitest";
import { lackingPrefixes } from "../../../../engine/core/address-prefix.ts";

test("of what is offered the prefix around a subnet is added, once for several subnets", () => {
  expect(lackingPrefixes(["10.1.0.0/16"], ["10.1.3.0/24"], ["10.1.0.0/16"])).toEqual([]);
  expect(
    lackingPrefixes(["10.1.0.0/16"], ["10.2.1.0/24", "10.2.2.0/24"], ["10.1.0.0/16", "10.2.0.0/16"]),
  ).toEqual(["10.2.0.0/16"]);
  expect(lackingPrefixes(["10.1.0.0/16"], ["fd00:5::/64"], ["fd00::/32", "fd00:5::/48"])).toEqual([
    "fd00:5::/48",
  ]);
});

test("where that overlaps with what is there, the subnet's own prefix is", () => {
  expect(lackingPrefixes(["10.1.0.0/16"], ["10.2.1.0/24"], ["10.0.0.0/8"])).toEqual(["10.2.1.0/24"]);
});

/** Blocks of 10.0.0.0/8, of /9 to /24, each with its host part zero. */
const block = fc.tuple(fc.integer({ min: 9, max: 24 }), fc.nat()).map(([bits, n]) => {
  const at = (n % 2 ** (bits - 8)) * 2 ** (32 - bits);
  return {
    first: at,
    end: at + 2 ** (32 - bits),
    text: `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}/${bits}`,
  };
});
type Block = typeof block extends fc.Arbitrary<infer Value> ? Value : never;
const meet = (a: Block, b: Block) => a.first < b.end && b.first < a.end;
const apart = fc
  .array(block, { maxLength: 6 })
  .map((all) => all.filter((one, at) => !all.slice(0, at).some((other) => meet(one, other))));

test("what is added makes room for every subnet, and overlaps with nothing", () => {
  fc.assert(
    fc.property(apart, apart, apart, (space, offered, subnets) => {
      // A subnet around what the space has cannot be made beside it, whatever is added.
      const possible = subnets.filter(
        (one) => !space.some((has) => meet(has, one) && (has.first > one.first || has.end < one.end)),
      );
      const texts = (all: readonly Block[]) => all.map(({ text }) => text);
      const added = lackingPrefixes(texts(space), texts(possible), texts(offered));
      const known = new Map([...offered, ...possible].map((one) => [one.text, one]));
      const after = [...space, ...added.flatMap((text) => known.get(text) ?? [])];
      expect(after).toHaveLength(space.length + added.length);
      for (const one of possible)
        expect(after.some((has) => has.first <= one.first && has.end >= one.end)).toBe(true);
      for (const [at, one] of after.entries())
        expect(after.slice(0, at).some((other) => meet(one, other))).toBe(false);
    }),
  );
});
