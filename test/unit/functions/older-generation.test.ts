import { describe, expect, test } from "vitest";
import { NO_DIGEST } from "../../../engine/core/digest.ts";
import { generation, micros, sequence } from "../../../engine/core/units.ts";
import { createBase, baseOf } from "../../../engine/replication/lineage.ts";
import { failing } from "../../fixtures/failing.ts";
import {
  HOUR,
  MINUTE,
  Retaining,
  START,
  type Told,
  round,
  tellEvents,
  tellPoints,
} from "../../fixtures/retaining.ts";
import type { Event } from "../../fixtures/story.ts";
import { sourcesOf } from "../../../engine/replication/sources.ts";

import { POLICY, STILL, lived, told, wait } from "../../fixtures/lived.ts";

const fail = (): never => {
  throw new Error("no such thing");
};

describe("an older generation", { timeout: 120_000 }, () => {
  test("goes as a whole when none of its points is kept, and later ones are whole", async () => {
    const one = await lived(POLICY, 10);
    const { story } = await told;
    const next = await tellPoints(20, {
      generation: generation(2),
      key: story.key,
      from: sequence(1000),
    });
    for (let n = 0; n < 20; n++) {
      one.now = micros(START + 7 * HOUR + n * 10 * MINUTE);
      await one.arrive(next, n);
      await one.round();
    }
    expect((await one.points()).every((point) => point.generation === 2)).toBe(true);
    for (let run = 0; run < 3; run++) await wait(one, 2 * HOUR);
    expect(await one.names("/000001/")).toEqual([]);
    expect((await one.record())?.oldest).toBe(2);
    expect(await one.broken()).toEqual([]);
  });

  /** A second generation that stands on the newest point of the first. */
  async function standing(one: Retaining, list: (n: number) => Event[], count: number): Promise<Told> {
    const { story } = await told;
    const base = (await one.points()).at(-1);
    if (!base) throw new Error("no point");
    const { digest } = await createBase(one.objects, baseOf(generation(2), base));
    expect(digest).not.toBe(NO_DIGEST);
    const disks = story.moments.find(({ barrier }) => barrier.id === base.id)?.disks ?? [];
    return tellEvents(Array.from({ length: count }, (_, n) => list(n)).flat(), {
      generation: generation(2),
      key: story.key,
      from: base.position.sequence,
      base: { disks, digest },
    });
  }

  test("stays as far as the next one stands on it, with layers alone", async () => {
    const one = await lived(POLICY, 10);
    const next = await standing(one, () => STILL, 20);
    for (let n = 0; n < 20; n++) {
      one.now = micros(START + 7 * HOUR + n * 10 * MINUTE);
      await one.arrive(next, n);
      await one.round();
    }
    for (let run = 0; run < 3; run++) await wait(one, 14 * HOUR);
    expect((await one.points()).every((point) => point.generation === 2)).toBe(true);
    expect(await one.names("/journal/000001/")).toEqual([]);
    expect((await one.names("/layers/000001/")).length).toBeGreaterThan(0);
    expect(await one.broken()).toEqual([]);
  });

  test("goes once the next one has a base of its own, because too much was written since", async () => {
    const one = await lived(POLICY, 10);
    const next = await standing(one, round, 20);
    for (let n = 0; n < 20; n++) {
      one.now = micros(START + 7 * HOUR + n * 10 * MINUTE);
      await one.arrive(next, n);
      await one.round();
      expect(await one.broken()).toEqual([]);
    }
    for (let run = 0; run < 4; run++) await wait(one, 14 * HOUR);
    expect(await one.names("/000001/")).toEqual([]);
    expect(await one.names("/bases/")).toHaveLength(1);
    expect((await one.record())?.oldest).toBe(2);
    expect(await one.broken()).toEqual([]);
    const newest = (await one.points()).at(-1) ?? fail();
    expect((await sourcesOf(one.objects, newest)).below).toBeUndefined();
  });

  test("goes piece by piece while retention dies at any storage call, or runs twice at once", async () => {
    const one = await lived(POLICY, 6);
    const next = await standing(one, round, 8);
    let died = 0;
    const die = async (at: number, when: "before" | "after") =>
      one.round(failing(one.objects, { calls: 0, at, when })).catch(() => died++);
    for (let n = 0; n < 8; n++) {
      one.now = micros(START + 7 * HOUR + n * 10 * MINUTE);
      await one.arrive(next, n);
      for (const at of [5 + n, 23 + 2 * n, 60 + 5 * n]) await die(at, n % 2 === 0 ? "before" : "after");
      await Promise.all([one.round(), one.round()]);
      expect(await one.broken()).toEqual([]);
    }
    for (let at = 1; at < 120; at += 2) {
      one.now = micros(one.now + HOUR);
      await die(at, at % 4 === 1 ? "before" : "after");
      expect(await one.broken()).toEqual([]);
    }
    for (let run = 0; run < 4; run++) {
      one.now = micros(one.now + 14 * HOUR);
      await Promise.all([one.round(), one.round()]);
    }
    expect(died).toBeGreaterThan(30);
    expect(await one.names("/000001/")).toEqual([]);
    expect(await one.broken()).toEqual([]);
  });
});
