import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { barrierId } from "../../../../engine/core/ids.ts";
import { BLOCK, bytes, diskIndex, generation, sequence } from "../../../../engine/core/units.ts";
import { journalPrefix, replicaName } from "../../../../engine/journal/names.ts";
import { startOf } from "../../../../engine/journal/position.ts";
import { allBlocks, countOf } from "../../../../engine/replication/blocks.ts";
import { checkpoint } from "../../../../engine/replication/checkpoint.ts";
import type { Checkpoint } from "../../../../engine/replication/checkpoints.ts";
import { journalBlocks } from "../../../../engine/replication/journal-blocks.ts";
import { createReplica } from "../../../../engine/replication/replica.ts";
import { blockDigestsAt } from "../../../../engine/replication/verify.ts";
import type { VerifyRequest } from "../../../../engine/replication/verify-point.ts";
import { MemoryPageStore } from "../../../../engine/storage/memory.ts";
import type { PageStore } from "../../../../engine/storage/store.ts";
import { FOOTER } from "../../../fixtures/carried.ts";
import { collect } from "../../../fixtures/collect.ts";
import { DISKS, type Event, events } from "../../../fixtures/story.ts";
import {
  BLOCK_SECTORS,
  EVENTS,
  POINT,
  type Scene,
  at,
  named,
  sceneOf,
  verify,
  write,
} from "../../../fixtures/verified.ts";

let scene: Scene;
beforeEach(async () => {
  scene = await sceneOf(EVENTS);
});

describe("a right journal", () => {
  test("the first verification reads everything, the next only what changed", async () => {
    const { points } = scene;
    const first = await verify(scene, at(points, 0));
    expect(first.compared).toBe(countOf(allBlocks(DISKS)));
    expect(named(first.wrong)).toEqual([]);
    const since = { id: at(points, 0).id, scanned: first.scanned };
    const second = await verify(scene, at(points, 1), { since });
    expect(second.compared).toBe(1);
    const third = await verify(scene, at(points, 2), {
      since: { id: at(points, 1).id, scanned: second.scanned },
    });
    expect(third.compared).toBe(1);
    expect([...named(second.wrong), ...named(third.wrong)]).toEqual([]);
  });

  test("says how many blocks are compared, and of how many, from the start to the end", async () => {
    const said: [number, number][] = [];
    const point = at(scene.points, 0);
    const onProgress = (compared: number, blocks: number) => void said.push([compared, blocks]);
    const { compared } = await verify(scene, point, { onProgress });
    expect(said).toEqual([
      [0, compared],
      [compared, compared],
    ]);
  });

  test("never is complained about, and after the first point only changed blocks are read, in any history", async () => {
    await fc.assert(
      fc.asyncProperty(events, fc.array(fc.boolean(), { maxLength: 8 }), async (list, skip) => {
        const told = await sceneOf(list);
        let since: VerifyRequest["since"];
        let before: readonly Buffer[] = DISKS.map(({ size }) => Buffer.alloc(size));
        for (const [n, point] of told.points.entries()) {
          if (skip[n] === true && n < told.points.length - 1) continue;
          const found = await verify(told, point, { since });
          expect(named(found.wrong)).toEqual([]);
          const now = told.story.moments.find(({ barrier }) => barrier.id === point.id)?.disks ?? [];
          // A block may be written and become what it was: what differs is the least that must be read.
          const [least, most] = since
            ? [differing(before, now), touched(list)]
            : [countOf(allBlocks(DISKS)), countOf(allBlocks(DISKS))];
          expect(found.compared).toBeGreaterThanOrEqual(least);
          expect(found.compared).toBeLessThanOrEqual(most);
          since = { id: point.id, scanned: found.scanned };
          before = now;
        }
      }),
      { numRuns: 60 },
    );
  });

  test("of digests behind the last good point's barrier those of an older barrier are not taken for newer", async () => {
    const told = await sceneOf([
      write(0, 0, 4, 1),
      { kind: "barrier" },
      write(0, 0, 4, 2),
      { kind: "barrier" },
      { kind: "barrier" },
      { kind: "prove" },
      { kind: "prove" },
      { kind: "prove" },
      { kind: "seal" },
    ]);
    const good = at(told.points, 1);
    const since = { id: good.id, scanned: (await verify(told, good)).scanned };
    expect(named((await verify(told, at(told.points, 2), { since })).wrong)).toEqual([]);
  });

  test("gives the same blocks in little memory as in much", async () => {
    await fc.assert(
      fc.asyncProperty(events, async (list) => {
        const told = await sceneOf(list);
        const point = at(told.points, -1);
        const request = { objects: told.target, key: told.story.key, point, blocks: allBlocks(DISKS) };
        const little = await collect(journalBlocks({ ...request, memory: bytes(BLOCK) }));
        const digests = await blockDigestsAt(request);
        expect(little.length).toBe(countOf(allBlocks(DISKS)));
        for (const { disk, block, digest } of little)
          expect(Buffer.from(digest)).toEqual(
            Buffer.from(digests.get(disk)?.subarray(block * 32, block * 32 + 32) ?? []),
          );
      }),
      { numRuns: 40 },
    );
  });

  test("the walk ends where every block is whole", async () => {
    const told = await sceneOf([
      write(0, 0, BLOCK_SECTORS, 1),
      { kind: "seal" },
      ...POINT,
      write(0, 0, BLOCK_SECTORS, 2),
      ...POINT,
    ]);
    const first = await verify(told, at(told.points, 0));
    const since = { id: at(told.points, 0).id, scanned: first.scanned };
    // Without the oldest segment nothing could be rebuilt from the start.
    await told.target.delete([`${journalPrefix(told.story.machine, generation(1))}000000000000.seg`]);
    const second = await verify(told, at(told.points, 1), { since });
    expect(second.compared).toBe(1);
    await expect(verify(told, at(told.points, 1))).rejects.toMatchObject({ code: "SegmentMissing" });
  });

  test("a verification that is not wanted any more stops", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(verify(scene, at(scene.points, 0), { signal })).rejects.toThrow("enough");
  });
});

describe("a wrong journal", () => {
  test("a write that was changed before it was sealed is found and its block named", async () => {
    const told = await sceneOf(EVENTS, (record) => {
      if (record.kind !== "data" || record.sequence !== 3) return [record];
      const data = Buffer.from(record.data);
      data.writeUInt8(data.readUInt8(17) ^ 1, 17);
      return [{ ...record, data }];
    });
    const first = await verify(told, at(told.points, 0));
    expect(named(first.wrong)).toEqual([]);
    const since = { id: at(told.points, 0).id, scanned: first.scanned };
    expect(named((await verify(told, at(told.points, 1), { since })).wrong)).toEqual(["0:1"]);
    // It stays found for as long as the last good point is the one before it.
    expect(named((await verify(told, at(told.points, 2), { since })).wrong)).toEqual(["0:1"]);
  });

  test("a write that was left out is found", async () => {
    const told = await sceneOf(EVENTS, (record) =>
      record.kind === "data" && record.sequence === 4 ? [{ ...record, data: Buffer.alloc(1024) }] : [record],
    );
    expect(named((await verify(told, at(told.points, 2))).wrong)).toEqual(["0:3"]);
  });

  test("a forged digest is found by what the journal gives, and by the root when everything is read", async () => {
    let seen = 0;
    const told = await sceneOf(EVENTS, (record) => {
      if (record.kind !== "digests" || ++seen !== 3) return [record];
      const digests = Buffer.from(record.digests);
      digests.writeUInt8(digests.readUInt8(0) ^ 1, 0);
      return [{ ...record, digests }];
    });
    const first = await verify(told, at(told.points, 0));
    const since = { id: at(told.points, 0).id, scanned: first.scanned };
    expect(named((await verify(told, at(told.points, 1), { since })).wrong)).toEqual(["0:1"]);
    await expect(verify(told, at(told.points, 1))).rejects.toMatchObject({ code: "ManifestDamaged" });
  });

  test("a byte that flips in a stored segment is damage that is named, never a wrong block", async () => {
    const { target, story, points } = scene;
    const names = (await collect(target.list(journalPrefix(story.machine, generation(1))))).map(
      (o) => o.name,
    );
    for (const name of names) {
      const stored = await target.get(name);
      const body = Buffer.from(stored?.body ?? []);
      body.writeUInt8(body.readUInt8(body.length >> 1) ^ 4, body.length >> 1);
      await target.put(name, body, "any");
      await expect(verify(scene, at(points, 2))).rejects.toMatchObject({ code: "SegmentDamaged" });
      await target.put(name, stored?.body ?? body, "any");
    }
    expect(named((await verify(scene, at(points, 2))).wrong)).toEqual([]);
  });

  test("a point whose barrier the journal does not hold is no point", async () => {
    const since = { id: at(scene.points, 2).id, scanned: startOf(generation(1), sequence(0)) };
    const forged = { ...at(scene.points, 1), id: barrierId("10000000-0000-4000-8000-000000000000") };
    await expect(verify(scene, forged, { since })).rejects.toMatchObject({
      code: "ChainBroken",
    });
  });
});

describe("the replica", () => {
  let pages: MemoryPageStore;
  const made: Checkpoint[] = [];

  beforeEach(async () => {
    pages = new MemoryPageStore();
    made.length = 0;
    for (const disk of DISKS) await createReplica(pages, scene.story.machine, disk, FOOTER);
  });

  async function bring(n: number): Promise<Checkpoint> {
    const from = made.at(-1)?.applied ?? startOf(generation(1), sequence(0));
    const { target, story, points } = scene;
    const point = at(points, n);
    const one = await checkpoint({ target, pages, key: story.key, from, point });
    made.push(one);
    return one;
  }

  /** Bytes that were read of it. */
  function counting(): { store: PageStore; read: () => number } {
    let read = 0;
    const store = new Proxy<PageStore>(pages, {
      get(target, name) {
        if (name === "read")
          return (...args: Parameters<PageStore["read"]>) => {
            read += args[2];
            return target.read(...args);
          };
        const method: unknown = Reflect.get(target, name);
        return typeof method === "function" ? method.bind(target) : method;
      },
    });
    return { store, read: () => read };
  }

  test("a right one is never complained about, and only what changed is read of it", async () => {
    const first = await verify(scene, at(scene.points, 0), {
      replica: { pages, checkpoint: await bring(0) },
    });
    expect(named(first.wrong)).toEqual([]);
    const { store, read } = counting();
    const since = { id: at(scene.points, 0).id, scanned: first.scanned };
    const replica = { pages: store, checkpoint: await bring(2) };
    const next = await verify(scene, at(scene.points, 2), { since, replica });
    expect({ wrong: named(next.wrong), compared: next.compared, read: read() }).toEqual({
      wrong: [],
      compared: 2,
      read: BLOCK + (232 * 1024 - 3 * BLOCK),
    });
  });

  async function meddle(disk: number, offset: number, data: Buffer): Promise<void> {
    const name = replicaName(scene.story.machine, diskIndex(disk));
    await pages.write(name, await pages.takeFence(name), bytes(offset), data);
  }

  test("a page that became wrong is found and named, and by the scrub where nothing changed", async () => {
    const first = await verify(scene, at(scene.points, 0), {
      replica: { pages, checkpoint: await bring(0) },
    });
    await meddle(1, BLOCK, Buffer.alloc(512, "wrong"));
    await meddle(0, 2 * BLOCK, Buffer.alloc(512, "wrong"));
    const replica = { pages, checkpoint: await bring(2) };
    expect(named((await verify(scene, at(scene.points, 2), { replica })).wrong)).toEqual(["0:2", "1:1"]);
    const since = { id: at(scene.points, 0).id, scanned: first.scanned };
    expect(named((await verify(scene, at(scene.points, 2), { replica, since })).wrong)).toEqual([]);
    const scrub = allBlocks(DISKS);
    expect(named((await verify(scene, at(scene.points, 2), { replica, since, scrub })).wrong)).toEqual([
      "0:2",
      "1:1",
    ]);
  });

  test("a write that never reached it is found", async () => {
    await bring(0);
    const dropped = new Proxy<MemoryPageStore>(pages, {
      get(target, name) {
        if (name === "write") return async () => undefined;
        const method: unknown = Reflect.get(target, name);
        return typeof method === "function" ? method.bind(target) : method;
      },
    });
    const { target, story, points } = scene;
    const from = made[0]?.applied ?? startOf(generation(1), sequence(0));
    const one = await checkpoint({ target, pages: dropped, key: story.key, from, point: at(points, 2) });
    const found = await verify(scene, at(points, 2), { replica: { pages, checkpoint: one } });
    expect(named(found.wrong)).toEqual(["0:1", "0:3"]);
  });
});

const differing = (a: readonly Buffer[], b: readonly Buffer[]): number =>
  DISKS.reduce((sum, { size }, disk) => {
    let count = 0;
    for (let offset = 0; offset < size; offset += BLOCK)
      if (
        !a[disk]
          ?.subarray(offset, offset + BLOCK)
          .equals(b[disk]?.subarray(offset, offset + BLOCK) ?? Buffer.of())
      )
        count++;
    return sum + count;
  }, 0);

/** Blocks that any event of the history writes to. */
const touched = (list: readonly Event[]): number =>
  new Set(
    list.flatMap((one) =>
      "sector" in one
        ? Array.from({ length: Math.floor((one.sector + one.sectors - 1) / BLOCK_SECTORS) + 1 }, (_, block) =>
            block >= Math.floor(one.sector / BLOCK_SECTORS) ? `${one.disk}:${block}` : "",
          ).filter(Boolean)
        : [],
    ),
  ).size;
