import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LeewardError } from "../../../../engine/core/errors.ts";
import { bytes, micros } from "../../../../engine/core/units.ts";
import type { RecoveryPoint } from "../../../../engine/journal/manifest.ts";
import { layersPrefix, replicaName } from "../../../../engine/journal/names.ts";
import { checkpoint } from "../../../../engine/replication/checkpoint.ts";
import { compact } from "../../../../engine/replication/compact.ts";
import { nextCompaction } from "../../../../engine/replication/compaction-plan.ts";
import { pathTo } from "../../../../engine/replication/layer-path.ts";
import { NO_POINT } from "../../../../engine/journal/layer-header.ts";
import { listLayers } from "../../../../engine/replication/layers.ts";
import { createReplica } from "../../../../engine/replication/replica.ts";
import { sourcesOf } from "../../../../engine/replication/sources.ts";
import { MemoryObjectStore, MemoryPageStore } from "../../../../engine/storage/memory.ts";
import { FOOTER, carry } from "../../../fixtures/carried.ts";
import { collect } from "../../../fixtures/collect.ts";
import { failing } from "../../../fixtures/failing.ts";
import { brokenOf, compactAll } from "../../../fixtures/kept.ts";
import { dropSegments, rounds } from "../../../fixtures/rounds.ts";
import { DISKS, events, tell } from "../../../fixtures/story.ts";

const clock = () => micros(1_800_000_000_000_000);

describe("layers", () => {
  test("rebuild every kept point to the byte, whichever are kept, with the segments under them gone", async () => {
    await fc.assert(
      fc.asyncProperty(events, fc.infiniteStream(fc.boolean()), async (list, chosen) => {
        const story = await tell(list);
        const objects = new MemoryObjectStore();
        const points = await carry(story, objects, 1);
        const kept = points.filter((_, i) => i === points.length - 1 || chosen.next().value);
        await compactAll(objects, story, kept);
        expect(await brokenOf(objects, story, points)).toEqual([]);
        const [oldest] = kept;
        if (oldest) await dropSegments(objects, story, oldest);
        expect(await brokenOf(objects, story, kept)).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });

  test("are merged from layers alone when points between them go", async () => {
    const story = await rounds(12);
    const objects = new MemoryObjectStore();
    const points = await carry(story, objects, 1);
    const last = points.at(-1);
    if (!last) throw new Error("no points");
    const layer = (begin: RecoveryPoint | undefined, end: RecoveryPoint) =>
      compact({ objects, key: story.key, begin: begin?.id, end, clock, partBytes: bytes(20_000) });
    for (const [i, point] of points.entries()) await layer(points[i - 1], point);
    await dropSegments(objects, story, last);
    const few = points.filter((_, i) => i % 3 === 2);
    for (const [i, point] of few.entries()) {
      const made = (await layer(few[i - 1], point)).layer;
      expect(made.parts.length).toBeGreaterThan(1);
    }
    const layers = await listLayers(objects, story.machine, last.generation);
    expect(pathTo(layers, NO_POINT, last)).toHaveLength(few.length);
    expect(await brokenOf(objects, story, points)).toEqual([]);
  });

  test("are few on the way to any point, and together little more than a base", async () => {
    const story = await rounds(14);
    const objects = new MemoryObjectStore();
    const points = await carry(story, objects, 1);
    await compactAll(objects, story, points);
    const layers = await listLayers(objects, story.machine, story.start.generation);
    for (const point of points) {
      const path = pathTo(layers, NO_POINT, point);
      expect(path.at(-1)?.end.id).toBe(point.id);
      expect(path.length).toBeLessThanOrEqual(9);
    }
    expect(nextCompaction(points, layers)).toBeUndefined();
  });

  test("are read without the segments that they replace", async () => {
    const story = await rounds(4);
    const objects = new MemoryObjectStore();
    const points = await carry(story, objects, 1);
    const [, second, , last] = points;
    if (!second || !last) throw new Error("too few points");
    const before = await sourcesOf(objects, last);
    expect(before).toMatchObject({ layers: [], ranges: [{ from: { next: 0 } }] });
    const { layer } = await compact({ objects, key: story.key, end: second, clock });
    const { layers, ranges } = await sourcesOf(objects, last);
    expect(layers).toEqual([layer]);
    expect(ranges.map(({ from, to }) => [from.next, to.next])).toEqual([
      [second.position.next, last.position.next],
      [layer.tail.next, second.position.next],
    ]);
    expect((await sourcesOf(objects, second)).ranges).toEqual([]);
  });

  test("keep the times of the writes in them, and merged again too", async () => {
    const story = await rounds(3);
    const objects = new MemoryObjectStore();
    const [first, , last] = await carry(story, objects, 1);
    if (!first || !last) throw new Error("too few points");
    const key = story.key;
    const { layer: base } = await compact({ objects, key, end: first, clock });
    const { layer: second } = await compact({ objects, key, begin: first.id, end: last, clock });
    const headers = story.segments.map(({ header }) => header);
    expect(base.earliest).toBe(headers[0]?.firstTime);
    expect(second.latest).toBe(headers.at(-1)?.lastTime);
    const { layer: all } = await compact({ objects, key, end: last, clock });
    expect([all.earliest, all.latest]).toEqual([base.earliest, second.latest]);
    expect(all.tail).toEqual(second.tail);
  });

  test("let an empty replica be rebuilt and then go on", async () => {
    const story = await rounds(4);
    const target = new MemoryObjectStore();
    const pages = new MemoryPageStore();
    for (const disk of DISKS) await createReplica(pages, story.machine, disk, FOOTER);
    const points = await carry(story, target, 1);
    const [, second, , last] = points;
    if (!second || !last) throw new Error("too few points");
    await compactAll(target, story, [second]);
    await dropSegments(target, story, second);
    const made = await checkpoint({ target, pages, key: story.key, from: story.start, point: second });
    const next = await checkpoint({ target, pages, key: story.key, from: made.applied, point: last });
    const moment = story.moments.find(({ barrier }) => barrier.id === last.id);
    for (const { index, size, snapshot } of next.disks)
      expect(
        (await pages.read(replicaName(story.machine, index), bytes(0), size, snapshot)).equals(
          moment?.disks[index] ?? Buffer.alloc(0),
        ),
      ).toBe(true);
  });
});

describe("a compactor", () => {
  test.each(["before", "after"] as const)("may die at any storage call, %s it took effect", async (when) => {
    const story = await rounds(2);
    for (let at = 1; ; at++) {
      const objects = new MemoryObjectStore();
      const points = await carry(story, objects, 1);
      const fault = { calls: 0, at, when };
      const died = await compactAll(failing(objects, fault), story, points).then(
        () => false,
        () => true,
      );
      expect(died).toBe(fault.calls >= at);
      const [last] = points.slice(-1);
      expect(await brokenOf(objects, story, last ? [last] : [])).toEqual([]);
      await compactAll(objects, story, points);
      expect(await brokenOf(objects, story, points)).toEqual([]);
      if (!died) break;
      expect(at).toBeLessThan(200);
    }
  });

  test("gets in no other one's way", async () => {
    const story = await rounds(5);
    const objects = new MemoryObjectStore();
    const points = await carry(story, objects, 1);
    await Promise.all([compactAll(objects, story, points), compactAll(objects, story, points)]);
    expect(await brokenOf(objects, story, points)).toEqual([]);
  });

  test("does nothing when the layer is there, and refuses to begin where none ends", async () => {
    const story = await rounds(3);
    const objects = new MemoryObjectStore();
    const [first, second] = await carry(story, objects, 1);
    if (!first || !second) throw new Error("too few points");
    const key = story.key;
    const made = await compact({ objects, key, end: first, clock });
    expect(await compact({ objects, key, end: first, clock })).toEqual({ layer: made.layer });
    await expect(compact({ objects, key, begin: second.id, end: first, clock })).rejects.toThrow(
      `no layer ends at point ${second.id}`,
    );
  });

  test("that took too long makes no layer: its parts may have been swept", async () => {
    const story = await rounds(1);
    const objects = new MemoryObjectStore();
    const [end] = await carry(story, objects, 1);
    if (!end) throw new Error("no point");
    let hours = 0;
    const slow = () => micros(1_800_000_000_000_000 + 13 * hours++ * 3_600_000_000);
    await expect(compact({ objects, key: story.key, end, clock: slow })).rejects.toMatchObject({
      code: "TimedOut",
    });
    expect(await listLayers(objects, story.machine, end.generation)).toEqual([]);
  });

  test("believes no manifest with another root than the journal proves", async () => {
    const story = await rounds(2);
    const objects = new MemoryObjectStore();
    const [end, other] = await carry(story, objects, 1);
    if (!end || !other) throw new Error("too few points");
    const forged = { ...end, disks: other.disks };
    await expect(compact({ objects, key: story.key, end: forged, clock })).rejects.toMatchObject({
      code: "ChainBroken",
    });
  });
});

test("layers that were tampered with never restore to anything but the truth: any byte, any object", async () => {
  const story = await rounds(3);
  const whole = new MemoryObjectStore();
  const points = await carry(story, whole, 1);
  await compactAll(whole, story, points);
  const last = points.at(-1);
  if (!last) throw new Error("no points");
  const names = (await collect(whole.list(layersPrefix(story.machine, last.generation)))).map(
    ({ name }) => name,
  );
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(), fc.integer({ min: 0, max: 255 }), async (which, where, value) => {
      const objects = new MemoryObjectStore();
      for await (const { name } of whole.list("")) {
        const body = (await whole.get(name))?.body ?? Buffer.alloc(0);
        if (name === names[which % names.length]) body[where % body.length] = value;
        await objects.put(name, body, "absent");
      }
      const damage = ["LayerDamaged", "LayerVersionUnknown", "ChainBroken", "KeyWrong"];
      const found = await brokenOf(objects, story, points).catch((error: unknown) =>
        error instanceof LeewardError && damage.includes(error.code) ? [] : error,
      );
      expect(found).toEqual([]);
    }),
    { numRuns: 60 },
  );
});
