import fc from "fast-check";
import { expect, test } from "vitest";
import { BLOCK, bytes, diskIndex, micros } from "../../../../engine/core/units.ts";
import { blocksOf, countOf } from "../../../../engine/replication/blocks.ts";
import { newScrub, scrubWindow, scrubbed, totalBlocks } from "../../../../engine/recovery/scrub.ts";

const DAY = 24 * 3600 * 1e6;
const START = micros(1_900_000_000_000_000);
const disks = fc
  .array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 })
  .map((sizes) => sizes.map((size, n) => ({ index: diskIndex(n), size: bytes(size * (BLOCK / 4)) })));

test("every block is read once a round, and a round ends in its time, however irregular the looks are", () => {
  fc.assert(
    fc.property(
      disks,
      fc.double({ min: 0.5, max: 30, noNaN: true }),
      fc.array(fc.double({ min: 0.001, max: 0.2, noNaN: true }), { minLength: 5, maxLength: 200 }),
      (sizes, days, gaps) => {
        const total = totalBlocks(sizes);
        let scrub = newScrub(START);
        let now: number = START;
        let read = 0;
        for (const gap of gaps) {
          now += gap * days * DAY;
          const window = scrubWindow(micros(Math.round(now)), days, scrub, total);
          expect(window.start).toBe(scrub.next);
          read += countOf(blocksOf(sizes, window));
          const before = scrub;
          scrub = scrubbed(scrub, window, total, micros(Math.round(now)));
          if (scrub.wholeAt === before.wholeAt) continue;
          expect(read).toBe(total);
          // Late by no more than the last look was.
          expect(now - before.since).toBeLessThanOrEqual((1 + gap) * days * DAY + 1);
          read = 0;
        }
        expect(read).toBe(scrub.next);
      },
    ),
  );
});

test("a round is few windows, since each costs a walk through the journal", () => {
  const size = [{ index: diskIndex(0), size: bytes(1000 * BLOCK) }];
  let scrub = newScrub(START);
  let windows = 0;
  for (let minute = 1; minute <= 24 * 60; minute++) {
    const now = micros(START + minute * 60e6);
    const window = scrubWindow(now, 1, scrub, 1000);
    if (window.end === window.start) continue;
    windows++;
    expect(countOf(blocksOf(size, window))).toBeLessThanOrEqual(32);
    scrub = scrubbed(scrub, window, 1000, now);
  }
  expect(windows).toBe(32);
  expect(scrub).toEqual({ next: 0, since: START + DAY, wholeAt: START + DAY });
});

test("a clock that goes back reads nothing twice and nothing early", () => {
  const scrub = { ...newScrub(START), next: 500 };
  expect(scrubWindow(micros(START - DAY), 7, scrub, 1000)).toEqual({ start: 500, end: 500 });
});
