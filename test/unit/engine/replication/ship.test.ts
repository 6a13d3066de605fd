import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { MIB, bytes, generation, ordinal, sequence } from "../../../../engine/core/units.ts";
import { machineId } from "../../../../engine/core/ids.ts";
import { segmentName } from "../../../../engine/journal/names.ts";
import type { JournalPosition } from "../../../../engine/journal/position.ts";
import { splitPack } from "../../../../engine/journal/segment.ts";
import { readForward } from "../../../../engine/replication/journal-reader.ts";
import { releaseCache, sweepCache } from "../../../../engine/replication/release.ts";
import { type ShipLimits, type Shipped, ship } from "../../../../engine/replication/ship.ts";
import { MemoryObjectStore } from "../../../../engine/storage/memory.ts";
import type { ObjectStore } from "../../../../engine/storage/store.ts";
import { failing } from "../../../fixtures/failing.ts";
import { type Event, type Story, cacheSegments, events, tell } from "../../../fixtures/story.ts";

const ONE_EACH: ShipLimits = { objectBytes: bytes(1), maxBytes: bytes(MIB), parallel: 3 };
const ALL: ShipLimits = { objectBytes: bytes(MIB), maxBytes: bytes(MIB), parallel: 3 };

/** Eight segments of one write each; the last holds a proved barrier. */
const EIGHT: Event[] = Array.from({ length: 8 }, (_, i): Event[] => [
  { kind: "write", disk: 0, sector: i * 3, sectors: 2, fill: i + 1 },
  ...(i === 7 ? [{ kind: "barrier" } as const, { kind: "prove" } as const] : []),
  { kind: "seal" },
]).flat();

let story: Story;
let cache: MemoryObjectStore;
let target: MemoryObjectStore;
const nameOf = (n: number) => segmentName(story.machine, generation(1), ordinal(n));
const go = (
  from: JournalPosition,
  limits = ALL,
  stores: { cache?: ObjectStore; target?: ObjectStore } = {},
) => ship({ cache, target, machine: story.machine, from, limits, ...stores });

async function namesIn(store: ObjectStore): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of store.list("")) names.push(name);
  return names;
}

/** All digests that a reader finds up to the position; throws when something is missing or wrong. */
async function digestsIn(store: ObjectStore, { position }: Shipped): Promise<string[]> {
  const digests: string[] = [];
  const range = { objects: store, machine: story.machine, from: story.start, to: position };
  for await (const { segment } of readForward(range)) digests.push(segment.digest);
  return digests;
}

beforeEach(async () => {
  story = await tell(EIGHT);
  cache = new MemoryObjectStore();
  target = new MemoryObjectStore();
});

describe("ship", () => {
  test("packs small segments back to back, byte for byte, under the first one's name", async () => {
    await cacheSegments(cache, story.segments);
    const shipped = await go(story.start);
    expect(shipped).toMatchObject({ segments: 8, objects: 1, hole: 8, problem: undefined });
    const pack = await target.get(nameOf(0));
    expect(splitPack(pack?.body ?? Buffer.alloc(0))).toEqual(story.segments.map(({ bytes: body }) => body));
    expect(await namesIn(target)).toEqual([nameOf(0)]);
  });

  test("keeps an object below the limit, except for a single segment that is larger", async () => {
    await cacheSegments(cache, story.segments);
    const [a, b] = story.segments;
    const two = bytes((a?.bytes.length ?? 0) + (b?.bytes.length ?? 0));
    await go(story.start, { ...ALL, objectBytes: two });
    for (const name of await namesIn(target))
      expect((await target.get(name))?.size).toBeLessThanOrEqual(two + 64);
    const alone = new MemoryObjectStore();
    expect(await go(story.start, ONE_EACH, { target: alone })).toMatchObject({ objects: 8 });
  });

  test("stops at the first hole, whatever lies behind it, and goes on when it is filled", async () => {
    const [, , , third] = story.segments;
    await cacheSegments(
      cache,
      story.segments.filter((segment) => segment !== third),
    );
    const first = await go(story.start);
    expect(first).toMatchObject({ segments: 3, hole: 3, marked: [] });
    expect(first.position.next).toBe(3);
    await cacheSegments(cache, third ? [third] : []);
    const second = await go(first.position);
    expect(second).toMatchObject({ segments: 5, hole: 8 });
    expect(await digestsIn(target, second)).toEqual(story.segments.map(({ digest }) => digest));
  });

  test("asks for one segment only when there is nothing new", async () => {
    const fault = { calls: 0, at: -1, when: "before" } as const;
    const idle = await go(story.start, ALL, { cache: failing(cache, fault) });
    expect(idle).toMatchObject({ segments: 0, hole: 0, position: story.start });
    expect(fault.calls).toBe(1);
  });

  test("ends a run at its limit, without a hole", async () => {
    await cacheSegments(cache, story.segments);
    const shipped = await go(story.start, { ...ALL, maxBytes: bytes(1) });
    expect(shipped).toMatchObject({ segments: 1, hole: undefined });
  });

  test("adopts what an earlier run put, also when the cache has let it go", async () => {
    await cacheSegments(cache, story.segments.slice(0, 4));
    const before = await go(story.start, ONE_EACH);
    await releaseCache(cache, story.machine, story.start, before.position);
    await cacheSegments(cache, story.segments.slice(4));
    const again = await go(story.start);
    expect(again).toMatchObject({ segments: 8, hole: 8 });
    expect(await digestsIn(target, again)).toEqual(story.segments.map(({ digest }) => digest));
  });

  test("adopts an object that ends elsewhere than its own and goes on behind it", async () => {
    await cacheSegments(cache, story.segments.slice(0, 5));
    await go(story.start);
    await cacheSegments(cache, story.segments.slice(5));
    const again = await go(story.start, ONE_EACH);
    expect(again).toMatchObject({ segments: 8, hole: 8 });
    expect(await namesIn(target)).toContain(nameOf(5));
    expect(await digestsIn(target, again)).toEqual(story.segments.map(({ digest }) => digest));
  });

  test("refuses another history's segment in the target", async () => {
    const other = await tell(EIGHT.with(0, { kind: "zero", disk: 1, sector: 0, sectors: 1 }));
    await cacheSegments(cache, story.segments);
    await cacheSegments(target, other.segments.slice(0, 1));
    await expect(go(story.start)).rejects.toMatchObject({ code: "ChainBroken" });
  });

  test.each([
    ["damaged", "SegmentDamaged", (body: Buffer) => body.fill(7, 300, 301)],
    ["cut short", "SegmentDamaged", (body: Buffer) => body.subarray(0, -1)],
    ["empty", "SegmentDamaged", () => Buffer.alloc(0)],
    ["of a newer version", "SegmentVersionUnknown", (body: Buffer) => body.fill(9, 8, 9)],
  ])(
    "a segment that is %s stops the run behind the good ones, and the next run says why",
    async (_, code, harm) => {
      await cacheSegments(cache, story.segments);
      const body = Buffer.from(story.segments[3]?.bytes ?? []);
      await cache.put(nameOf(3), harm(body), "any");
      const first = await go(story.start);
      expect(first).toMatchObject({ segments: 3, problem: { code } });
      expect(first.problem?.message).toContain(nameOf(3));
      expect(await digestsIn(target, first)).toHaveLength(3);
      await expect(go(first.position)).rejects.toMatchObject({ code });
    },
  );

  test("a segment of another machine, generation or place is not taken", async () => {
    const strangers = [
      await tell(EIGHT, { machine: machineId("other"), key: story.key }),
      await tell(EIGHT, { generation: generation(2), key: story.key }),
      { segments: story.segments.slice(1) },
    ];
    for (const { segments } of strangers) {
      await cache.put(nameOf(0), segments[0]?.bytes ?? Buffer.alloc(0), "any");
      await expect(go(story.start)).rejects.toMatchObject({ code: "ChainBroken" });
    }
    expect(await namesIn(target)).toEqual([]);
  });

  test("shippers that run at once, from any start and with any limits, end at the same journal", async () => {
    const limits = fc.record({
      objectBytes: fc.integer({ min: 1, max: 30_000 }).map(bytes),
      maxBytes: fc.integer({ min: 1, max: 50_000 }).map(bytes),
      parallel: fc.integer({ min: 1, max: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(events, fc.array(limits, { minLength: 2, maxLength: 4 }), async (list, several) => {
        story = await tell(list);
        cache = new MemoryObjectStore();
        target = new MemoryObjectStore();
        await cacheSegments(cache, story.segments);
        const ends = await Promise.all(
          several.map(async (each) => {
            let last = await go(story.start, each);
            while (last.hole === undefined) last = await go(last.position, each);
            return last;
          }),
        );
        for (const end of ends) {
          expect(end.position.next).toBe(story.segments.length);
          expect(await digestsIn(target, end)).toEqual(story.segments.map(({ digest }) => digest));
        }
      }),
      { numRuns: 60 },
    );
  });

  test("may die at any storage call, before or after it took effect, and the next run completes the journal", async () => {
    await cacheSegments(cache, story.segments);
    let deaths = 0;
    for (const when of ["before", "after"] as const)
      for (let at = 1; ; at++) {
        target = new MemoryObjectStore();
        const fault = { calls: 0, at, when };
        const stores = { cache: failing(cache, fault), target: failing(target, fault) };
        const first = await go(story.start, ONE_EACH, stores).catch(() => undefined);
        if (fault.calls < at) break;
        deaths++;
        const again = await go(first?.position ?? story.start);
        expect(again.position.next).toBe(8);
        expect(await digestsIn(target, again)).toEqual(story.segments.map(({ digest }) => digest));
      }
    expect(deaths).toBeGreaterThan(20);
  });

  test("reports progress in order", async () => {
    await cacheSegments(cache, story.segments);
    const seen: number[] = [];
    const onProgress = ({ position }: Shipped) => seen.push(position.next);
    await ship({ cache, target, machine: story.machine, from: story.start, limits: ONE_EACH, onProgress });
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });
});

describe("the cache", () => {
  test("lets go of what was shipped, and may be told twice", async () => {
    await cacheSegments(cache, story.segments);
    const { position } = await go(story.start, { ...ONE_EACH, maxBytes: bytes(1) });
    await releaseCache(cache, story.machine, story.start, position);
    await releaseCache(cache, story.machine, story.start, position);
    expect(await namesIn(cache)).toEqual(story.segments.slice(1).map((_, i) => nameOf(i + 1)));
  });

  test("is swept of everything before the position, and of nothing else", async () => {
    await cacheSegments(cache, story.segments);
    const later = await tell(EIGHT, { generation: generation(2), from: sequence(8) });
    await cacheSegments(cache, later.segments);
    await sweepCache(cache, story.machine, { ...story.start, next: ordinal(5) });
    expect(await namesIn(cache)).toHaveLength(3 + 8);
  });

  test("has no segments between two generations", async () => {
    const other = { ...story.start, generation: generation(2) };
    await expect(releaseCache(cache, story.machine, story.start, other)).rejects.toThrow(RangeError);
  });
});
