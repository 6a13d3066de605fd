import fc from "fast-check";
import { expect, test } from "vitest";
import { digestOf } from "../../../../engine/core/digest.ts";
import { LeewardError } from "../../../../engine/core/errors.ts";
import { machineId } from "../../../../engine/core/ids.ts";
import { generation, ordinal, sequence } from "../../../../engine/core/units.ts";
import { follow } from "../../../../engine/journal/chain.ts";
import { type JournalPosition, startOf } from "../../../../engine/journal/position.ts";
import { type SegmentContent, sealSegment } from "../../../../engine/journal/seal.ts";
import { MACHINE, someContent } from "./arbitrary.ts";

const start = startOf(generation(1), sequence(10));
const first = () => sealSegment(someContent({ from: sequence(10) }));

test("a position moves behind the segment it follows", async () => {
  const segment = await first();
  expect(follow(MACHINE, start, segment)).toEqual({
    generation: 1,
    next: 1,
    chain: segment.digest,
    sequence: 13,
    time: segment.header.lastTime,
    bytes: 3 * 4096,
  });
});

test("a segment without writes moves the chain and nothing else", async () => {
  const before = follow(MACHINE, start, await first());
  const idle = await sealSegment(
    someContent({ from: before.sequence, ordinal: before.next, previous: before.chain }, 0),
  );
  expect(follow(MACHINE, before, idle)).toEqual({ ...before, next: 2, chain: idle.digest });
});

test.each<[string, Partial<SegmentContent>, string]>([
  ["another machine", { machine: machineId("other") }, "machine is other"],
  ["another generation", { generation: generation(2) }, "generation is 2, not 1"],
  ["a later place", { ordinal: ordinal(2) }, "ordinal is 2, not 1"],
  ["the same place", { ordinal: ordinal(0) }, "ordinal is 0, not 1"],
  ["another chain", { previous: digestOf("a".repeat(64)) }, "digest of the segment before is aaaa"],
  ["a later write", { from: sequence(14) }, "last write before it is 14, not 13"],
])("a segment of %s does not follow", async (_, over, message) => {
  const position = follow(MACHINE, start, await first());
  const fitting = { from: position.sequence, ordinal: position.next, previous: position.chain };
  const next = await sealSegment(someContent({ ...fitting, ...over }));
  const step = () => follow(MACHINE, position, next);
  expect(step).toThrow(
    expect.objectContaining({ code: "ChainBroken", message: expect.stringContaining(message) }),
  );
});

test("no order of segments but their own can be followed", async () => {
  const segments = await chainOf(5);
  const walk = (order: readonly number[]): number => {
    let position: JournalPosition = start;
    for (const place of order) {
      const segment = segments[place];
      if (segment) position = follow(MACHINE, position, segment);
    }
    return position.next;
  };
  fc.assert(
    fc.property(fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 1 }), (order) => {
      const own = order.every((place, i) => place === i);
      expect(outcomeOf(() => walk(order))).toBe(own ? order.length : "ChainBroken");
    }),
    { numRuns: 500 },
  );
});

function outcomeOf<T>(attempt: () => T): T | string {
  try {
    return attempt();
  } catch (error) {
    if (error instanceof LeewardError) return error.code;
    throw error;
  }
}

async function chainOf(count: number) {
  const segments = [];
  let position: JournalPosition = start;
  while (segments.length < count) {
    const place = { from: position.sequence, ordinal: position.next, previous: position.chain };
    const segment = await sealSegment(someContent(place));
    position = follow(MACHINE, position, segment);
    segments.push(segment);
  }
  return segments;
}
