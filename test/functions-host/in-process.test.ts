import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Fixture } from "../local/functions-host/fixture.ts";
import { behaviours } from "./behaviours/all.ts";
import { Scene, seenBy } from "./scene.ts";
import type { Stage } from "./stage.ts";

const host = new Fixture();
beforeAll(() => host.open());
afterAll(() => host.close());

const { ledger } = await import("./app/ledger.ts");

/** A host in this process, whose clock moves on by a second whenever somebody waits. */
const stage: Stage = {
  second: 1,
  patience: 10_000,
  get keys() {
    return host.host.keys;
  },
  ask: async (target, init) => {
    const answer = await host.fetch(target, init);
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  },
  pause: () => host.advance(1),
  notes: () => ledger,
};

describe("in one process, on a clock that the test moves", () => {
  test.each(behaviours.map((behaviour, n) => ({ ...behaviour, id: `b${n}-0` })))(
    "$says",
    async ({ id, ...behaviour }) => {
      expect(await seenBy(behaviour, new Scene(stage, id))).toEqual(behaviour.sees);
    },
  );

  test("these are at least fifty behaviours, each a sentence of its own", () => {
    const sentences = new Set(behaviours.map(({ says }) => says));
    expect(sentences.size).toBe(behaviours.length);
    expect(sentences.size).toBeGreaterThanOrEqual(50);
  });
});
