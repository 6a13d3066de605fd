import { describe, expect, test } from "vitest";
import { type Ordinal, bytes, micros, millis, ordinal } from "../../../../engine/core/units.ts";
import type { RecoveryPoint } from "../../../../engine/journal/manifest.ts";
import {
  doomName,
  doomTwinName,
  journalPrefix,
  layerName,
  layerPartName,
  layersPrefix,
} from "../../../../engine/journal/names.ts";
import { compact } from "../../../../engine/replication/compact.ts";
import { listLayers } from "../../../../engine/replication/layers.ts";
import { sourcesOf } from "../../../../engine/replication/sources.ts";
import { standingLayers } from "../../../../engine/replication/standing.ts";
import { type SweepRequest, sweep } from "../../../../engine/replication/sweep.ts";
import { MemoryObjectStore } from "../../../../engine/storage/memory.ts";
import type { ObjectStore } from "../../../../engine/storage/store.ts";
import { carry } from "../../../fixtures/carried.ts";
import { collect } from "../../../fixtures/collect.ts";
import { failing, interrupted } from "../../../fixtures/failing.ts";
import { brokenOf, compactAll } from "../../../fixtures/kept.ts";
import { type Event, type Story, tell } from "../../../fixtures/story.ts";

const HOUR = 3_600_000_000;
const BEGIN = 1_800_000_000_000_000;
const FAR: Ordinal = ordinal(999_999);

const round = (n: number): Event[] => [
  { kind: "write", disk: 0, sector: n, sectors: 4, fill: 5 },
  { kind: "barrier" },
  { kind: "seal" },
  { kind: "write", disk: 1, sector: n, sectors: 2, fill: 5 },
  { kind: "seal" },
  { kind: "prove" },
  { kind: "seal" },
];

interface Scene {
  readonly story: Story;
  readonly objects: MemoryObjectStore;
  readonly points: readonly RecoveryPoint[];
  /** A point to which there is no layer. */
  readonly other?: RecoveryPoint | undefined;
}

/** Fourteen points; most are layered, then only some are kept and layered anew. */
const story = tell(Array.from({ length: 14 }, (_, n) => round(n)).flat());
async function scene(): Promise<Scene> {
  const told = await story;
  const objects = new MemoryObjectStore();
  const all = await carry(told, objects, 1);
  let begin: RecoveryPoint | undefined;
  for (const end of all.slice(0, 9)) {
    await compact({
      objects,
      key: told.key,
      begin: begin?.id,
      end,
      clock: () => micros(BEGIN),
      partBytes: bytes(4000),
    });
    begin = end;
  }
  const points = [all[7], all[9], all[11], all[13]].filter((point) => point !== undefined);
  await compactAll(objects, told, points, BEGIN);
  return { story: told, objects, points, other: all[12] };
}

const request = ({ story: told, points }: Scene, objects: ObjectStore, hours: number): SweepRequest => ({
  objects,
  machine: told.machine,
  generation: told.start.generation,
  kept: points,
  keepFrom: FAR,
  delay: millis(24 * 3_600_000),
  clock: () => micros(BEGIN + hours * HOUR),
});
const fail = (): never => {
  throw new Error("no such thing");
};
const namesOf = async (objects: ObjectStore, prefix = "") =>
  (await collect(objects.list(prefix))).map(({ name }) => name);
const brokenPoints = ({ objects, story: told, points }: Scene) => brokenOf(objects, told, points);

describe("a sweep", () => {
  test("deletes what no kept point needs, a day after it was given up", async () => {
    const all = await scene();
    const before = await namesOf(all.objects);
    expect((await sweep(request(all, all.objects, 13))).deleted).toEqual([]);
    expect((await sweep(request(all, all.objects, 36))).deleted).toEqual([]);
    const { deleted } = await sweep(request(all, all.objects, 37));
    expect(deleted.length).toBeGreaterThan(8);
    const left = await namesOf(all.objects);
    expect(before.filter((name) => !left.includes(name)).toSorted()).toEqual([...deleted].toSorted());
    expect(left.some((name) => name.endsWith("/000000000000.seg"))).toBe(false);
    expect(await brokenPoints(all)).toEqual([]);
  });

  test("leaves no segments but the last few, when layers lead to every kept point", async () => {
    const all = await scene();
    for (const hours of [13, 37]) await sweep(request(all, all.objects, hours));
    const { layers } = await sourcesOf(all.objects, all.points.at(-1) ?? fail());
    const tail = layers.at(-1)?.tail.next ?? 0;
    const prefix = journalPrefix(all.story.machine, all.story.start.generation);
    const left = (await namesOf(all.objects, prefix)).map((name) => Number(name.slice(-16, -4)));
    expect(left[0]).toBe(tail);
    expect(await brokenPoints(all)).toEqual([]);
  });

  test("empties a generation that is over once no point of it is kept, and then its own list", async () => {
    const all = await scene();
    const over = { ...request(all, all.objects, 13), kept: [], ended: true, keepFrom: undefined };
    expect((await sweep(over)).deleted).toEqual([]);
    expect(await brokenPoints(all)).toEqual([]);
    const { machine, start } = all.story;
    expect((await sweep({ ...over, clock: () => micros(BEGIN + 37 * HOUR) })).deleted).not.toEqual([]);
    expect(await namesOf(all.objects, journalPrefix(machine, start.generation))).toEqual([]);
    for (let run = 0; run < 2; run++)
      expect(await sweep(over)).toEqual({ deleted: [], empty: true, healed: [] });
    expect(await namesOf(all.objects, layersPrefix(machine, start.generation))).toEqual([]);
  });

  test("leaves a generation that is over nothing but layers", async () => {
    const all = await scene();
    for (const hours of [13, 37])
      await sweep({ ...request(all, all.objects, hours), ended: true, keepFrom: undefined });
    expect(await namesOf(all.objects, journalPrefix(all.story.machine, all.story.start.generation))).toEqual(
      [],
    );
    expect(await brokenPoints(all)).toEqual([]);
  });

  test("what is given up is read by nobody any more", async () => {
    const all = await scene();
    await sweep(request(all, all.objects, 13));
    const { machine, start } = all.story;
    const listed = await listLayers(all.objects, machine, start.generation);
    const standing = await standingLayers(all.objects, machine, start.generation);
    expect(standing.length).toBeLessThan(listed.length);
    for (const layer of listed.filter((each) => !standing.some(({ build }) => build === each.build)))
      await all.objects.delete([layerPartName(layer, 0)]);
    expect(await brokenPoints(all)).toEqual([]);
  });

  test("who found a point before it was dropped has the whole delay to read it", async () => {
    const all = await scene();
    const [dropped] = all.points;
    const kept = all.points.slice(1);
    for (const hours of [13, 37]) await sweep(request(all, all.objects, hours));
    await compactAll(all.objects, all.story, kept, BEGIN + 37 * HOUR);
    const prefix = layersPrefix(all.story.machine, all.story.start.generation);
    const given = all.objects.list.bind(all.objects);
    let sweeps = 0;
    all.objects.list = async function* (asked: string) {
      yield* given(asked);
      if (asked === prefix && sweeps++ === 0) await sweep({ ...request(all, all.objects, 50), kept });
    };
    for (const _ of ["while its layers are listed", "before"])
      expect(await brokenOf(all.objects, all.story, dropped ? [dropped] : [])).toEqual([]);
    expect((await sweep({ ...request(all, all.objects, 73), kept })).deleted).toEqual([]);
    expect((await sweep({ ...request(all, all.objects, 74), kept })).deleted).not.toEqual([]);
    expect(await brokenOf(all.objects, all.story, kept)).toEqual([]);
  });

  test("run again finds nothing more, and points that come later are whole too", async () => {
    const all = await scene();
    for (const hours of [13, 37]) await sweep(request(all, all.objects, hours));
    expect((await sweep(request(all, all.objects, 61))).deleted).toEqual([]);
    await compactAll(all.objects, all.story, all.points.slice(1), BEGIN + 61 * HOUR);
    for (const hours of [80, 105, 130])
      await sweep({ ...request(all, all.objects, hours), kept: all.points.slice(1) });
    expect(await brokenOf(all.objects, all.story, all.points.slice(1))).toEqual([]);
  });

  test("gives up nothing without a kept point, and no segment that someone is at", async () => {
    const all = await scene();
    for (const hours of [13, 37]) await sweep({ ...request(all, all.objects, hours), kept: [] });
    const prefix = journalPrefix(all.story.machine, all.story.start.generation);
    expect(await namesOf(all.objects, prefix)).toHaveLength(all.story.segments.length);
    for (const hours of [38, 63]) await sweep({ ...request(all, all.objects, hours), keepFrom: ordinal(3) });
    expect((await namesOf(all.objects, prefix))[0]).toContain("/000000000003.seg");
    expect(await brokenPoints(all)).toEqual([]);
  });

  test("leaves segments alone while a kept point has no layer", async () => {
    const told = await story;
    const objects = new MemoryObjectStore();
    const points = await carry(told, objects, 1);
    const all = { story: told, objects, points };
    const [, , third] = points;
    if (third) await compact({ objects, key: told.key, end: third, clock: () => micros(BEGIN) });
    for (const hours of [13, 37, 61]) expect((await sweep(request(all, objects, hours))).deleted).toEqual([]);
    expect(await brokenPoints(all)).toEqual([]);
  });

  test("takes away the parts of a dead run, but not of one that may still be at work", async () => {
    const all = await scene();
    const { objects, story: told, other: end } = all;
    if (!end) throw new Error("no point");
    const before = (await namesOf(objects)).length;
    for (let at = 1; (await namesOf(objects)).length < before + 2; at++) {
      const dying = failing(objects, { calls: 0, at, when: "after" });
      const clock = () => micros(BEGIN + 13 * HOUR);
      await compact({ objects: dying, key: told.key, end, clock, partBytes: bytes(512) }).catch(
        () => undefined,
      );
      expect(at).toBeLessThan(100);
    }
    const layers = layersPrefix(told.machine, told.start.generation);
    const parts = (await namesOf(objects, layers)).length;
    await sweep({ ...request(all, objects, 30), kept: [] });
    expect(await namesOf(objects, layers)).toHaveLength(parts);
    const { deleted } = await sweep({ ...request(all, objects, 38), kept: [] });
    expect(deleted.length).toBeGreaterThan(0);
    expect(deleted.every((name) => name.endsWith(".lay"))).toBe(true);
    expect(await brokenPoints(all)).toEqual([]);
  });

  test.each(["before", "after"] as const)("may die at any storage call, %s it took effect", async (when) => {
    const given = await scene();
    await sweep(request(given, given.objects, 13));
    const names = await namesOf(given.objects);
    for (let at = 1; ; at++) {
      const objects = new MemoryObjectStore();
      for (const name of names)
        await objects.put(name, (await given.objects.get(name))?.body ?? Buffer.alloc(0), "absent");
      const all = { ...given, objects };
      const fault = { calls: 0, at, when };
      await sweep(request(all, failing(objects, fault), 37)).catch(() => undefined);
      const [first] = all.points;
      expect(await brokenOf(objects, all.story, first ? [first] : [])).toEqual([]);
      await sweep(request(all, objects, 37));
      expect(await brokenPoints(all)).toEqual([]);
      if (fault.calls < at) break;
      expect(at).toBeLessThan(200);
    }
  });

  test("decides again when another one was faster", async () => {
    const all = await scene();
    const other = () => sweep({ ...request(all, all.objects, 13), kept: all.points.slice(2) });
    const slow = interrupted(
      all.objects,
      (method, [name]) => method === "put" && `${name}`.endsWith("doom.json"),
      other,
    );
    await sweep({ ...request(all, slow, 13), kept: all.points.slice(2) });
    await sweep({ ...request(all, all.objects, 37), kept: all.points.slice(2) });
    expect(await brokenOf(all.objects, all.story, all.points.slice(2))).toEqual([]);
  });

  test("mends a copy of its list, and goes on as if nothing had happened", async () => {
    const all = await scene();
    await sweep(request(all, all.objects, 13));
    const { machine, start } = all.story;
    const twin = doomTwinName(machine, start.generation);
    await all.objects.put(twin, Buffer.from("rot"), "any");
    const { deleted, healed } = await sweep(request(all, all.objects, 37));
    expect(healed).toEqual([twin]);
    expect(deleted).not.toEqual([]);
    expect((await sweep(request(all, all.objects, 38))).healed).toEqual([]);
    expect(await brokenPoints(all)).toEqual([]);
  });

  test("whose list is lost gives nothing up before everybody who had read it is done", async () => {
    const all = await scene();
    await sweep(request(all, all.objects, 13));
    const { machine, start } = all.story;
    const names = [doomName(machine, start.generation), doomTwinName(machine, start.generation)];
    for (const name of names) await all.objects.put(name, Buffer.from("rot"), "any");
    expect((await sweep(request(all, all.objects, 37))).healed).toEqual(names);
    const listed = await listLayers(all.objects, machine, start.generation);
    for (const hours of [37, 60, 61]) {
      expect((await sweep(request(all, all.objects, hours))).deleted).toEqual([]);
      expect(await standingLayers(all.objects, machine, start.generation)).toEqual(listed);
    }
    await sweep(request(all, all.objects, 62));
    expect((await sweep(request(all, all.objects, 87))).deleted).not.toEqual([]);
    expect(await brokenPoints(all)).toEqual([]);
  });

  test("gives up a layer whose document rots, and deletes the document as late as any other", async () => {
    const all = await scene();
    const { machine, start } = all.story;
    const [layer] = await listLayers(all.objects, machine, start.generation);
    if (!layer) throw new Error("no layer");
    await all.objects.put(layerName(layer), Buffer.from("rot"), "any");
    expect(await brokenPoints(all)).toEqual([]);
    expect((await sweep(request(all, all.objects, 13))).deleted).toEqual([]);
    expect((await sweep(request(all, all.objects, 37))).deleted).toContain(layerName(layer));
  });

  test("that wakes up late deletes nothing that another one counts on", async () => {
    const all = await scene();
    await sweep(request(all, all.objects, 13));
    let between = 0;
    const others = async () => {
      between++;
      await sweep(request(all, all.objects, 37));
      await compactAll(all.objects, all.story, all.points, BEGIN + 40 * HOUR);
      for (const hours of [60, 90, 120]) await sweep(request(all, all.objects, hours));
    };
    await sweep(
      request(
        all,
        interrupted(all.objects, (method) => method === "delete", others),
        37,
      ),
    );
    expect(between).toBe(1);
    expect(await brokenPoints(all)).toEqual([]);
  });
});
