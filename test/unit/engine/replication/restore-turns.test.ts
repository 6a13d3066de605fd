import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sha256 } from "../../../../engine/core/digest.ts";
import { barrierId } from "../../../../engine/core/ids.ts";
import type { RecoveryPoint } from "../../../../engine/journal/manifest.ts";
import {
  disksRebuildName,
  journalPrefix,
  rebuildsPrefix,
  replicaRebuildName,
} from "../../../../engine/journal/names.ts";
import { dropRebuilds, readRebuild } from "../../../../engine/replication/rebuilds.ts";
import { restoreTurn } from "../../../../engine/replication/restore.ts";
import { MemoryObjectStore } from "../../../../engine/storage/memory.ts";
import type { ObjectStore } from "../../../../engine/storage/store.ts";
import { carry } from "../../../fixtures/carried.ts";
import { collect } from "../../../fixtures/collect.ts";
import { failing } from "../../../fixtures/failing.ts";
import { compactAll } from "../../../fixtures/kept.ts";
import { CountingSink } from "../../../fixtures/memory-sink.ts";
import { compactPieces } from "../../../fixtures/sliced.ts";
import { DISKS, type Story, events, tell } from "../../../fixtures/story.ts";
import { splitRounds } from "../../../fixtures/rounds.ts";

const DISKS_OF_ONE = sha256(Buffer.from("disks"));

/** Disks that are rebuilt in turns; they outlive whoever writes them. */
class Rebuilding {
  readonly sinks = DISKS.map(({ size }) => new CountingSink(size));
  readonly #story: Story;
  readonly #point: RecoveryPoint;
  readonly #objects: ObjectStore;
  bound = DISKS_OF_ONE;

  constructor(story: Story, point: RecoveryPoint, objects: ObjectStore) {
    this.#story = story;
    this.#point = point;
    this.#objects = objects;
  }

  get name(): string {
    return disksRebuildName(this.#story.machine, this.#point.id);
  }

  /** @param segments that it may take */
  turn(segments = 1, objects = this.#objects): ReturnType<typeof restoreTurn> {
    let left = segments;
    const sinkFor = async ({ index }: { readonly index: number }) => this.sinks[index];
    return restoreTurn(
      { objects, key: this.#story.key, point: this.#point, sinkFor },
      { name: this.name, bound: this.bound, enough: () => --left <= 0 },
    );
  }

  /** To the end, in turns of so many segments. @returns how many turns */
  async all(segments: () => number = () => 1): Promise<number> {
    for (let turns = 1; turns < 10_000; turns++) if ((await this.turn(segments())).complete) return turns;
    throw new Error("there is no end of turns");
  }

  /** Whether the disks are what they were at the point, and complete. */
  get right(): boolean {
    const moment = this.#story.moments.find(({ barrier }) => barrier.id === this.#point.id);
    return this.sinks.every(
      ({ content, finished }, i) => finished && content.equals(moment?.disks[i] ?? Buffer.alloc(0)),
    );
  }

  get wroteOnce(): boolean {
    return this.sinks.every(({ times }) => times.every((count) => count <= 1));
  }
}

async function rounds(count: number) {
  const story = await tell(splitRounds(count));
  const objects = new MemoryObjectStore();
  const points = await carry(story, objects, 1);
  const point = points.at(-1);
  if (!point) throw new Error("no points");
  return { story, objects, points, point, rebuilding: new Rebuilding(story, point, objects) };
}

describe("disks that are rebuilt in turns", () => {
  test("are what they are when rebuilt in one go, each byte written once, whatever leads to the point", async () => {
    const sizes = fc.infiniteStream(fc.integer({ min: 1, max: 5 }));
    const way = fc.constantFrom("segments", "layers", "sorted layers");
    await fc.assert(
      fc.asyncProperty(events, fc.infiniteStream(fc.boolean()), way, sizes, async (list, kept, how, size) => {
        const story = await tell(list);
        const objects = new MemoryObjectStore();
        const points = await carry(story, objects, 1);
        const chosen = points.filter((_, i) => i === 0 || kept.next().value);
        if (how === "layers") await compactAll(objects, story, chosen);
        if (how === "sorted layers") await compactPieces(objects, story, chosen);
        for (const point of points) {
          const rebuilding = new Rebuilding(story, point, objects);
          await rebuilding.all(() => size.next().value);
          expect(rebuilding.right).toBe(true);
          expect(rebuilding.wroteOnce).toBe(true);
        }
      }),
      { numRuns: 25 },
    );
  });

  test("go on behind a kill at any call, and are right", async () => {
    const { story, objects, point } = await rounds(3);
    let died = 0;
    for (let at = 1; ; at++)
      for (const when of ["before", "after"] as const) {
        await dropRebuilds(objects, story.machine);
        const rebuilding = new Rebuilding(story, point, objects);
        const fault = { calls: 0, at, when };
        const mortal = failing<ObjectStore>(objects, fault);
        for (let turn = 0, complete = false; !complete && turn < 1000; turn++)
          complete = await rebuilding.turn(2, mortal).then(
            (turned) => turned.complete,
            () => (died++, false),
          );
        expect(rebuilding.right).toBe(true);
        if (fault.calls >= at) continue;
        expect(died).toBeGreaterThan(20);
        return;
      }
  });

  test("say how far they are, and more each time", async () => {
    const { rebuilding } = await rounds(4);
    const said: number[] = [];
    let last: Awaited<ReturnType<typeof rebuilding.turn>> | undefined;
    while (!last?.complete) {
      last = await rebuilding.turn(2);
      expect(last.done).toBeLessThanOrEqual(last.total);
      said.push(last.done);
    }
    expect(last.done).toBe(last.total);
    expect(said).toEqual(said.toSorted((a, b) => a - b));
    expect(new Set(said).size).toBeGreaterThan(3);
  });

  test("are right when layers took the place of what is still to be read, and no byte is written twice", async () => {
    const { story, objects, points, point, rebuilding } = await rounds(6);
    for (let turn = 0; turn < 5; turn++) await rebuilding.turn(1);
    await compactAll(objects, story, points);
    for await (const { name } of objects.list(journalPrefix(story.machine, point.generation)))
      await objects.delete([name]);
    await rebuilding.all();
    expect(rebuilding.right).toBe(true);
    expect(rebuilding.wroteOnce).toBe(true);
  });

  test("are rebuilt from nothing when they are others by now, or the document cannot be believed", async () => {
    const { objects, rebuilding, story, point } = await rounds(4);
    await rebuilding.turn(6);
    const others = new Rebuilding(story, point, objects);
    others.bound = sha256(Buffer.from("others"));
    await others.all();
    expect(others.right).toBe(true);
    const again = new Rebuilding(story, point, objects);
    await again.turn(6);
    await objects.put(again.name, Buffer.from('{"format": 1}'), "any");
    const fresh = new Rebuilding(story, point, objects);
    await fresh.all();
    expect(fresh.right).toBe(true);
  });

  test("that two rebuild at once are right, and the slower is told", async () => {
    const { rebuilding } = await rounds(5);
    const slower: unknown[] = [];
    const told = (error: unknown) => {
      slower.push(error);
      return { complete: false };
    };
    for (let complete = false; !complete;) {
      const both = await Promise.all([rebuilding.turn(2).catch(told), rebuilding.turn(3).catch(told)]);
      complete = both.some((one) => one.complete);
    }
    expect(rebuilding.right).toBe(true);
    expect(slower.length).toBeGreaterThan(1);
    for (const error of slower) expect(error).toMatchObject({ code: "ObjectChanged" });
  });

  test("stay as they are once they are complete", async () => {
    const { objects, rebuilding } = await rounds(2);
    await rebuilding.all();
    const before = rebuilding.sinks.map(({ times }) => [...times]);
    expect(await rebuilding.turn()).toMatchObject({ complete: true });
    expect(rebuilding.sinks.map(({ times }) => [...times])).toEqual(before);
    expect(await readRebuild(objects, rebuilding.name)).toMatchObject({ complete: true });
    expect((await collect(objects.list("machines/"))).map(({ name }) => name)).toContain(rebuilding.name);
  });

  test("leave nothing behind a failover, and are not forgotten where a test or the replica goes on with them", async () => {
    const { story, objects, point, rebuilding } = await rounds(3);
    const { machine } = story;
    await rebuilding.turn(2);
    const kept = (await objects.get(rebuilding.name))?.body ?? Buffer.alloc(0);
    const other = "00000000-0000-4000-8000-0000000000bb";
    const others = [disksRebuildName(machine, point.id, "test"), replicaRebuildName(machine)];
    for (const name of [...others, disksRebuildName(machine, barrierId(other))])
      await objects.put(name, kept, "absent");
    await dropRebuilds(objects, machine);
    await dropRebuilds(objects, machine);
    const left = (await collect(objects.list(rebuildsPrefix(machine)))).map(({ name }) => name);
    expect(left.toSorted()).toEqual(others.toSorted());
  });

  test("are not finished over a chain that is broken where a turn ended", async () => {
    const { story, objects, point, rebuilding } = await rounds(3);
    const other = await tell(splitRounds(4).slice(splitRounds(1).length), { key: story.key });
    await rebuilding.turn(4);
    const names = (await collect(objects.list(journalPrefix(story.machine, point.generation)))).map(
      ({ name }) => name,
    );
    const foreign = new MemoryObjectStore();
    await carry(other, foreign, 1);
    for (const name of names.slice(0, -4)) {
      const object = await foreign.get(name);
      if (object) await objects.put(name, object.body, "any");
    }
    await expect(rebuilding.all(() => 2)).rejects.toMatchObject({ code: "ChainBroken" });
    expect(rebuilding.sinks.some(({ finished }) => finished)).toBe(false);
  });
});
