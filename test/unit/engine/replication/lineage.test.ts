import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { NO_DIGEST } from "../../../../engine/core/digest.ts";
import type { LeewardError } from "../../../../engine/core/errors.ts";
import { bytes, generation, micros, millis, ordinal, sequence } from "../../../../engine/core/units.ts";
import type { RecoveryPoint } from "../../../../engine/journal/manifest.ts";
import { baseName, disksRebuildName, replicaName } from "../../../../engine/journal/names.ts";
import { startOf } from "../../../../engine/journal/position.ts";
import { checkpoint } from "../../../../engine/replication/checkpoint.ts";
import {
  baseOf,
  createBase,
  heldPoints,
  lineageOf,
  listBases,
} from "../../../../engine/replication/lineage.ts";
import { createReplica } from "../../../../engine/replication/replica.ts";
import { restoreTurn } from "../../../../engine/replication/restore.ts";
import { standsOn } from "../../../../engine/replication/reservation.ts";
import { sweep } from "../../../../engine/replication/sweep.ts";
import { verifyPoint } from "../../../../engine/replication/verify-point.ts";
import { countOf } from "../../../../engine/replication/blocks.ts";
import { MemoryObjectStore, MemoryPageStore } from "../../../../engine/storage/memory.ts";
import { FOOTER, carry } from "../../../fixtures/carried.ts";
import { brokenOf, compactAll } from "../../../fixtures/kept.ts";
import { CountingSink } from "../../../fixtures/memory-sink.ts";
import { DISKS, type Event, type Story, events, tell } from "../../../fixtures/story.ts";
import { BLOCK_SECTORS, POINT, write } from "../../../fixtures/verified.ts";

interface Chapter {
  readonly story: Story;
  readonly points: readonly RecoveryPoint[];
}

/** Generations that each stand on a point of an older one, all in one target. */
class Saga {
  readonly target = new MemoryObjectStore();
  readonly chapters: Chapter[] = [];

  /** @param on which chapter, and which of its points, the next generation stands on */
  async next(list: readonly Event[], on?: { chapter: number; point: number }): Promise<Chapter> {
    const before = on && this.chapters[on.chapter % this.chapters.length];
    const point = before?.points[on ? on.point % before.points.length : 0];
    const moment = before?.story.moments.find(({ barrier }) => barrier.id === point?.id);
    const of = generation(this.chapters.length + 1);
    const base = point && {
      ...(await createBase(this.target, baseOf(of, point))),
      disks: moment?.disks ?? [],
    };
    const from = sequence(this.chapters.at(-1)?.story.segments.at(-1)?.header.to ?? 0);
    const key = this.chapters[0]?.story.key;
    const story = await tell(list, { generation: of, from, ...(key && { key }), ...(base && { base }) });
    const chapter = { story, points: await carry(story, this.target) };
    this.chapters.push(chapter);
    return chapter;
  }

  async broken(): Promise<string[]> {
    const all: string[] = [];
    for (const { story, points } of this.chapters) all.push(...(await brokenOf(this.target, story, points)));
    return all;
  }
}

const EVENTS: Event[] = [
  write(0, 0, BLOCK_SECTORS + 8, 1),
  { kind: "seal" },
  ...POINT,
  write(1, 2, 4, 2),
  { kind: "barrier" },
  // Behind the barrier, before its proof: no part of the point.
  write(0, 3, 2, 3),
  { kind: "barrier" },
  { kind: "seal" },
  { kind: "prove" },
  { kind: "seal" },
  write(0, 2 * BLOCK_SECTORS, 8, 4),
  { kind: "seal" },
];

let saga: Saga;
const last = (): Chapter => {
  const found = saga.chapters.at(-1);
  if (!found) throw new Error("nothing was told");
  return found;
};
const newest = (): RecoveryPoint => {
  const found = last().points.at(-1);
  if (!found) throw new Error("there is no point");
  return found;
};

describe("a generation that stands on a point", () => {
  beforeEach(async () => {
    saga = new Saga();
    await saga.next(EVENTS);
    await saga.next(EVENTS, { chapter: 0, point: 1 });
    await saga.next(EVENTS, { chapter: 1, point: 0 });
  });

  test("has a lineage, oldest first", async () => {
    const lineage = await lineageOf(saga.target, newest());
    expect(lineage.map(({ point }) => point.id)).toEqual([
      saga.chapters[0]?.points[1]?.id,
      saga.chapters[1]?.points[0]?.id,
      newest().id,
    ]);
    expect(lineage[0]?.from).toEqual(startOf(generation(1), sequence(0)));
  });

  test("is rebuilt in turns of one segment each, with layers built between two of them", async () => {
    const { story } = last();
    const point = newest();
    const { machine, key } = story;
    const moment = story.moments.find(({ barrier }) => barrier.id === point.id);
    const sinks = DISKS.map(({ size }) => new CountingSink(size));
    const turn = { name: disksRebuildName(machine, point.id), bound: NO_DIGEST, enough: () => true };
    const sinkFor = async ({ index }: { readonly index: number }) => sinks[index];
    const request = { objects: saga.target, key, point, sinkFor };
    for (let turns = 0; !(await restoreTurn(request, turn)).complete; turns++) {
      expect(turns).toBeLessThan(100);
      const { story: older, points } = saga.chapters[turns % 2] ?? last();
      if (turns === 4 || turns === 7) await compactAll(saga.target, older, points);
    }
    for (const [disk, { content, times }] of sinks.entries()) {
      expect(content.equals(moment?.disks[disk] ?? Buffer.alloc(0))).toBe(true);
      expect(times.every((count) => count <= 1)).toBe(true);
    }
  });

  test("restores and is proved, down to the empty disks below it", async () => {
    expect(await saga.broken()).toEqual([]);
    for (const { story, points } of saga.chapters)
      for (const point of points) {
        const found = await verifyPoint({ objects: saga.target, key: story.key, point });
        expect(countOf(found.wrong)).toBe(0);
      }
  });

  test("is not read when the document is gone, or is another one", async () => {
    const name = baseName(last().story.machine, generation(3));
    const document = (await saga.target.get(name))?.body ?? Buffer.alloc(0);
    const broken = (): Promise<unknown> => brokenOf(saga.target, last().story, last().points);
    await saga.target.delete([name]);
    await expect(broken()).rejects.toMatchObject({ code: "BaseMissing" });
    const [, second] = saga.chapters[0]?.points ?? [];
    if (second) await createBase(saga.target, baseOf(generation(3), second));
    await expect(broken()).rejects.toMatchObject({ code: "ChainBroken" });
    await saga.target.put(name, document.subarray(1), "any");
    await expect(broken()).rejects.toMatchObject({ code: "ManifestDamaged" });
    await saga.target.put(name, document, "any");
    expect(await broken()).toEqual([]);
  });

  test("keeps the document that was there first", async () => {
    const [other] = saga.chapters[0]?.points ?? [];
    const [, , third] = await Promise.all([0, 1, 2].map(() => lineageOf(saga.target, newest())));
    if (other) await createBase(saga.target, baseOf(generation(3), other));
    expect(await lineageOf(saga.target, newest())).toEqual(third);
  });

  test("can be read when its bases have no manifest, and layers instead of segments", async () => {
    const { machine, key } = last().story;
    const held = heldPoints(await listBases(saga.target, machine), new Set([generation(3)]));
    expect(held.map(({ generation: of }) => of)).toEqual([2, 1]);
    for (const chapter of saga.chapters.slice(0, 2)) {
      const kept = chapter.points.filter(({ id }) => held.some((one) => one.id === id));
      await compactAll(saga.target, { ...chapter.story, key }, kept);
      const of = kept[0]?.generation ?? generation(1);
      const clock = () => micros(1_900_000_000_000_000);
      const keepFrom = ordinal(1_000_000);
      await sweep({ objects: saga.target, machine, generation: of, kept, keepFrom, delay: millis(0), clock });
    }
    expect(await brokenOf(saga.target, last().story, last().points)).toEqual([]);
    await compactAll(saga.target, last().story, last().points);
    expect(await brokenOf(saga.target, last().story, last().points)).toEqual([]);
    const lost = baseName(machine, generation(3));
    await saga.target.delete([lost]);
    await expect(brokenOf(saga.target, last().story, last().points)).rejects.toMatchObject({
      code: "BaseMissing",
    });
  });

  test("nothing is held for a generation that nobody needs", async () => {
    const bases = await listBases(saga.target, last().story.machine);
    expect(heldPoints(bases, new Set([generation(2)])).map(({ generation: of }) => of)).toEqual([1]);
    expect(heldPoints(bases, new Set([generation(1)]))).toEqual([]);
  });
});

describe("a replica", () => {
  let pages: MemoryPageStore;
  beforeEach(async () => {
    saga = new Saga();
    pages = new MemoryPageStore();
    const { story } = await saga.next(EVENTS);
    for (const each of DISKS) await createReplica(pages, story.machine, each, FOOTER);
  });

  const bring = (point: RecoveryPoint, from = startOf(point.generation, sequence(0))) =>
    checkpoint({ target: saga.target, pages, key: last().story.key, from, point });
  const isRight = async (point: RecoveryPoint): Promise<boolean> => {
    const moment = last().story.moments.find(({ barrier }) => barrier.id === point.id);
    for (const { index, size } of DISKS) {
      const held = await pages.read(replicaName(point.machine, index), bytes(0), size);
      if (!moment?.disks[index]?.equals(Buffer.from(held))) return false;
    }
    return true;
  };

  test("goes on through a change of generation, and writes only what came since", async () => {
    const [first] = last().points;
    const before = first && (await bring(first));
    if (!before) throw new Error("no checkpoint");
    await saga.next([write(1, 1, 1, 9), ...POINT], { chapter: 0, point: 1 });
    expect(await standsOn(saga.target, newest(), before.applied)).toBe("yes");
    const made = await bring(newest(), before.applied);
    expect(made.applied.generation).toBe(2);
    expect(await isRight(newest())).toBe(true);
  });

  test("that holds more than the base is rebuilt", async () => {
    const before = await bring(newest());
    await saga.next([write(1, 1, 1, 9), ...POINT], { chapter: 0, point: 0 });
    expect(await standsOn(saga.target, newest(), before.applied)).toBe("no");
    await expect(bring(newest(), before.applied)).rejects.toMatchObject({ code: "StateNotAllowed" });
    await bring(newest());
    expect(await isRight(newest())).toBe(true);
  });
});

test("any point of any lineage restores to what was there", async () => {
  const on = fc.record({ chapter: fc.nat(5), point: fc.nat(30) });
  await fc.assert(
    fc.asyncProperty(
      events,
      fc.array(fc.tuple(events, on, fc.boolean()), { minLength: 1, maxLength: 3 }),
      async (first, more) => {
        saga = new Saga();
        await saga.next(first);
        for (const [list, base, compacted] of more) {
          if (compacted) await compactAll(saga.target, last().story, last().points);
          await saga.next(list, base);
        }
        expect(await saga.broken()).toEqual([]);
      },
    ),
    { numRuns: 12 },
  );
});

test("a lineage never throws anything but its own errors, whatever its documents say", async () => {
  saga = new Saga();
  await saga.next(EVENTS);
  await saga.next(EVENTS, { chapter: 0, point: 0 });
  const name = baseName(last().story.machine, generation(2));
  const document = (await saga.target.get(name))?.body ?? Buffer.alloc(1);
  await fc.assert(
    fc.asyncProperty(fc.nat(document.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
      const changed = Buffer.from(document);
      changed[at] = (changed[at] ?? 0) ^ flip;
      await saga.target.put(name, changed, "any");
      const error: LeewardError = await brokenOf(saga.target, last().story, last().points).then(
        () => expect.unreachable("a changed base was believed"),
        (caught) => caught,
      );
      expect([
        "ManifestDamaged",
        "ManifestVersionUnknown",
        "ChainBroken",
        "SegmentMissing",
        "SegmentDamaged",
      ]).toContain(error.code);
    }),
    { numRuns: 60 },
  );
});
