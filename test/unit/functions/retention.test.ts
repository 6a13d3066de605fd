import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { generation, micros, ordinal } from "../../../engine/core/units.ts";
import { recoveryPolicy } from "../../../engine/recovery/policy.ts";
import { newScrub } from "../../../engine/recovery/scrub.ts";
import { ITEM, protectedItem } from "../engine/recovery/fixture.ts";
import { delayed, failing } from "../../fixtures/failing.ts";
import { wrongWrite } from "../../fixtures/verified.ts";
import {
  DAY,
  HOUR,
  MINUTE,
  Retaining,
  START,
  round,
  tellEvents,
  tellPoints,
} from "../../fixtures/retaining.ts";
import { itemKey } from "../../../engine/recovery/item.ts";
import { findMoment } from "../../../engine/replication/moment.ts";
import { verifyJournal } from "../../../functions/activities/verify-road.ts";

import { MS, POLICY, STILL, lived, told, wait } from "../../fixtures/lived.ts";

const { machine } = protectedItem();
/** As the running control plane does: what changed since the last time, or everything. */
async function verifyNewest(one: Retaining): Promise<void> {
  const item = await one.records.items.get(itemKey(ITEM));
  const services = { ...one.services(), pagesAt: () => fail() };
  const state = await verifyJournal(services, item?.value ?? fail(), new AbortController().signal);
  expect(["verified", "idle"]).toContain(state);
}

const fail = (): never => {
  throw new Error("no such thing");
};

const minutesOf = async (one: Retaining) => (await one.points()).map(({ time }) => (time - START) / MINUTE);

describe("a round of retention", { timeout: 120_000 }, () => {
  test("leaves the points that the policy keeps, each whole", async () => {
    const one = await lived();
    // The newest is of minute 118. Half hours stand for what was an hour ago when they ended, ten minutes for what was
    // twenty; each third point is application-consistent, and thinned by itself.
    const thinned = [0, 4, 30, 34, 40, 42, 50, 52, 60, 64, 70, 72, 80, 82];
    expect(await minutesOf(one)).toEqual([...thinned, ...Array.from({ length: 15 }, (_, n) => 90 + 2 * n)]);
    expect(await one.broken()).toEqual([]);
    expect(await one.record()).toMatchObject({
      kept: [
        { every: 0, points: 15 },
        { every: (10 * MINUTE) / MS, points: 12 },
        { every: (30 * MINUTE) / MS, points: 2 },
      ],
      dropped: 31,
    });
  });

  test("leaves layers alone of all that is older, and the last few segments", async () => {
    const one = await lived({ ...POLICY, anyWriteWindow: 0 }, 25);
    for (let run = 0; run < 3; run++) await wait(one, 14 * HOUR);
    const segments = (await one.names("/journal/")).map((name) => Number(name.slice(-16, -4)));
    const newest = (await one.points()).at(-1)?.position.next ?? 0;
    expect(segments.length).toBeLessThan(30);
    expect(segments[0]).toBeGreaterThan(newest - 30);
    expect(await one.broken()).toEqual([]);
    const record = await one.record();
    expect(record?.stock?.segments.objects).toBe(segments.length);
    expect(record?.stock?.layers.layers).toBeGreaterThan(5);
    expect(record?.merged.dataBytes).toBeLessThan(record?.merged.journalBytes ?? 0);
  });

  test("leaves nothing but layers and manifests of a machine that stands still, without a window for any write", async () => {
    const quiet = tellEvents([...Array.from({ length: 8 }, (_, n) => round(n)).flat(), ...STILL]);
    const one = await Retaining.with({ ...POLICY, anyWriteWindow: 0 });
    for (let n = 0; n < 9; n++) {
      one.now = micros(START + n * 10 * MINUTE);
      await one.arrive(await quiet, n);
    }
    const newest = (await one.points()).at(-1)?.id ?? fail();
    await verifyNewest(one);
    for (let run = 0; run < 3; run++) await wait(one, 14 * HOUR);
    const kinds = new Set((await one.names()).map((name) => name.split("/")[2]));
    expect(kinds).toEqual(new Set(["layers", "points", "registers"]));
    expect(await one.broken()).toEqual([]);
    expect((await one.record())?.stock?.segments).toEqual({ objects: 0, bytes: 0 });
    expect((await one.record())?.stock?.layers.bytes).toBeGreaterThan(0);
    // The newest point is the newest state as well, and what is verified next goes on from it.
    const key = await one.services().keyOf();
    const moment = await findMoment({ objects: one.objects, key, machine }, { kind: "newest" });
    expect(moment.id).toBe(newest);
    await verifyNewest(one);
  });

  test("keeps the segments behind the point under the any-write window", async () => {
    const one = await lived({ ...POLICY, anyWriteWindow: HOUR / MS });
    for (let run = 0; run < 3; run++) await wait(one, 14 * HOUR);
    const floor = (await one.points()).findLast(({ time }) => time <= START + 58 * MINUTE);
    expect((floor?.time ?? 0) - START).toBe(52 * MINUTE);
    const first = Number((await one.names("/journal/"))[0]?.slice(-16, -4));
    expect(first).toBeLessThan(floor?.position.next ?? 0);
    expect(first).toBeGreaterThan((floor?.position.next ?? 0) - 30);
  });

  test("keeps all segments while nothing is as old as the any-write window", async () => {
    const one = await lived({ ...POLICY, anyWriteWindow: (6 * HOUR) / MS });
    await wait(one, 14 * HOUR);
    await wait(one, 14 * HOUR);
    expect((await one.names("/journal/"))[0]).toContain("/000000000000.seg");
  });

  test("keeps the segments that the next cut and verification go on from", async () => {
    const one = await lived({ ...POLICY, anyWriteWindow: (6 * HOUR) / MS });
    await one.become({ policy: recoveryPolicy.parse({ retention: { ...POLICY, anyWriteWindow: 0 } }) });
    await one.records.progress.update(machine, (old) => ({
      ...old,
      cut: { ...old.cut, next: ordinal(100) },
    }));
    for (let run = 0; run < 3; run++) await wait(one, 14 * HOUR);
    const first = () => one.names("/journal/").then(([name]) => Number(name?.slice(-16, -4)));
    expect(await first()).toBe(100);
    const point = (await one.points())[0];
    if (!point) throw new Error("no point");
    const road = {
      scrub: newScrub(one.now),
      point: { ...point, bytes: point.position.bytes, scanned: point.position },
    };
    await one.records.verification.create(machine, {
      format: 1,
      machine,
      generation: generation(1),
      journal: { ...road, point: { ...road.point, scanned: { ...point.position, next: ordinal(101) } } },
      replica: { scrub: newScrub(one.now) },
      verified: [],
      bad: [],
    });
    await one.records.progress.update(machine, (old) => ({ ...old, cut: old.arrived }));
    for (let run = 0; run < 3; run++) await wait(one, 14 * HOUR);
    expect(await first()).toBe(101);
  });

  test("drops nothing while a machine makes no points, nor when the clock is years ahead", async () => {
    const one = await lived(POLICY, 30);
    const before = await minutesOf(one);
    await wait(one, 40 * DAY);
    expect(await minutesOf(one)).toEqual(before);
    await wait(one, 3000 * DAY);
    expect(await minutesOf(one)).toEqual(before);
  });

  test("changes nothing once a failover has begun", async () => {
    const one = await lived(POLICY, 4);
    one.now = micros(START + 10 * HOUR);
    await one.arrive(await told, 4);
    await one.become({ state: "FailingOver" });
    const names = await one.names();
    await one.round();
    expect(await one.names()).toEqual(names);
  });

  test("never drops the newest verified point, nor takes a bad one for the newest good", async () => {
    const one = await lived(POLICY, 5);
    const points = await one.points();
    const [first, second] = points;
    const newest = points.at(-1);
    if (!first || !second || !newest) throw new Error("too few points");
    const bad = (point: typeof first) => ({
      road: "journal" as const,
      point: point.id,
      generation: point.generation,
      sequence: point.sequence,
      time: point.time,
      foundAt: one.now,
      code: "PointBad",
      message: "wrong",
      count: 1,
      blocks: [],
    });
    await one.records.verification.create(machine, {
      format: 1,
      machine,
      generation: generation(1),
      journal: { scrub: newScrub(one.now) },
      replica: { scrub: newScrub(one.now) },
      verified: [first.id],
      bad: points.slice(2).map(bad),
    });
    one.now = micros(START + 20 * HOUR);
    // Its own clock says that it is new; what was verified and found bad is hours old.
    const latest = await one.arrive(await told, 5);
    await one.records.verification.update(machine, (old) => ({ ...old, bad: [...old.bad, bad(latest)] }));
    await one.round();
    expect((await one.points()).map(({ id }) => id)).toEqual([first.id, second.id, latest.id]);
    expect(await one.broken()).toEqual([]);
  });
});

describe("what the journal gives otherwise than the source had it", () => {
  test("makes its point bad, and layers end before and behind it", async () => {
    const one = await Retaining.with({ ...POLICY, anyWriteWindow: 0 });
    const wrong = await tellPoints(6, {}, wrongWrite(0));
    for (let n = 0; n < 6; n++) {
      one.now = micros(START + n * 2 * MINUTE);
      await one.arrive(wrong, n);
    }
    await one.round();
    const bad = (await one.records.verification.get(machine))?.value.bad;
    expect(bad?.[0]).toMatchObject({ code: "PointBad", road: "journal", point: wrong.points[0]?.id });
    expect(bad?.[0]?.message).toContain("disk 0 block 0");
    expect((await one.record())?.problem).toBeUndefined();
  });
});

describe("retention that dies or runs twice at once", { timeout: 120_000 }, () => {
  test.each(["before", "after"] as const)("at any storage call, %s it took effect", async (when) => {
    const one = await lived(POLICY, 14);
    one.now = micros(one.now + 14 * HOUR);
    await one.arrive(await told, 14);
    for (let at = 1; ; at++) {
      const fault = { calls: 0, at, when };
      await one.round(failing(one.objects, fault)).catch(() => undefined);
      expect(await one.broken()).toEqual([]);
      if (fault.calls < at) break;
      expect(at).toBeLessThan(300);
      // Steps that a dead run left behind are due at once for the next one.
      one.now = micros(one.now + 20 * MINUTE);
    }
    for (let run = 0; run < 3; run++) await wait(one, 14 * HOUR);
    expect(await one.broken()).toEqual([]);
    expect((await one.names("/journal/"))[0]).not.toContain("/000000000000.seg");
  });

  test("two whose storage calls come in any order", async () => {
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.nat(3)), async (dice) => {
        const one = await Retaining.with(POLICY);
        const slow = delayed(one.objects, dice);
        for (let n = 0; n < 12; n++) {
          one.now = micros(START + n * 4 * MINUTE);
          await one.arrive(await told, n);
          if (n % 4 === 3) await Promise.all([one.round(slow), one.round(slow)]);
        }
        for (let run = 0; run < 2; run++) {
          one.now = micros(one.now + 14 * HOUR);
          await Promise.all([one.round(slow), one.round(slow)]);
        }
        expect(await one.broken()).toEqual([]);
      }),
      { numRuns: 6 },
    );
  });
});
