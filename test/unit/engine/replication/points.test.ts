import { beforeEach, describe, expect, test } from "vitest";
import { NO_DIGEST } from "../../../../engine/core/digest.ts";
import { barrierId } from "../../../../engine/core/ids.ts";
import { MIB, bytes, generation, ordinal, sequence } from "../../../../engine/core/units.ts";
import { newDataKey } from "../../../../engine/journal/key.ts";
import { pointName } from "../../../../engine/journal/names.ts";
import type { MarkedSegment } from "../../../../engine/journal/marked-segment.ts";
import type { JournalPosition } from "../../../../engine/journal/position.ts";
import {
  type CutRequest,
  cut,
  listPoints,
  newestPoint,
  readPoint,
} from "../../../../engine/replication/points.ts";
import { ship } from "../../../../engine/replication/ship.ts";
import { type RecoveryPoint, encodeManifest } from "../../../../engine/journal/manifest.ts";
import { readForward } from "../../../../engine/replication/journal-reader.ts";
import { MemoryObjectStore } from "../../../../engine/storage/memory.ts";
import { failing } from "../../../fixtures/failing.ts";
import { DISKS, type Event, type Story, cacheSegments, lossesAt, tell } from "../../../fixtures/story.ts";

/** A barrier in segment 1, its proof only in segment 3. */
const EVENTS: Event[] = [
  { kind: "write", disk: 0, sector: 0, sectors: 1, fill: 1 },
  { kind: "seal" },
  { kind: "barrier" },
  { kind: "write", disk: 1, sector: 0, sectors: 1, fill: 2 },
  { kind: "seal" },
  { kind: "write", disk: 0, sector: 5, sectors: 1, fill: 3 },
  { kind: "seal" },
  { kind: "prove" },
  { kind: "seal" },
];

let story: Story;
let target: MemoryObjectStore;
/** The position before each segment, and the last. */
let at: JournalPosition[];

beforeEach(async () => {
  story = await tell(EVENTS);
  target = new MemoryObjectStore();
  await cacheSegments(target, story.segments);
  at = await positions(story);
});

async function positions({ segments, machine, start }: Story): Promise<JournalPosition[]> {
  const found = [start];
  const last = segments.at(-1);
  const to = { ...start, next: ordinal(segments.length), chain: last?.digest ?? start.chain };
  const range = { objects: target, machine, from: start, to };
  for await (const { after } of readForward(range)) found.push(after);
  return found;
}

function window(from: number, to: number, more: Partial<CutRequest> = {}): CutRequest {
  const { machine, key, segments } = story;
  const marked = segments.slice(from, to).flatMap(({ header }, i): MarkedSegment[] => {
    const { ordinal: first, barriers, proofs } = header;
    const position = at[from + i + 1];
    return position && (barriers || proofs) ? [{ first, position, barriers, proofs }] : [];
  });
  return { target, key, machine, disks: DISKS, marked, pending: [], lossesAt, ...more };
}

/** All segments in one object, as `ship` packs them. */
async function carryCounting(): Promise<[readonly RecoveryPoint[], number]> {
  const { machine, key, start } = story;
  const cache = new MemoryObjectStore();
  await cacheSegments(cache, story.segments);
  const limits = { objectBytes: bytes(MIB), maxBytes: bytes(MIB), parallel: 2 };
  const { marked, objects } = await ship({ cache, target, machine, from: start, limits });
  expect(objects).toBe(1);
  const fault = { calls: 0, at: -1, when: "before" } as const;
  const counted = failing(target, fault);
  const { points } = await cut({
    target: counted,
    key,
    machine,
    disks: DISKS,
    marked,
    pending: [],
    lossesAt,
  });
  return [points, fault.calls];
}

const BARRIER = barrierId("00001000-0000-4000-8000-000000001000");

describe("cut", () => {
  test("makes a point of a barrier whose proof came in a later window", async () => {
    const first = await cut(window(0, 2));
    expect(first).toMatchObject({ points: [], pending: [{ id: BARRIER, sequence: 1 }] });
    const second = await cut(window(2, 4, { pending: first.pending }));
    expect(second.pending).toEqual([]);
    expect(second.points).toMatchObject([{ id: BARRIER, sequence: 1, position: at[4], losses: lossesAt() }]);
    // What was written behind the barrier is no part of the point.
    expect(second.points[0]).toMatchObject({ bytes: 512, position: { bytes: 3 * 512 } });
    expect(second.points[0]?.time).toBe(story.moments[0]?.barrier.time);
  });

  test("finds the barrier again when what was pending is lost", async () => {
    expect((await cut(window(3, 4))).points).toMatchObject([{ id: BARRIER, sequence: 1 }]);
  });

  test("gives the same point when it runs again, with the losses of the first time", async () => {
    const [point] = (await cut(window(0, 4))).points;
    const later = { seconds: 99, bytes: bytes(1), writes: 9 };
    const again = await cut(window(0, 4, { lossesAt: () => ({ vm: later, region: later }) }));
    expect(again.points).toEqual([point]);
  });

  test("may die before and after any storage call", async () => {
    let deaths = 0;
    for (const when of ["before", "after"] as const)
      for (let n = 1; ; n++) {
        target = new MemoryObjectStore();
        await cacheSegments(target, story.segments);
        const fault = { calls: 0, at: n, when };
        await cut(window(0, 4, { target: failing(target, fault) })).catch(() => undefined);
        if (fault.calls < n) break;
        deaths++;
        const { points } = await cut(window(0, 4));
        expect(points).toHaveLength(1);
        expect(await listPoints(target, story.machine)).toHaveLength(1);
      }
    expect(deaths).toBe(2 * 3);
  });

  test("costs two reads and one write, whatever the disks and whatever was written in between", async () => {
    for (const writes of [0, 1, 7, 60]) {
      const between = Array.from({ length: writes }, (_, i): Event[] => [
        { kind: "write", disk: i % 2, sector: i, sectors: 1 + i, fill: 1 },
        { kind: "seal" },
      ]).flat();
      story = await tell([
        { kind: "barrier" },
        { kind: "seal" },
        ...between,
        { kind: "prove" },
        { kind: "seal" },
      ]);
      expect(story.segments).toHaveLength(2 + writes);
      target = new MemoryObjectStore();
      await cacheSegments(target, story.segments);
      at = await positions(story);
      const fault = { calls: 0, at: -1, when: "before" } as const;
      const made = await cut(window(0, story.segments.length, { target: failing(target, fault) }));
      expect(made.points).toHaveLength(1);
      expect(fault.calls).toBe(2 + 1);
    }
  });

  test("reads an object that holds several marked segments once", async () => {
    target = new MemoryObjectStore();
    const [points, calls] = await carryCounting();
    expect(points).toHaveLength(1);
    expect(calls).toBe(1 + 1);
  });

  test("makes no point whose proof or barrier is gone, or was not what was shipped", async () => {
    const chain = at[4]?.chain ?? NO_DIGEST;
    const other = window(0, 4).marked.map((each) => ({ ...each, position: { ...each.position, chain } }));
    await expect(cut(window(0, 4, { marked: other }))).rejects.toMatchObject({ code: "ChainBroken" });
    for (const gone of ["000000000003", "000000000001"]) {
      await target.delete([`machines/ledger-1/journal/000001/${gone}.seg`]);
      await expect(cut(window(0, 4))).rejects.toMatchObject({ code: "SegmentMissing" });
    }
    expect(await listPoints(target, story.machine)).toEqual([]);
  });

  test("makes no point for disks that are not the machine's", async () => {
    for (const disks of [DISKS.slice(1), DISKS.map((disk) => ({ ...disk, size: bytes(512) })), []])
      await expect(cut(window(0, 4, { disks }))).rejects.toMatchObject({ code: "ChainBroken" });
    await expect(cut(window(0, 4, { key: newDataKey() }))).rejects.toMatchObject({ code: "KeyWrong" });
    expect(await listPoints(target, story.machine)).toEqual([]);
  });
});

describe("points", () => {
  test("are found by id, and the newest is the one with the most writes of the newest generation", async () => {
    await cut(window(0, 4));
    story = await tell([...EVENTS, ...EVENTS], {
      generation: generation(2),
      from: sequence(3),
      key: story.key,
    });
    await cacheSegments(target, story.segments);
    at = await positions(story);
    const { points } = await cut(window(0, 8));
    expect(points).toHaveLength(2);
    expect(await newestPoint(target, story.machine)).toEqual(points[1]);
    expect(await newestPoint(target, story.machine, generation(1))).toMatchObject({ generation: 1 });
    expect(await newestPoint(target, story.machine, generation(3))).toBeUndefined();
    for (const point of points) expect(await readPoint(target, story.machine, point.id)).toEqual(point);
    await expect(
      readPoint(target, story.machine, barrierId(`${"0".repeat(8)}-0000-4000-8000-${"9".repeat(12)}`)),
    ).rejects.toMatchObject({ code: "NotFound" });
  });

  test("of one id in two generations are told apart: the newer one is meant", async () => {
    const [point] = (await cut(window(0, 4))).points;
    if (!point) throw new RangeError("no point");
    const twin = {
      ...point,
      generation: generation(2),
      position: { ...point.position, generation: generation(2) },
    };
    const name = pointName(story.machine, twin.generation, twin.sequence, twin.id);
    await target.put(name, encodeManifest(twin), "absent");
    expect(await readPoint(target, story.machine, point.id)).toEqual(twin);
  });

  test("whose manifest is damaged or another's are not believed", async () => {
    const [point] = (await cut(window(0, 4))).points;
    const name = pointName(story.machine, generation(1), sequence(1), BARRIER);
    const other = barrierId("00000000-0000-4000-8000-000000000077");
    const body = (await target.get(name))?.body ?? Buffer.alloc(0);
    await target.put(pointName(story.machine, generation(1), sequence(1), other), body, "absent");
    await expect(readPoint(target, story.machine, other)).rejects.toMatchObject({ code: "ManifestDamaged" });
    await target.put(name, body.subarray(1), "any");
    await expect(readPoint(target, story.machine, BARRIER)).rejects.toMatchObject({
      code: "ManifestDamaged",
    });
    expect(point?.id).toBe(BARRIER);
  });
});
