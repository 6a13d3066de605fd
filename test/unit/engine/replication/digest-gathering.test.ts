import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Gathering } from "../../../../engine/journal/gathering-document.ts";
import { gatheredPrefix, journalPrefix } from "../../../../engine/journal/names.ts";
import { BlockSpace } from "../../../../engine/replication/block-space.ts";
import { DigestChunk } from "../../../../engine/replication/digest-chunk.ts";
import { DigestGathering } from "../../../../engine/replication/digest-gathering.ts";
import { blockDigestsAt } from "../../../../engine/replication/verify.ts";
import type { RecoveryPoint } from "../../../../engine/journal/manifest.ts";
import { MemoryObjectStore } from "../../../../engine/storage/memory.ts";
import { collect } from "../../../fixtures/collect.ts";
import { compactAll } from "../../../fixtures/kept.ts";
import { compactPieces } from "../../../fixtures/sliced.ts";
import { type Event, events } from "../../../fixtures/story.ts";
import { BLOCK_SECTORS, EVENTS, POINT, type Scene, at, sceneOf, write } from "../../../fixtures/verified.ts";

const USE = "test";
const DIGEST = 32;

interface How {
  readonly scratch?: MemoryObjectStore;
  /** Digests in memory. */
  readonly held: number;
  /** Segments, and then sheets, in a turn. */
  readonly turn: () => number;
}

/** All digests of a point, as many turns put them in order. */
async function gathered(
  { story, target }: Scene,
  point: RecoveryPoint,
  { scratch = new MemoryObjectStore(), held, turn }: How,
) {
  const found = new Map(point.disks.map(({ index }) => [index, new Uint8Array()]));
  const sink = {
    put: async (sheet: { disk: { index: (typeof point.disks)[number]["index"] } }, digests: Uint8Array) => {
      const before = found.get(sheet.disk.index) ?? new Uint8Array();
      found.set(sheet.disk.index, Buffer.concat([before, digests]));
    },
  };
  let kept: Gathering | undefined;
  for (let turns = 1; ; turns++) {
    let left = turn();
    const enough = () => --left <= 0;
    const request = { objects: target, key: story.key, point, scratch, use: USE, held };
    const gathering = new DigestGathering(request, kept);
    if ((await gathering.walk(enough)) && (await gathering.order(sink, enough)))
      return { found, turns, scanned: gathering.scanned };
    kept = JSON.parse(JSON.stringify(await gathering.keep()));
  }
}

describe("digests that are gathered in turns", () => {
  test("are those that are gathered at once, in however little memory, whatever leads to the point", async () => {
    const sizes = fc.infiniteStream(fc.integer({ min: 1, max: 4 }));
    const way = fc.constantFrom("segments", "layers", "sorted layers");
    const held = fc.constantFrom(1, 2, 5, 1000);
    await fc.assert(
      fc.asyncProperty(events, way, sizes, held, async (list, how, size, most) => {
        const told = await sceneOf(list);
        const { target, story, points } = told;
        if (how === "layers") await compactAll(target, story, points);
        if (how === "sorted layers") await compactPieces(target, story, points);
        for (const point of points) {
          const once = await blockDigestsAt({ objects: target, key: story.key, point });
          const { found, scanned } = await gathered(told, point, {
            held: most,
            turn: () => size.next().value,
          });
          for (const [disk, digests] of once)
            expect(Buffer.from(found.get(disk) ?? [])).toEqual(Buffer.from(digests));
          const whole = await gathered(told, point, { held: 1000, turn: () => Infinity });
          expect([whole.turns, whole.scanned]).toEqual([1, scanned]);
        }
      }),
      { numRuns: 40 },
    );
  });

  test("need no storage where memory holds them, and few runs where it does not", async () => {
    const many: Event[] = Array.from({ length: 90 }, (_, n): Event[] => [
      write(0, (n % 4) * BLOCK_SECTORS, 4, n + 1),
      ...POINT,
    ]).flat();
    const told = await sceneOf(many);
    const point = at(told.points, -1);
    const { story, target } = told;
    const names = async (held: number) => {
      const scratch = new MemoryObjectStore();
      const request = { objects: target, key: story.key, point, scratch, use: USE, held };
      const gathering = new DigestGathering(request);
      expect(await gathering.walk(() => false)).toBe(true);
      const kept = held === 1 ? await gathering.keep() : undefined;
      const stored = await collect(scratch.list(gatheredPrefix(story.machine, USE)));
      return { stored: stored.length, runs: kept?.runs.length ?? 0 };
    };
    expect(await names(1000)).toEqual({ stored: 0, runs: 0 });
    const { stored, runs } = await names(1);
    expect(stored).toBeGreaterThan(90);
    expect(runs).toBeLessThan(64);
    const once = await blockDigestsAt({ objects: target, key: story.key, point });
    const { found } = await gathered(told, point, { held: 1, turn: () => 7 });
    for (const [disk, digests] of once)
      expect(Buffer.from(found.get(disk) ?? [])).toEqual(Buffer.from(digests));
  });

  test("are right when layers take the place of what is still to be read", async () => {
    for (let before = 1; before < 6; before++) {
      const told = await sceneOf([...EVENTS, write(1, 0, 8, 9), ...POINT]);
      const { target, story, points } = told;
      const point = at(points, -1);
      const once = await blockDigestsAt({ objects: target, key: story.key, point });
      const scratch = new MemoryObjectStore();
      const replacing = async () => {
        await compactAll(target, story, points);
        for await (const { name } of target.list(journalPrefix(story.machine, point.generation)))
          await target.delete([name]);
      };
      // All turns but the last were made of segments.
      let kept: Gathering | undefined;
      const request = { objects: target, key: story.key, point, scratch, use: USE, held: 3 };
      for (let n = 0; n < before; n++) {
        const gathering = new DigestGathering(request, kept);
        await gathering.walk(() => true);
        kept = await gathering.keep();
      }
      await replacing();
      const found = new Map<number, Uint8Array>();
      const gathering = new DigestGathering(request, kept);
      expect(await gathering.walk(() => false)).toBe(true);
      const put = async ({ disk }: { disk: { index: number } }, digests: Uint8Array) =>
        void found.set(disk.index, Uint8Array.from(digests));
      expect(await gathering.order({ put }, () => false)).toBe(true);
      for (const [disk, digests] of once)
        expect(Buffer.from(found.get(disk) ?? [])).toEqual(Buffer.from(digests));
    }
  });
});

describe("a chunk of digests", () => {
  test("gives each block once, in order, with what came first", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 60 }), (addresses) => {
        const chunk = new DigestChunk(21, 60);
        const wanted = new Map<number, number>();
        addresses.forEach((address, n) => {
          chunk.add(address, new Uint8Array(DIGEST).fill(n + 1));
          if (!wanted.has(address)) wanted.set(address, n + 1);
        });
        const sorted = chunk.sorted();
        const found = Array.from({ length: sorted.count }, (_, n) => [
          sorted.addressOf(n),
          sorted.digestOf(n)[0],
        ]);
        expect(found).toEqual([...wanted].toSorted(([a], [b]) => a - b));
        for (let address = 0; address < 21; address++)
          expect(sorted.find(address)?.[0]).toBe(wanted.get(address));
      }),
    );
  });

  test("is smaller where the space is larger than the numbers it sorts", () => {
    const chunk = new DigestChunk(2 ** 40, 2 ** 21);
    for (let n = 0; !chunk.full; n++) chunk.add(2 ** 40 - 1 - n, new Uint8Array(DIGEST).fill(n % 251));
    const sorted = chunk.sorted();
    expect(sorted.count).toBe(2 ** 13);
    expect(sorted.addressOf(0)).toBe(2 ** 40 - 2 ** 13);
    expect(sorted.digestOf(sorted.count - 1)[0]).toBe(0);
  });
});

test("blocks of all disks are numbered one disk behind the other", async () => {
  const { points } = await sceneOf(EVENTS);
  const { disks } = at(points, 0);
  const space = new BlockSpace(disks);
  const places = Array.from({ length: space.total }, (_, n) => space.placeOf(n));
  for (const [n, { disk, block }] of places.entries())
    expect((space.rangeOf(disk.index)?.base ?? -1) + block).toBe(n);
  expect(() => space.placeOf(space.total)).toThrow(RangeError);
});
