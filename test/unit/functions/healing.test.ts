import { beforeEach, describe, expect, test } from "vitest";
import { LeewardError } from "../../../engine/core/errors.ts";
import { micros } from "../../../engine/core/units.ts";
import { decodeManifest } from "../../../engine/journal/manifest.ts";
import { layerName, layerPartName, pointName, registerName } from "../../../engine/journal/names.ts";
import { healthOf } from "../../../engine/recovery/health.ts";
import { sourcesOf } from "../../../engine/replication/sources.ts";
import { standingLayers } from "../../../engine/replication/standing.ts";
import type { RecoveryPoint } from "../../../engine/journal/manifest.ts";
import { healing } from "../../../functions/activities/healing.ts";
import { HOUR, MINUTE, type Retaining } from "../../fixtures/retaining.ts";
import { POLICY, lived, wait } from "../../fixtures/lived.ts";
import { protectedItem } from "../engine/recovery/fixture.ts";

const { machine } = protectedItem();
const nameOf = ({ generation, sequence, id }: RecoveryPoint) => pointName(machine, generation, sequence, id);

const fail = (): never => {
  throw new Error("no such thing");
};

describe("what rots and is kept elsewhere is made again", { timeout: 120_000 }, () => {
  let one: Retaining;
  let points: readonly RecoveryPoint[];
  beforeEach(async () => {
    one = await lived(POLICY, 30);
    points = await one.points();
  });
  const spoil = async (name: string) => {
    const body = Buffer.from((await one.objects.get(name))?.body ?? fail());
    body[body.length >> 1] = (body[body.length >> 1] ?? 0) ^ 4;
    await one.objects.put(name, body, "any");
  };
  const healed = async () => (await one.records.healing.get(machine))?.value.healed ?? [];
  const read = async (name: string) => decodeManifest((await one.objects.get(name))?.body ?? fail());

  const OF: readonly (readonly [string, (all: readonly RecoveryPoint[]) => RecoveryPoint | undefined])[] = [
    ["the newest point", (all) => all.at(-1)],
    ["a dense point", (all) => all.at(-5)],
    ["a point that a layer ends at", (all) => all[3]],
  ];
  for (const [which, pick] of OF)
    test.each(["changed", "gone"])(`the manifest of ${which}, %s`, async (how) => {
      const point = pick(points) ?? fail();
      const name = nameOf(point);
      // Retention has listed it, or the record has.
      await one.records.progress.update(machine, (old) => ({ ...old, made: [point] }));
      if (how === "gone") await one.objects.delete([name]);
      else await spoil(name);
      await one.round();
      const again = await read(name);
      expect(again).toMatchObject({ format: 2, losses: null });
      // The story says when a point came by another clock than the journal has.
      const { losses: _, format: __, time: ___, bytes: ____, ...same } = point;
      expect(again).toMatchObject(same);
      expect(await one.points()).toHaveLength(points.length);
      expect(await one.broken()).toEqual([]);
      expect((await healed()).map((each) => each.name)).toEqual([name]);
    });

  test("a manifest that cannot be made again is named, and holds up retention until it is given up", async () => {
    const point = points.at(-1) ?? fail();
    await spoil(nameOf(point));
    const put = one.objects.put.bind(one.objects);
    one.objects.put = async (name, body, condition) => {
      if (name === nameOf(point)) throw new LeewardError("ObjectChanged", "it cannot be made again");
      return put(name, body, condition);
    };
    await expect(one.round()).rejects.toMatchObject({ code: "ManifestDamaged" });
    const told = async () =>
      healthOf(
        {
          item: protectedItem(),
          agent: undefined,
          progress: undefined,
          healing: (await one.records.healing.get(machine))?.value,
        },
        one.now,
      ).map(({ code, message }) => ({ code, message }));
    expect(await told()).toEqual([
      { code: "ManifestDamaged", message: expect.stringContaining(nameOf(point)) },
    ]);
    await one.objects.delete([nameOf(point)]);
    await one.round();
    expect(await told()).toEqual([]);
    expect(await one.points()).toHaveLength(points.length - 1);
  });

  test("but no manifest that retention deleted", async () => {
    expect((await one.record())?.dropped).toBeGreaterThan(0);
    await wait(one, MINUTE);
    await one.round();
    expect(await one.points()).toEqual(points);
    expect(await healed()).toEqual([]);
  });

  test("nor one that an old list names, whose data are given up", async () => {
    const { generation } = points[0] ?? fail();
    const name = registerName(machine, generation);
    const old = (await one.objects.get(name))?.body ?? fail();
    await wait(one, 5 * HOUR);
    await wait(one, 3 * HOUR);
    const left = await one.points();
    await one.objects.put(name, old, "any");
    await one.round();
    expect(await one.broken()).toEqual([]);
    expect((await one.points()).length).toBeGreaterThanOrEqual(left.length);
    await wait(one, 3 * HOUR);
    expect(await one.broken()).toEqual([]);
  });

  test("a list of points that was changed is written anew", async () => {
    const name = registerName(machine, points[0]?.generation ?? fail());
    await spoil(name);
    await one.round();
    await one.objects.delete([nameOf(points.at(-1) ?? fail())]);
    await one.round();
    expect(await one.points()).toHaveLength(points.length);
  });

  test("a layer whose part was changed is passed over, and built anew", async () => {
    const { generation } = points[0] ?? fail();
    const newest = (await sourcesOf(one.objects, points.at(-1) ?? fail())).layers.at(-1) ?? fail();
    await spoil(layerPartName(newest, 0));
    await expect(one.broken()).rejects.toMatchObject({ code: "LayerDamaged" });
    await healing(one.services(), machine, () => one.broken());
    expect(await one.broken()).toEqual([]);
    expect((await healed()).map((each) => each.name)).toEqual([layerName(newest)]);
    await one.round();
    const again = await standingLayers(one.objects, machine, generation);
    expect(again.some(({ end, build }) => end.id === newest.end.id && build !== newest.build)).toBe(true);
    expect(await one.broken()).toEqual([]);
  });

  test.each(["changed", "gone"])("the document of a layer whose segments are gone, %s", async (how) => {
    const { generation } = points[0] ?? fail();
    const [base] = await standingLayers(one.objects, machine, generation);
    const name = layerName(base ?? fail());
    const before = (await one.objects.get(name))?.body;
    if (how === "gone") await one.objects.delete([name]);
    else await spoil(name);
    // Readers go by its twin, and write nothing.
    expect(await one.broken()).toEqual([]);
    await one.round();
    expect((await one.objects.get(name))?.body).toEqual(before);
    expect((await healed()).map((each) => each.name)).toEqual([name]);
    expect(await one.broken()).toEqual([]);
  });

  test("a layer that nothing can stand in for stays, and says that it is damaged", async () => {
    const { generation } = points[0] ?? fail();
    const [base] = await standingLayers(one.objects, machine, generation);
    await spoil(layerPartName(base ?? fail(), 0));
    await expect(healing(one.services(), machine, () => one.broken())).rejects.toMatchObject({
      code: "LayerDamaged",
    });
    expect(await healed()).toEqual([]);
  });

  test("somebody is told for a week that the storage lies", async () => {
    const name = nameOf(points.at(-1) ?? fail());
    await spoil(name);
    await one.round();
    const healingRecord = (await one.records.healing.get(machine))?.value;
    const known = { item: protectedItem(), agent: undefined, progress: undefined, healing: healingRecord };
    const told7 = healthOf(known, one.now).map(({ code, message }) => ({ code, message }));
    expect(told7).toEqual([{ code: "StorageLied", message: expect.stringContaining(name) }]);
    expect(healthOf(known, micros(one.now + 8 * 24 * HOUR))).toEqual([]);
  });
});
