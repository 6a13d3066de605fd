import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RecoveryPoint } from "../../../../engine/journal/manifest.ts";
import { NO_POINT } from "../../../../engine/journal/layer-header.ts";
import { layerPartName, parseSegmentName, worksPrefix } from "../../../../engine/journal/names.ts";
import { listLayers } from "../../../../engine/replication/layers.ts";
import { MemoryObjectStore } from "../../../../engine/storage/memory.ts";
import { bytes } from "../../../../engine/core/units.ts";
import { machineId } from "../../../../engine/core/ids.ts";
import { listWorks } from "../../../../engine/replication/works.ts";
import type { ObjectStore } from "../../../../engine/storage/store.ts";
import { delayed, failing } from "../../../fixtures/failing.ts";
import { altered, wrongWrite } from "../../../fixtures/verified.ts";
import { carry } from "../../../fixtures/carried.ts";
import { collect } from "../../../fixtures/collect.ts";
import { brokenOf, compactAll } from "../../../fixtures/kept.ts";
import { TINY, compactPieces, onePiece } from "../../../fixtures/sliced.ts";
import { dropSegments, rounds } from "../../../fixtures/rounds.ts";
import { type Story, events, tell } from "../../../fixtures/story.ts";

const namesOf = async (objects: MemoryObjectStore, prefix: string) =>
  (await collect(objects.list(prefix))).map(({ name }) => name);

describe("a layer built in pieces", () => {
  test("is what it is when built in one go, whatever was written and whichever points are kept", async () => {
    await fc.assert(
      fc.asyncProperty(events, fc.infiniteStream(fc.boolean()), fc.boolean(), async (list, chosen, mixed) => {
        const story = await tell(list);
        const objects = new MemoryObjectStore();
        const points = await carry(story, objects, 1);
        const kept = points.filter((_, i) => i === points.length - 1 || chosen.next().value);
        if (mixed) await compactAll(objects, story, points);
        await compactPieces(objects, story, kept);
        expect(await brokenOf(objects, story, points)).toEqual([]);
        const [oldest] = kept;
        if (oldest) await dropSegments(objects, story, oldest);
        expect(await brokenOf(objects, story, kept)).toEqual([]);
        expect(await namesOf(objects, worksPrefix(story.machine))).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });

  test("says the same of itself", async () => {
    const story = await rounds(6);
    const [whole, sliced] = [new MemoryObjectStore(), new MemoryObjectStore()];
    const points = await carry(story, whole, 1);
    await carry(story, sliced, 1);
    await compactAll(whole, story, points);
    await compactPieces(sliced, story, points);
    const said = async (objects: MemoryObjectStore) =>
      (await listLayers(objects, story.machine, story.start.generation)).map(
        ({ begin, end, tail, earliest, latest }) => ({ begin, end, tail, earliest, latest }),
      );
    expect(await said(sliced)).toEqual(await said(whole));
  });

  test("is not made where its blocks are not what the source had", async () => {
    const right = await rounds(3);
    const story = await altered(right, wrongWrite(0));
    const objects = new MemoryObjectStore();
    const points = await carry(story, objects, 1);
    await expect(compactPieces(objects, story, points)).rejects.toMatchObject({ code: "PointBad" });
    expect(await listLayers(objects, story.machine, story.start.generation)).toEqual([]);
  });

  test("takes in what was built so before without sorting it again", async () => {
    const story = await rounds(6);
    const objects = new MemoryObjectStore();
    const [, first, , , , last] = await carry(story, objects, 1);
    if (!first || !last) throw new Error("too few points");
    await compactPieces(objects, story, [first], { limits: { ...TINY, layerPart: bytes(3000) } });
    const base = { begin: undefined, end: last, alone: true };
    const [old] = await listLayers(objects, story.machine, first.generation);
    const got: string[] = [];
    const get = objects.get.bind(objects);
    objects.get = (name) => {
      got.push(name);
      return get(name);
    };
    const made = await onePiece(objects, story, base, { pieces: 1000 });
    expect(made).toMatchObject({ layer: { format: 2, begin: { id: NO_POINT }, end: { id: last.id } } });
    if (!old) throw new Error("no layer");
    const parts = old.parts.flatMap(({ marks }, n) => (marks ? [] : [layerPartName(old, n)]));
    expect(parts.length).toBeGreaterThan(1);
    // A round of merging runs comes before, and each of its pieces looks where it begins.
    for (const part of parts) expect(got.filter((name) => name === part)).toHaveLength(1);
    expect(await brokenOf(objects, story, [first, last])).toEqual([]);
  });
});

/** From which barrier to which, in any order. */
async function layersOf(
  objects: MemoryObjectStore,
  { machine }: Story,
  [first]: readonly RecoveryPoint[],
): Promise<string[]> {
  if (!first) throw new Error("no point");
  const layers = await listLayers(objects, machine, first.generation);
  return layers.map(({ begin, end }) => `${begin.id} ${end.id}`).toSorted();
}

describe("who builds in pieces", { timeout: 120_000 }, () => {
  test("may die at any storage call, and whoever comes next reads nothing again that was done", async () => {
    const story = await rounds(3);
    const unhurt = new MemoryObjectStore();
    const all = await carry(story, unhurt, 1);
    await compactPieces(unhurt, story, all, { pieces: 3 });
    expect(await namesOf(unhurt, worksPrefix(story.machine))).toEqual([]);
    const whole = await layersOf(unhurt, story, all);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 400 }),
        fc.constantFrom("before" as const, "after" as const),
        async (at, when) => {
          const objects = new MemoryObjectStore();
          const points = await carry(story, objects, 1);
          const fault = { calls: 0, at, when };
          await compactPieces(failing(objects, fault), story, points, { pieces: 3 }).catch(() => undefined);
          await compactPieces(readingOn(objects), story, points, { pieces: 3 });
          expect(await brokenOf(objects, story, points)).toEqual([]);
          expect(await layersOf(objects, story, points)).toEqual(whole);
          // Who dies between the layer's document and the end of its work leaves the work to the sweep.
          const left = await namesOf(objects, worksPrefix(story.machine));
          expect(left.length === 0 || fault.calls >= at).toBe(true);
        },
      ),
      { numRuns: 12, examples: [[167, "before"]] },
    );
  });

  test("gets in no other one's way", async () => {
    const story = await rounds(3);
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.nat(3)), async (dice) => {
        const objects = new MemoryObjectStore();
        const points = await carry(story, objects, 1);
        const slow = delayed(objects, dice);
        await Promise.all([
          compactPieces(slow, story, points, { pieces: 2 }),
          compactPieces(slow, story, points, { pieces: 3 }),
        ]);
        expect(await brokenOf(objects, story, points)).toEqual([]);
      }),
      { numRuns: 4 },
    );
  });
});

/** The store, which gives no segment or part of a run that lies behind where the work has come to. */
function readingOn(objects: MemoryObjectStore): ObjectStore {
  return new Proxy(objects, {
    get(target, property) {
      const method: unknown = Reflect.get(target, property);
      if (property !== "get") return typeof method === "function" ? method.bind(target) : method;
      return async (name: string) => {
        for (const work of await listWorks(target, machineId(name.split("/")[1] ?? ""))) {
          const [item] = work.legs[0]?.rest ?? [];
          const place = parseSegmentName(name);
          // A generation's first segment is looked at to know where it begins.
          if (place && place.ordinal > 0 && item?.kind === "segments")
            expect(place.ordinal).toBeLessThan(item.to.next);
          const part = /(\d{6})-(writes|marks)-(\d{6})\.lay$/.exec(name);
          const { merge, sorted } = work;
          const nth = sorted.findIndex((one) => one.kind === "run" && one.run === Number(part?.[1]));
          const at = merge?.sources[nth - merge.first];
          if (part && at && name.includes(work.build))
            expect(Number(part[3])).toBeGreaterThanOrEqual(part[2] === "writes" ? at.writes : at.marks);
        }
        return target.get(name);
      };
    },
  });
}
