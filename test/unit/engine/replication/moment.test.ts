import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasCode, messageOf } from "../../../../engine/core/errors.ts";
import { generation, micros, sequence } from "../../../../engine/core/units.ts";
import { journalPrefix } from "../../../../engine/journal/names.ts";
import { baseOf, createBase } from "../../../../engine/replication/lineage.ts";
import {
  type Moment,
  type Wanted,
  findMoment,
  momentOf,
  statesAround,
} from "../../../../engine/replication/moment.ts";
import { groundsOf } from "../../../../engine/replication/reach.ts";
import { restorePoint } from "../../../../engine/replication/restore.ts";
import { sourcesOf } from "../../../../engine/replication/sources.ts";
import { MemoryObjectStore } from "../../../../engine/storage/memory.ts";
import { carry } from "../../../fixtures/carried.ts";
import { collect } from "../../../fixtures/collect.ts";
import { compactAll } from "../../../fixtures/kept.ts";
import { MemorySink } from "../../../fixtures/memory-sink.ts";
import { prefixesOf } from "../../../fixtures/prefixes.ts";
import { DISKS, type Event, type Story, type StoryOptions, events, tell } from "../../../fixtures/story.ts";
import { POINT, write } from "../../../fixtures/verified.ts";

/** A story with writes behind its last point that have arrived too. */
const longer = fc
  .tuple(events, events)
  .map(([list, more]): Event[] => [
    ...list,
    ...more.filter(({ kind }) => kind !== "prove"),
    { kind: "seal" },
  ]);

async function restored(objects: MemoryObjectStore, story: Story, point: Moment): Promise<Buffer[]> {
  const sinks = DISKS.map(({ size }) => new MemorySink(size));
  await restorePoint({ objects, key: story.key, point, sinkFor: async ({ index }) => sinks[index] });
  return sinks.map(({ content }) => content);
}

const fail = (): never => {
  throw new Error("no such point");
};

const find = (objects: MemoryObjectStore, { key, machine }: Story, wanted: Wanted) =>
  findMoment({ objects, key, machine }, wanted);

const reachIn = async (objects: MemoryObjectStore, { machine }: Story) =>
  (await groundsOf(objects, machine)).map(({ reach }) => reach);

async function told(list: Event[], options: StoryOptions = {}) {
  const story = await tell(list, options);
  const objects = new MemoryObjectStore();
  return { story, objects, points: await carry(story, objects, 2_000), prefixes: await prefixesOf(story) };
}

/** Takes away the objects that layers made needless: the next one begins at their tail at the latest. */
async function dropSegments(objects: MemoryObjectStore, { machine }: Story, point: Moment): Promise<void> {
  const tail = (await sourcesOf(objects, point)).layers.at(-1)?.tail.next ?? 0;
  const listed = await collect(objects.list(journalPrefix(machine, point.generation)));
  for (const [at, { name }] of listed.entries()) {
    const next = listed[at + 1]?.name;
    if (next && Number(next.slice(-16, -4)) <= tail) await objects.delete([name]);
  }
}

describe("any write", () => {
  test("within what is one change is no state: the refusal names those next to it", async () => {
    const three = [write(0, 0, 8, 1), write(1, 4, 8, 2), write(0, 2, 8, 3)];
    const seal: Event = { kind: "seal" };
    const list = [write(0, 0, 64, 9), ...POINT, seal, ...three, seal, ...three, seal];
    const { story, objects, prefixes } = await told(list, { indivisible: true });
    const stateAt = (at: number) => find(objects, story, { kind: "write", sequence: sequence(at) });
    for (const at of [1, 4, 7])
      expect(await restored(objects, story, await stateAt(at))).toEqual(prefixes[at - 1]?.disks);
    for (const [at, next] of [
      [2, "only 1 and 4 are states"],
      [6, "only 4 and 7 are states"],
    ] as const)
      await expect(stateAt(at)).rejects.toMatchObject({
        code: "MomentUnreachable",
        message: expect.stringContaining(next),
      });
  });

  test("within a change of several segments is no state, and none at its end while the end has not arrived", async () => {
    const seal: Event = { kind: "seal" };
    const image = [write(0, 0, 8, 1), seal, write(1, 4, 8, 2), seal, write(0, 2, 8, 3), seal];
    const list = [write(0, 0, 64, 9), seal, ...POINT, seal, ...image, ...POINT, seal, ...image];
    // All writes of an image bear its time.
    const clock = (at: number) => 1_790_000_000_000_000 + Math.ceil((at - 1) / 3) * 60e6;
    const { story, objects, prefixes } = await told(list, { continues: true, clock });
    const stateAt = (at: number) => find(objects, story, { kind: "write", sequence: sequence(at) });
    for (const at of [1, 4])
      expect(await restored(objects, story, await stateAt(at))).toEqual(prefixes[at - 1]?.disks);
    for (const at of [2, 3])
      await expect(stateAt(at)).rejects.toMatchObject({
        code: "MomentUnreachable",
        message: expect.stringContaining("only 1 and 4 are states"),
      });
    await expect(stateAt(5)).rejects.toMatchObject({ code: "MomentUnreachable" });
    expect((await find(objects, story, { kind: "newest" })).sequence).toBe(4);
    const instant = (at: number) => find(objects, story, { kind: "instant", time: micros(at) });
    expect((await instant(clock(4) - 1)).sequence).toBe(1);
    expect((await instant(clock(4))).sequence).toBe(4);
    await expect(instant(clock(5))).rejects.toMatchObject({ code: "MomentUnreachable" });
    const [ground] = await groundsOf(objects, story.machine);
    if (!ground) throw new Error("there is nothing to stand on");
    for (const [at, before, after] of [
      [1, 1, 1],
      [2, 1, 4],
      [3, 1, 4],
      [4, 4, 4],
    ] as const)
      expect(await statesAround(ground, sequence(at))).toEqual({ before, after });
  });

  test("behind a change of several segments without a point, its end is a state", async () => {
    const seal: Event = { kind: "seal" };
    const image = [write(0, 0, 8, 1), seal, write(1, 4, 8, 2), seal, { kind: "barrier" } as const, seal];
    const list = [write(0, 0, 64, 9), seal, ...POINT, seal, ...image, ...image];
    const { story, objects, prefixes } = await told(list, { continues: true });
    const stateAt = (at: number) => find(objects, story, { kind: "write", sequence: sequence(at) });
    for (const at of [3, 5])
      expect(await restored(objects, story, await stateAt(at))).toEqual(prefixes[at - 1]?.disks);
    for (const [at, next] of [
      [2, "only 1 and 3 are states"],
      [4, "only 3 and 5 are states"],
    ] as const)
      await expect(stateAt(at)).rejects.toMatchObject({ message: expect.stringContaining(next) });
    expect((await find(objects, story, { kind: "newest" })).sequence).toBe(5);
  });

  test("from the first point to the newest that has arrived restores to exactly the prefix", async () => {
    await fc.assert(
      fc.asyncProperty(longer, fc.nat(), async (list, pick) => {
        const { story, objects, prefixes } = await told(list);
        const [reach] = await reachIn(objects, story);
        expect(reach?.last.sequence).toBe(story.segments.at(-1)?.header.to);
        expect(reach?.first.sequence).toBe(story.moments[0]?.barrier.sequence);
        const within = prefixes.filter((each) => each.sequence >= (reach?.first.sequence ?? 0));
        const prefix = within[pick % Math.max(within.length, 1)];
        if (!prefix) return;
        const moment = await find(objects, story, { kind: "write", sequence: prefix.sequence });
        expect(moment.sequence).toBe(prefix.sequence);
        expect([prefix.time, moment.point?.time]).toContain(moment.time);
        expect(await restored(objects, story, moment)).toEqual(prefix.disks);
      }),
      { numRuns: 25 },
    );
  });

  test("restores over layers as well, with the segments under them gone", async () => {
    await fc.assert(
      fc.asyncProperty(longer, fc.infiniteStream(fc.boolean()), fc.nat(), async (list, chosen, pick) => {
        const { story, objects, points, prefixes } = await told(list);
        const kept = points.filter((_, i) => i === points.length - 1 || chosen.next().value);
        await compactAll(objects, story, kept);
        const [oldest] = kept;
        if (oldest)
          await dropSegments(objects, story, await find(objects, story, { kind: "point", id: oldest.id }));
        const [reach] = await reachIn(objects, story);
        if (!reach) return;
        const within = prefixes.filter((each) => each.sequence >= reach.first.sequence);
        const prefix = within[pick % Math.max(within.length, 1)];
        if (!prefix) return;
        const moment = await find(objects, story, { kind: "write", sequence: prefix.sequence });
        expect(await restored(objects, story, moment)).toEqual(prefix.disks);
      }),
      { numRuns: 15 },
    );
  });

  test("behind two points that one segment proves needs nothing from before the second one", async () => {
    const seal: Event = { kind: "seal" };
    const idle = [
      { kind: "barrier" },
      seal,
      { kind: "prove" },
      { kind: "barrier" },
      { kind: "prove" },
    ] as const;
    const story = await tell([write(0, 0, 8, 1), seal, ...idle, seal, write(0, 4, 8, 2), seal]);
    const objects = new MemoryObjectStore();
    const [first = fail(), second = fail()] = await carry(story, objects, 1);
    expect(first.position).toEqual(second.position);
    await compactAll(objects, story, [first, second]);
    await dropSegments(objects, story, await find(objects, story, { kind: "point", id: second.id }));
    const moment = await find(objects, story, { kind: "newest" });
    expect(moment.sequence).toBe(2);
    expect(await restored(objects, story, moment)).toEqual((await prefixesOf(story)).at(-1)?.disks);
  });

  test("of a generation that stands on a point of an older one restores through both", async () => {
    await fc.assert(
      fc.asyncProperty(events, longer, fc.boolean(), fc.nat(), async (first, second, layers, pick) => {
        const { story, objects, points } = await told(first);
        if (layers) await compactAll(objects, story, points);
        const point = points[pick % points.length];
        const { disks } = story.moments.find(({ barrier }) => barrier.id === point?.id) ?? {};
        if (!point || !disks) throw new RangeError("no point");
        const of = generation(2);
        const base = { disks, ...(await createBase(objects, baseOf(of, point))) };
        const from = sequence(story.segments.at(-1)?.header.to ?? 0);
        const newer = await tell(second, { generation: of, from, key: story.key, base });
        await carry(newer, objects, 2_000);
        const [, reach] = await reachIn(objects, newer);
        const within = (await prefixesOf(newer, disks)).filter(
          (prefix) => prefix.sequence >= (reach?.first.sequence ?? Infinity),
        );
        const prefix = within[pick % Math.max(within.length, 1)];
        if (!prefix) return;
        const moment = await find(objects, newer, { kind: "write", sequence: prefix.sequence });
        expect(moment.generation).toBe(2);
        expect(await restored(objects, newer, moment)).toEqual(prefix.disks);
      }),
      { numRuns: 20 },
    );
  });

  test("is the newest that has arrived, up to a hole, when no more is asked for", async () => {
    const { story, objects, prefixes } = await told([
      write(0, 0, 8, 1),
      ...POINT,
      write(0, 8, 8, 2),
      { kind: "seal" },
    ]);
    const moment = await find(objects, story, { kind: "newest" });
    expect(moment).toMatchObject({ sequence: 2, consistency: "crash", point: undefined });
    expect(await restored(objects, story, moment)).toEqual(prefixes.at(-1)?.disks);
  });
});

describe("an instant", () => {
  /** As a clock may go: some writes at the same instant, all others later. */
  const tick = fc.infiniteStream(fc.nat(2));

  test("takes in every write up to it and none that is later", async () => {
    await fc.assert(
      fc.asyncProperty(longer, tick, fc.nat(), fc.nat(9), async (list, ticks, pick, layered) => {
        const times = [1_790_000_000_000_000];
        const clock = (at: number) => {
          while (times.length <= at) times.push((times.at(-1) ?? 0) + ticks.next().value);
          return times[at] ?? 0;
        };
        const { story, objects, points, prefixes } = await told(list, { clock });
        await compactAll(objects, story, points.slice(0, layered));
        const [reach] = await reachIn(objects, story);
        if (!reach) return;
        const at = reach.first.time + (pick % (reach.last.time - reach.first.time + 1));
        const moment = await find(objects, story, { kind: "instant", time: micros(at) });
        const expected = prefixes.findLast(({ time }) => time <= at);
        expect(await restored(objects, story, moment)).toEqual(
          expected?.disks ?? DISKS.map(({ size }) => Buffer.alloc(size)),
        );
      }),
      { numRuns: 25 },
    );
  });

  test("that a clock which was set back went through twice means the first time", async () => {
    const base = 1_790_000_000_000_000;
    const at = [0, 10, 20, 30, 12, 14, 40];
    const sector = (n: number) => write(0, n * 8, 8, n + 1);
    const { story, objects } = await told(
      [sector(0), ...POINT, sector(1), sector(2), sector(3), sector(4), sector(5), ...POINT],
      { clock: (n) => base + (at[n] ?? 40) },
    );
    const found = async (time: number) =>
      (await find(objects, story, { kind: "instant", time: micros(base + time) })).sequence;
    expect(await found(14)).toBe(1);
    expect(await found(20)).toBe(2);
  });

  test("reads only the points behind the layers before it, up to the first that is later", async () => {
    const list = Array.from({ length: 24 }, (_, n) => [write(0, n, 1, n + 1), ...POINT]).flat();
    const { story, objects, points } = await told(list);
    await compactAll(objects, story, points.slice(0, 16));
    const end = points[15] ?? fail();
    await dropSegments(objects, story, momentOf(end));
    // Right where the layers end no segment before it is needed, nor there.
    const behind = { kind: "instant", time: micros(end.time + 1) } as const;
    expect((await find(objects, story, behind)).id).toBe(end.id);
    const wanted = { kind: "instant", time: micros((points[18]?.time ?? 0) + 1) } as const;
    let manifests = 0;
    const counted = new Proxy(objects, {
      get(target, name) {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== "function") return method;
        return (...args: unknown[]): unknown => {
          if (name === "get" && String(args[0]).includes("/points/")) manifests++;
          return Reflect.apply(method, target, args);
        };
      },
    });
    const moment = await find(counted, story, wanted);
    expect(moment.id).toBe(points[18]?.id);
    expect(manifests).toBeLessThan(16);
  });

  test("before, after or between what is kept is refused, naming what can be had", async () => {
    const { story, objects } = await told([write(0, 0, 8, 1), ...POINT, write(0, 8, 8, 2), ...POINT]);
    const second = await tell([write(0, 0, 8, 3), write(0, 8, 8, 3), ...POINT], {
      generation: generation(2),
      from: sequence(2),
      key: story.key,
      clock: (n) => 1_790_000_000_500_000 + n,
    });
    await carry(second, objects, 2_000);
    const refused = async (wanted: Wanted) => {
      const error: unknown = await find(objects, story, wanted).catch((each: unknown) => each);
      expect(hasCode(error, "MomentUnreachable")).toBe(true);
      return messageOf(error);
    };
    const instant = (time: number) => ({ kind: "instant", time: micros(time) }) as const;
    expect(await refused(instant(1_790_000_000_000_000))).toContain("before everything that is kept");
    expect(await refused(instant(1_790_000_000_400_000))).toContain("gap between generations");
    expect(await refused(instant(1_790_000_009_000_000))).toContain("after the newest write");
    expect(await refused({ kind: "write", sequence: sequence(3) })).toContain("gap between generations");
    expect(await refused({ kind: "write", sequence: sequence(9) })).toMatch(
      /after .*; reachable: writes 1 to 2 of generation 1, .*; writes 4 to 4 of generation 2, /,
    );
  });
});
