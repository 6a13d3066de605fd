import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytes, micros } from "../../../../engine/core/units.ts";
import { layersPrefix } from "../../../../engine/journal/names.ts";
import { compact } from "../../../../engine/replication/compact.ts";
import { collect } from "../../../fixtures/collect.ts";
import { events } from "../../../fixtures/story.ts";
import {
  BLOCK_SECTORS,
  EVENTS,
  POINT,
  type Scene,
  at,
  sceneOf,
  write,
  wrongWrite,
} from "../../../fixtures/verified.ts";

const clock = () => micros(1_800_000_000_000_000);
const layer = ({ target, story, points }: Scene, begin: number | undefined, end: number, memory?: number) =>
  compact({
    ...(memory !== undefined && { memory: bytes(memory) }),
    objects: target,
    key: story.key,
    begin: begin === undefined ? undefined : at(points, begin).id,
    end: at(points, end),
    clock,
    partBytes: bytes(20_000),
  });
const documents = async ({ target, story }: Scene) => {
  const names = await collect(target.list(layersPrefix(story.machine, story.start.generation)));
  return names.filter(({ name }) => name.endsWith(".json"));
};

describe("a layer is not made of what the source did not have", () => {
  test("a base with a changed byte, in a block that is whole or in one that is not", async () => {
    for (const [nth, named] of [
      [0, "disk 0 block 0"],
      [1, "disk 1 block 1"],
    ] as const) {
      const scene = await sceneOf(EVENTS, wrongWrite(nth));
      await expect(layer(scene, undefined, 0)).rejects.toMatchObject({
        code: "PointBad",
        message: expect.stringContaining(named),
      });
      expect(await documents(scene)).toEqual([]);
    }
  });

  test("a base whose unfinished blocks memory does not hold", async () => {
    const list = [0, 1, 2].map((block) => write(0, block * BLOCK_SECTORS, 4, 5));
    const scene = await sceneOf([...list, { kind: "seal" }, ...POINT], wrongWrite(1));
    await expect(layer(scene, undefined, 0, 1)).rejects.toThrow("disk 0 block 1");
    const right = await sceneOf([...list, { kind: "seal" }, ...POINT]);
    expect((await layer(right, undefined, 0, 1)).built?.dataBytes).toBe(3 * 2048);
  });

  test("a base that lacks a write, so that a block is zero", async () => {
    const scene = await sceneOf(EVENTS, (record) => {
      if (record.kind !== "data" || record.disk !== 1) return [record];
      const { sequence, time, disk, offset, data } = record;
      return [{ kind: "zero", sequence, time, disk, offset, length: bytes(data.length) }];
    });
    await expect(layer(scene, undefined, 0)).rejects.toThrow("disk 1 block 1");
  });

  test("an upper layer with a changed byte in a block that it holds whole", async () => {
    const scene = await sceneOf(
      [...EVENTS, write(0, 0, BLOCK_SECTORS, 9), { kind: "seal" }, ...POINT],
      wrongWrite(4),
    );
    await layer(scene, undefined, 2);
    await expect(layer(scene, 2, 3)).rejects.toMatchObject({ code: "PointBad" });
    expect(await documents(scene)).toHaveLength(1);
  });

  test("a changed byte in a part of a block passes an upper layer, and is found by the next base", async () => {
    const scene = await sceneOf(EVENTS, wrongWrite(2));
    await layer(scene, undefined, 0);
    await layer(scene, 0, 1);
    await expect(layer(scene, undefined, 1)).rejects.toThrow("disk 0 block 1");
  });

  test("a right journal is never complained about, in any history", async () => {
    await fc.assert(
      fc.asyncProperty(events, async (list) => {
        const scene = await sceneOf(list);
        for (const end of scene.points.keys()) {
          await layer(scene, undefined, end);
          if (end === 0 || at(scene.points, end - 1).position.next === at(scene.points, end).position.next)
            continue;
          await layer(scene, end - 1, end);
        }
        expect((await documents(scene)).length).toBeGreaterThan(0);
      }),
      { numRuns: 20 },
    );
  });
});
