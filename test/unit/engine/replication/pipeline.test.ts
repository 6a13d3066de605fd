import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SECTOR, bytes } from "../../../../engine/core/units.ts";
import type { RecoveryPoint } from "../../../../engine/journal/manifest.ts";
import { replicaName } from "../../../../engine/journal/names.ts";
import type { JournalPosition } from "../../../../engine/journal/position.ts";
import type { BarrierRecord } from "../../../../engine/journal/record.ts";
import { checkpoint } from "../../../../engine/replication/checkpoint.ts";
import { cut, listPoints, newestPoint, readPoint } from "../../../../engine/replication/points.ts";
import { releaseCache } from "../../../../engine/replication/release.ts";
import { createReplica } from "../../../../engine/replication/replica.ts";
import { restorePoint } from "../../../../engine/replication/restore.ts";
import { ship } from "../../../../engine/replication/ship.ts";
import { blockDigestsAt, verifyImage } from "../../../../engine/replication/verify.ts";
import { MemoryObjectStore, MemoryPageStore } from "../../../../engine/storage/memory.ts";
import type { ObjectStore } from "../../../../engine/storage/store.ts";
import { CountingSink } from "../../../fixtures/memory-sink.ts";
import {
  DISKS,
  type Event,
  type Story,
  cacheSegments,
  events,
  lossesAt,
  tell,
} from "../../../fixtures/story.ts";

const FOOTER = Buffer.alloc(SECTOR, "footer");

const pace = fc.record({
  /** Segments that reach the cache between two runs of ship. */
  arriving: fc.integer({ min: 1, max: 6 }),
  objectBytes: fc.integer({ min: 1, max: 20_000 }),
  maxBytes: fc.integer({ min: 1, max: 60_000 }),
  parallel: fc.integer({ min: 1, max: 5 }),
});
type Pace = typeof pace extends fc.Arbitrary<infer Value> ? Value : never;

/** Carries a story into the target, cutting and releasing after each run, and returns the points. */
async function carry(story: Story, target: ObjectStore, how: Pace): Promise<RecoveryPoint[]> {
  const { machine, key } = story;
  const cache = new MemoryObjectStore();
  const limits = { ...how, objectBytes: bytes(how.objectBytes), maxBytes: bytes(how.maxBytes) };
  const points: RecoveryPoint[] = [];
  let position = story.start;
  let pending: readonly BarrierRecord[] = [];
  let there = 0;
  while (position.next < story.segments.length) {
    await cacheSegments(cache, story.segments.slice(there, there + how.arriving));
    there = Math.min(there + how.arriving, story.segments.length);
    const shipped = await ship({ cache, target, machine, from: position, limits });
    const cutting = { target, key, machine, disks: DISKS, lossesAt };
    const made = await cut({ ...cutting, marked: shipped.marked, pending });
    points.push(...made.points);
    pending = JSON.parse(JSON.stringify(made.pending)) as typeof made.pending;
    await releaseCache(cache, machine, position, shipped.position);
    position = shipped.position;
  }
  return points;
}

describe("from the cache to a disk", () => {
  test("every barrier that was proved becomes one point, with its time, order and losses", async () => {
    await fc.assert(
      fc.asyncProperty(events, pace, async (list, how) => {
        const story = await tell(list);
        const target = new MemoryObjectStore();
        const points = await carry(story, target, how);
        expect(
          points.map(({ id, sequence, time, consistency }) => ({ id, sequence, time, consistency })),
        ).toEqual(
          story.moments.map(({ barrier: { id, sequence, time, consistency } }) => ({
            id,
            sequence,
            time,
            consistency,
          })),
        );
        expect(await listPoints(target, story.machine)).toHaveLength(points.length);
        for (const point of points) expect(await readPoint(target, story.machine, point.id)).toEqual(point);
        expect(points).toContainEqual(await newestPoint(target, story.machine));
      }),
      { numRuns: 40 },
    );
  });

  test("every point restores to exactly what the disks were, and each byte is written at most once", async () => {
    await fc.assert(
      fc.asyncProperty(events, pace, fc.integer({ min: 1, max: 200_000 }), async (list, how, memory) => {
        const story = await tell(list);
        const objects = new MemoryObjectStore();
        for (const [i, point] of (await carry(story, objects, how)).entries()) {
          const sinks = DISKS.map(({ size }) => new CountingSink(size));
          const sinkFor = async ({ index }: { index: number }) => sinks[index] ?? new CountingSink(0);
          await restorePoint({ objects, key: story.key, point, sinkFor, memory: bytes(memory) });
          for (const [disk, sink] of sinks.entries()) {
            expect(sink.content.equals(story.moments[i]?.disks[disk] ?? Buffer.alloc(0))).toBe(true);
            expect(sink.times.every((times) => times <= 1)).toBe(true);
            expect(sink.finished && sink.closed).toBe(true);
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  test("the digests of every point are the source's, and tell one wrong byte", async () => {
    await fc.assert(
      fc.asyncProperty(events, pace, fc.nat(), async (list, how, where) => {
        const story = await tell(list);
        const objects = new MemoryObjectStore();
        for (const [i, point] of (await carry(story, objects, how)).entries()) {
          const digests = await blockDigestsAt({ objects, key: story.key, point });
          for (const { index, size } of DISKS) {
            const disk = Buffer.from(story.moments[i]?.disks[index] ?? Buffer.alloc(0));
            const read = async (offset: number, length: number) => disk.subarray(offset, offset + length);
            expect(await verifyImage(read, size, digests.get(index) ?? Buffer.alloc(0))).toEqual([]);
            const wrong = where % size;
            disk[wrong] = (disk[wrong] ?? 0) ^ 1;
            expect(await verifyImage(read, size, digests.get(index) ?? Buffer.alloc(0))).toEqual([
              Math.floor(wrong / 65536),
            ]);
          }
        }
      }),
      { numRuns: 25 },
    );
  });

  test("a checkpoint's snapshots are exactly the point, whichever points get one, and stay so", async () => {
    await fc.assert(
      fc.asyncProperty(events, pace, fc.infiniteStream(fc.boolean()), async (list, how, chosen) => {
        const story = await tell(list);
        const target = new MemoryObjectStore();
        const pages = new MemoryPageStore();
        for (const disk of DISKS) await createReplica(pages, story.machine, disk, FOOTER);
        const points = await carry(story, target, how);
        let from: JournalPosition = story.start;
        const made = [];
        for (const [i, point] of points.entries()) {
          if (i < points.length - 1 && !chosen.next().value) continue;
          const done = await checkpoint({ target, pages, key: story.key, from, point });
          from = done.applied;
          made.push({ done, moment: story.moments[i] });
        }
        expect(made.length).toBeGreaterThan(0);
        for (const { done, moment } of made)
          for (const { index, size, snapshot } of done.disks) {
            const name = replicaName(story.machine, index);
            const content = await pages.read(name, bytes(0), size, snapshot);
            expect(content.equals(moment?.disks[index] ?? Buffer.alloc(0))).toBe(true);
            expect((await pages.read(name, size, bytes(SECTOR), snapshot)).equals(FOOTER)).toBe(true);
          }
      }),
      { numRuns: 40 },
    );
  });
});

test("an idle machine still gets its points", async () => {
  const idle: Event[] = [{ kind: "barrier" }, { kind: "prove" }, { kind: "seal" }];
  const story = await tell([...idle, ...idle]);
  const how = { arriving: 1, objectBytes: 1, maxBytes: 1, parallel: 1 };
  const points = await carry(story, new MemoryObjectStore(), how);
  expect(points.map(({ sequence }) => sequence)).toEqual([0, 0]);
});
