import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { LeewardError } from "../../../../engine/core/errors.ts";
import { bytes, generation, ordinal, sequence } from "../../../../engine/core/units.ts";
import { newDataKey } from "../../../../engine/journal/key.ts";
import type { RecoveryPoint } from "../../../../engine/journal/manifest.ts";
import { segmentName } from "../../../../engine/journal/names.ts";
import { startOf } from "../../../../engine/journal/position.ts";
import { journalStart, readBackward, readForward } from "../../../../engine/replication/journal-reader.ts";
import { restorePoint } from "../../../../engine/replication/restore.ts";
import { blockDigestsAt } from "../../../../engine/replication/verify.ts";
import { MemoryObjectStore } from "../../../../engine/storage/memory.ts";
import { carry } from "../../../fixtures/carried.ts";
import { MemorySink } from "../../../fixtures/memory-sink.ts";
import { DISKS, type Event, type Story, events, tell } from "../../../fixtures/story.ts";

const EVENTS: Event[] = Array.from({ length: 10 }, (_, i): Event[] => [
  { kind: "write", disk: i % 2, sector: i * 2, sectors: 8, fill: i + 1 },
  { kind: "barrier" },
  { kind: "prove" },
  { kind: "seal" },
]).flat();

let story: Story;
let objects: MemoryObjectStore;
let points: RecoveryPoint[];
const nameOf = (n: number) => segmentName(story.machine, generation(1), ordinal(n));

beforeEach(async () => {
  story = await tell(EVENTS, { from: sequence(500) });
  objects = new MemoryObjectStore();
  points = await carry(story, objects, 1);
});

function last(): RecoveryPoint {
  const found = points.at(-1);
  if (!found) throw new RangeError("no point");
  return found;
}

const range = (from = story.start, to = last().position) => ({ objects, machine: story.machine, from, to });

async function forward(s = range()): Promise<number[]> {
  const found: number[] = [];
  for await (const { segment } of readForward(s)) found.push(segment.header.ordinal);
  return found;
}

async function backward(s = range()): Promise<number[]> {
  const found: number[] = [];
  for await (const { header } of readBackward(s)) found.push(header.ordinal);
  return found;
}

describe("reading the journal", () => {
  test("gives any part of it in both directions, however it is packed", async () => {
    const pick = fc.tuple(fc.integer({ min: 1, max: 6_000 }), fc.nat(9), fc.nat(9));
    await fc.assert(
      fc.asyncProperty(pick, async ([objectBytes, a, b]) => {
        objects = new MemoryObjectStore();
        points = await carry(story, objects, objectBytes);
        const positions = [story.start, ...points.map(({ position }) => position)];
        const [from, to] = [positions[Math.min(a, b)], positions[Math.max(a, b)]];
        const expected = Array.from({ length: Math.abs(a - b) }, (_, i) => Math.min(a, b) + i);
        expect(await forward(range(from, to))).toEqual(expected);
        expect(await backward(range(from, to))).toEqual(expected.toReversed());
      }),
      { numRuns: 50 },
    );
  });

  test("finds a segment in a longer pack that a shorter one hides", async () => {
    const join = (from: number, to: number) =>
      Buffer.concat(story.segments.slice(from, to).map(({ bytes: body }) => body));
    objects = new MemoryObjectStore();
    await objects.put(nameOf(0), join(0, 8), "absent");
    await objects.put(nameOf(3), join(3, 5), "absent");
    await objects.put(nameOf(8), join(8, 10), "absent");
    const all = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    expect(await forward()).toEqual(all);
    expect(await backward()).toEqual(all.toReversed());
    const [, , , , , fifth] = points;
    expect(await forward(range(fifth?.position))).toEqual([6, 7, 8, 9]);
    expect(await backward(range(fifth?.position))).toEqual([9, 8, 7, 6]);
  });

  test.each([0, 4, 9])("names segment %i when it is gone", async (n) => {
    await objects.delete([nameOf(n)]);
    for (const read of [forward(), backward()]) {
      await expect(read).rejects.toMatchObject({ code: "SegmentMissing" });
      await expect(read).rejects.toThrow(nameOf(n));
    }
  });

  test("names the object that is damaged", async () => {
    const body = Buffer.from(story.segments[6]?.bytes ?? []);
    await objects.put(nameOf(6), body.fill(1, 250, 252), "any");
    for (const read of [forward(), backward()]) {
      await expect(read).rejects.toMatchObject({ code: "SegmentDamaged" });
      await expect(read).rejects.toThrow(nameOf(6));
    }
  });

  test("tells a segment of another history by the chain, in the middle and at both ends", async () => {
    for (const n of [0, 5, 9]) {
      const other = await tell(EVENTS, { from: sequence(500), key: story.key });
      const [mine, theirs] = [story.segments[n], other.segments[n]];
      expect(theirs?.digest).not.toBe(mine?.digest);
      await objects.put(nameOf(n), theirs?.bytes ?? Buffer.alloc(0), "any");
      await expect(forward()).rejects.toMatchObject({ code: "ChainBroken" });
      await expect(backward()).rejects.toMatchObject({ code: "ChainBroken" });
      await objects.put(nameOf(n), mine?.bytes ?? Buffer.alloc(0), "any");
    }
  });

  test("refuses a range over two generations, and one that runs backward", async () => {
    await expect(forward(range(startOf(generation(2), sequence(0))))).rejects.toThrow(RangeError);
    await expect(backward(range(last().position, story.start))).rejects.toThrow(RangeError);
  });

  test("knows where the journal begins", async () => {
    expect(await journalStart(objects, story.machine, generation(1))).toEqual(story.start);
    await expect(journalStart(objects, story.machine, generation(2))).rejects.toMatchObject({
      code: "SegmentMissing",
    });
  });
});

describe("a journal that was tampered with", () => {
  const restore = async (key = story.key, point = last()) => {
    const sinks = DISKS.map(({ size }) => new MemorySink(size));
    await restorePoint({ objects, key, point, sinkFor: async ({ index }) => sinks[index] }).finally(() =>
      expect(sinks.every(({ closed }) => closed)).toBe(true),
    );
    return sinks;
  };

  test("never restores to anything but the truth: any byte, any object", async () => {
    await fc.assert(
      fc.asyncProperty(
        events,
        fc.integer({ min: 1, max: 4_000 }),
        fc.nat(),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (list, objectBytes, which, where, flip) => {
          story = await tell(list);
          objects = new MemoryObjectStore();
          points = await carry(story, objects, objectBytes);
          const names: string[] = [];
          for await (const { name } of objects.list("")) if (name.endsWith(".seg")) names.push(name);
          const name = names[which % names.length] ?? "";
          const body = (await objects.get(name))?.body ?? Buffer.alloc(1);
          const at = where % body.length;
          body[at] = (body[at] ?? 0) ^ flip;
          await objects.put(name, body, "any");
          const outcome = await restore().catch((error: unknown) => error);
          const truth = story.moments.at(-1)?.disks ?? [];
          const right = Array.isArray(outcome) && outcome.every((sink, i) => truth[i]?.equals(sink.content));
          // A byte behind the point does no harm; every other one is found.
          expect(right || outcome instanceof LeewardError).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
  });

  test("is not opened with another key", async () => {
    await expect(restore(newDataKey())).rejects.toMatchObject({ code: "KeyWrong" });
  });

  test("finishes no disk before the oldest segment was checked", async () => {
    await objects.delete([nameOf(0)]);
    const sinks = DISKS.map(({ size }) => new MemorySink(size));
    const restored = restorePoint({
      objects,
      key: story.key,
      point: last(),
      sinkFor: async ({ index }) => sinks[index],
    });
    await expect(restored).rejects.toMatchObject({ code: "SegmentMissing" });
    expect(sinks.map(({ finished, closed }) => [finished, closed])).toEqual([
      [false, true],
      [false, true],
    ]);
  });

  test("stops when it is told to", async () => {
    const point = last();
    const stop = new AbortController();
    const restored = restorePoint({
      objects,
      key: story.key,
      point,
      signal: stop.signal,
      sinkFor: async ({ size }) => {
        stop.abort(new Error("enough"));
        return new MemorySink(size);
      },
    });
    await expect(restored).rejects.toThrow("enough");
  });

  test("gives no digests for a manifest that lies about a root", async () => {
    const [first] = points;
    const point = { ...last(), disks: first?.disks ?? [] };
    await expect(blockDigestsAt({ objects, key: story.key, point })).rejects.toMatchObject({
      code: "ManifestDamaged",
    });
  });

  test("holds no write outside a disk of the point", async () => {
    const point = { ...last(), disks: last().disks.map((disk) => ({ ...disk, size: bytes(1024) })) };
    await expect(restore(story.key, point)).rejects.toMatchObject({ code: "SegmentDamaged" });
  });
});
