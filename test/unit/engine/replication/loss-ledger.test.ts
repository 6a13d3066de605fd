import fc from "fast-check";
import { expect, test } from "vitest";
import { operationId } from "../../../../engine/core/ids.ts";
import { type Sequence, generation, ordinal, sequence } from "../../../../engine/core/units.ts";
import { segmentName } from "../../../../engine/journal/names.ts";
import { findLedger, keepLedger, readLosses } from "../../../../engine/replication/loss-ledger.ts";
import { lostWrites, newestGeneration } from "../../../../engine/replication/lost-writes.ts";
import { lengthOf } from "../../../../engine/replication/merge.ts";
import { findMoment } from "../../../../engine/replication/moment.ts";
import { groundsOf } from "../../../../engine/replication/reach.ts";
import { restorePoint } from "../../../../engine/replication/restore.ts";
import { MemoryObjectStore } from "../../../../engine/storage/memory.ts";
import { carry } from "../../../fixtures/carried.ts";
import { MemorySink } from "../../../fixtures/memory-sink.ts";
import { prefixesOf } from "../../../fixtures/prefixes.ts";
import { DISKS, type Event, cacheSegments, events, tell } from "../../../fixtures/story.ts";
import { POINT, write } from "../../../fixtures/verified.ts";

const JOB = operationId("00000000-0000-4000-8000-00000000f0f0");

/** A story of which some segments have arrived, and the others are in the cache of the lost region. */
async function lostRegion(list: readonly Event[], arrived: number) {
  const story = await tell(list);
  const objects = new MemoryObjectStore();
  const cache = new MemoryObjectStore();
  await carry({ ...story, segments: story.segments.slice(0, arrived) }, objects, 2_000);
  await cacheSegments(cache, story.segments.slice(arrived));
  const { key, machine } = story;
  return { story, old: { objects, cache, key, machine }, prefixes: await prefixesOf(story) };
}

test("what was lost is exactly what was written behind what was kept, wherever it lies", async () => {
  await fc.assert(
    fc.asyncProperty(events, events, fc.nat(), fc.nat(), async (first, second, split, pick) => {
      const { story } = await lostRegion(first, 0);
      const arrived = story.segments.length;
      const all = [...first, ...second.filter(({ kind }) => kind !== "prove")];
      const { old, prefixes } = await lostRegion(all, arrived + (split % 3));
      const [reach] = (await groundsOf(old.objects, old.machine)).map((ground) => ground.reach);
      if (!reach) return;
      const { first: from, last } = reach;
      const at = sequence(from.sequence + (pick % (last.sequence - from.sequence + 1)));
      const kept = await findMoment(old, { kind: "write", sequence: at });
      const sinks = DISKS.map(({ size }) => new MemorySink(size));
      await restorePoint({ ...old, point: kept, sinkFor: async ({ index }) => sinks[index] });
      const found: Sequence[] = [];
      for await (const { writes } of lostWrites(old, kept, kept.generation))
        for (const lost of writes) {
          found.push(lost.sequence);
          const sink = sinks[lost.disk];
          if (lost.kind === "data") await sink?.write(lost.offset, lost.data);
          else await sink?.zero(lost.offset, lengthOf(lost));
        }
      expect(found).toEqual(prefixes.map((prefix) => prefix.sequence).filter((each) => each > at));
      const whole = prefixes.at(-1)?.disks ?? DISKS.map(({ size }) => Buffer.alloc(size));
      expect(sinks.map(({ content }) => content)).toEqual(whole);
      const ledger = await readLosses({ old, operation: JOB, kept, last: kept.generation });
      expect(ledger).toMatchObject({ writes: found.length, exact: true });
      expect(await keepLedger(old.objects, ledger)).toEqual(ledger);
      expect(await findLedger(old.objects, old.machine, JOB)).toEqual(ledger);
    }),
    { numRuns: 25 },
  );
});

const EVENTS: Event[] = [
  write(0, 0, 8, 1),
  ...POINT,
  write(0, 8, 8, 2),
  { kind: "seal" },
  write(1, 0, 4, 3),
  { kind: "seal" },
];

test("the ledger counts what had arrived by itself, and names the ranges of each disk", async () => {
  const { old } = await lostRegion(EVENTS, 2);
  const kept = await findMoment(old, { kind: "write", sequence: sequence(1) });
  const ledger = await readLosses({ old, operation: JOB, kept, last: kept.generation });
  expect(ledger).toMatchObject({
    writes: 2,
    bytes: 12 * 512,
    arrived: 1,
    disks: [
      { index: 0, ranges: [[8 * 512, 16 * 512]] },
      { index: 1, ranges: [[0, 4 * 512]] },
    ],
  });
  expect(ledger.until.at(-1)).toMatchObject({ next: 3, sequence: 3 });
});

test("reading ends at the first segment that is nowhere, and a later reading goes on when it has come", async () => {
  const { old } = await lostRegion(EVENTS, 2);
  const kept = await findMoment(old, { kind: "newest" });
  const name = segmentName(old.machine, kept.generation, ordinal(2));
  const body = (await old.cache.get(name))?.body ?? Buffer.alloc(0);
  await old.cache.delete([name]);
  const read = () => readLosses({ old, operation: JOB, kept, last: kept.generation });
  const before = await keepLedger(old.objects, await read());
  expect(before).toMatchObject({ writes: 0, disks: [] });
  await old.cache.put(name, body, "absent");
  const after = await keepLedger(old.objects, await read());
  expect(after).toMatchObject({ writes: 1 });
  // A slow reader that comes late takes nothing back.
  expect(await keepLedger(old.objects, before)).toEqual(after);
});

test("of a newer generation that was never kept everything is lost", async () => {
  const { old } = await lostRegion(EVENTS.slice(0, 4), 2);
  const kept = await findMoment(old, { kind: "newest" });
  const newer = await tell([write(0, 0, 8, 9), write(0, 8, 8, 9), { kind: "seal" }], {
    generation: generation(3),
    from: kept.sequence,
    key: old.key,
  });
  await cacheSegments(old.cache, newer.segments);
  expect(await newestGeneration(old, kept.generation)).toBe(3);
  const ledger = await readLosses({ old, operation: JOB, kept, last: generation(3) });
  expect(ledger).toMatchObject({
    writes: 2,
    arrived: 0,
    until: [{ generation: 1 }, { generation: 3, next: 1 }],
  });
});

test("what a comparison copied is among the ranges, and no write of the guest", async () => {
  const copy: Event = { kind: "write", disk: 0, sector: 128, sectors: 128, fill: 4, copied: true };
  const list: Event[] = [write(0, 0, 8, 1), ...POINT, copy, write(1, 0, 4, 3), { kind: "seal" }];
  const { old } = await lostRegion(list, 2);
  const kept = await findMoment(old, { kind: "write", sequence: sequence(1) });
  const ledger = await readLosses({ old, operation: JOB, kept, last: kept.generation });
  expect(ledger).toMatchObject({
    writes: 1,
    bytes: 4 * 512,
    arrived: 1,
    copied: { writes: 1, bytes: 128 * 512 },
    disks: [
      { index: 0, ranges: [[128 * 512, 256 * 512]] },
      { index: 1, ranges: [[0, 4 * 512]] },
    ],
  });
});
