import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import type { RecoveryPoint } from "../../../../engine/journal/manifest.ts";
import { journalPrefix, segmentName } from "../../../../engine/journal/names.ts";
import { allBlocks, countOf } from "../../../../engine/replication/blocks.ts";
import { micros } from "../../../../engine/core/units.ts";
import { compact } from "../../../../engine/replication/compact.ts";
import { sourcesOf } from "../../../../engine/replication/sources.ts";
import type { VerifyRequest } from "../../../../engine/replication/verify-point.ts";
import { compactAll } from "../../../fixtures/kept.ts";
import { DISKS, events } from "../../../fixtures/story.ts";
import { EVENTS, type Scene, at, named, sceneOf, verify } from "../../../fixtures/verified.ts";

let scene: Scene;
beforeEach(async () => {
  scene = await sceneOf(EVENTS);
});

describe("layers in place of segments", () => {
  /** Takes away what the layers to the point made needless. */
  async function dropSegments({ target }: Scene, point: RecoveryPoint): Promise<void> {
    const tail = (await sourcesOf(target, point)).layers.at(-1)?.tail.next ?? 0;
    for await (const { name } of target.list(journalPrefix(point.machine, point.generation)))
      if (Number(name.slice(-16, -4)) < tail) await target.delete([name]);
  }

  test("are what is compared, and never complained about when right, in any history", async () => {
    await fc.assert(
      fc.asyncProperty(events, fc.nat(), fc.nat(), async (list, which, known) => {
        const told = await sceneOf(list);
        const { points, target, story } = told;
        if (points.length === 0) return;
        const old = at(points, known % points.length);
        const since = { id: old.id, scanned: (await verify(told, old)).scanned };
        const kept = points.slice(which % points.length);
        await compactAll(target, story, kept);
        await dropSegments(told, at(kept, 0));
        let last: VerifyRequest["since"];
        for (const point of kept) {
          const found = await verify(told, point, { since: last });
          expect(named(found.wrong)).toEqual([]);
          last = { id: point.id, scanned: found.scanned };
          if (points.indexOf(point) < points.indexOf(old)) continue;
          const more = await verify(told, point, { since });
          expect(named(more.wrong)).toEqual([]);
          const scrubbed = await verify(told, point, { since, scrub: allBlocks(DISKS) });
          expect(scrubbed.compared).toBe(countOf(allBlocks(DISKS)));
          expect(named(scrubbed.wrong)).toEqual([]);
        }
      }),
      { numRuns: 40 },
    );
  });

  test("have everything compared when they replaced what came since, and only what changed behind them", async () => {
    const { points, target, story } = scene;
    const { scanned } = await verify(scene, at(points, 0));
    await compactAll(target, story, [at(points, 1)]);
    await dropSegments(scene, at(points, 1));
    const since = { id: at(points, 0).id, scanned };
    const second = await verify(scene, at(points, 1), { since });
    expect(second.compared).toBe(countOf(allBlocks(DISKS)));
    const third = await verify(scene, at(points, 2), {
      since: { id: at(points, 1).id, scanned: second.scanned },
    });
    expect(third.compared).toBe(1);
    expect([...named(second.wrong), ...named(third.wrong)]).toEqual([]);
  });

  test("with a wrong write merged into them are found wrong, by everything and by what changed", async () => {
    const told = await sceneOf(EVENTS, (record) =>
      record.kind === "data" && record.sequence === 3
        ? [{ ...record, data: Buffer.alloc(record.data.length, "wrong") }]
        : [record],
    );
    const { points, target, story } = told;
    const since = { id: at(points, 0).id, scanned: (await verify(told, at(points, 0))).scanned };
    const clock = () => micros(1_800_000_000_000_000);
    // A layer that holds only a part of the block cannot know that it is wrong.
    for (const [begin, end] of [
      [undefined, at(points, 0)],
      [since.id, at(points, 1)],
    ] as const)
      await compact({ objects: target, key: story.key, begin, end, clock });
    expect(named((await verify(told, at(points, 1), { since })).wrong)).toEqual(["0:1"]);
    await dropSegments(told, at(points, 1));
    for (const n of [1, 2])
      for (const more of [{}, { since }])
        expect(named((await verify(told, at(points, n), more)).wrong)).toEqual(["0:1"]);
  });

  test("with segments gone that none of them replaces are a hole", async () => {
    const { points, target, story } = scene;
    const { scanned } = await verify(scene, at(points, 1));
    await compactAll(target, story, [at(points, 0)]);
    await target.delete([segmentName(story.machine, scanned.generation, scanned.next)]);
    const since = { id: at(points, 1).id, scanned };
    await expect(verify(scene, at(points, 2), { since })).rejects.toMatchObject({ code: "SegmentMissing" });
  });
});
