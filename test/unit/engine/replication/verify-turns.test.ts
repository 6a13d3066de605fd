import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BLOCK, bytes } from "../../../../engine/core/units.ts";
import type { RecoveryPoint } from "../../../../engine/journal/manifest.ts";
import {
  gatheredPrefix,
  journalPrefix,
  partialsPrefix,
  verificationName,
} from "../../../../engine/journal/names.ts";
import { allBlocks, countOf } from "../../../../engine/replication/blocks.ts";
import { JournalBlocks } from "../../../../engine/replication/journal-blocks.ts";
import { endVerification, readVerification } from "../../../../engine/replication/verifications.ts";
import { type VerifiedTurn, verifyTurn } from "../../../../engine/replication/verify-turn.ts";
import type { VerifyRequest } from "../../../../engine/replication/verify-point.ts";
import type { ObjectStore } from "../../../../engine/storage/store.ts";
import { collect } from "../../../fixtures/collect.ts";
import { failing } from "../../../fixtures/failing.ts";
import { compactAll } from "../../../fixtures/kept.ts";
import { compactPieces } from "../../../fixtures/sliced.ts";
import { DISKS, type Event, events } from "../../../fixtures/story.ts";
import {
  BLOCK_SECTORS,
  EVENTS,
  POINT,
  type Scene,
  at,
  named,
  sceneOf,
  verify,
  write,
  wrongWrite,
} from "../../../fixtures/verified.ts";

const ROAD = "journal";
const ALL = countOf(allBlocks(DISKS));

/** One turn of verifying a point, as an activity makes it. */
async function turn(
  { story, target }: Scene,
  point: RecoveryPoint,
  segments = 1,
  objects: ObjectStore = target,
  more: Partial<VerifyRequest> = {},
): Promise<VerifiedTurn> {
  let left = segments;
  const kept = await readVerification(objects, story.machine, ROAD);
  const how = { road: ROAD, kept, window: { start: 0, end: 0 }, enough: () => --left <= 0 };
  const turned = await verifyTurn({ objects, key: story.key, ...more, point }, how);
  if (turned.complete) await endVerification(objects, story.machine, ROAD);
  return turned;
}

async function all(
  scene: Scene,
  point: RecoveryPoint,
  segments = () => 1,
): Promise<Extract<VerifiedTurn, { complete: true }> & { turns: number }> {
  for (let turns = 1; turns < 10_000; turns++) {
    const turned = await turn(scene, point, segments());
    if (turned.complete) return { ...turned, turns };
  }
  throw new Error("there is no end of turns");
}

const wrongIn = (turned: VerifiedTurn | undefined) => (turned?.complete ? turned.wrong : new Map());

const kept = ({ target, story }: Scene) =>
  Promise.all(
    ["verifications", "gathered"].map((kind) => collect(target.list(`machines/${story.machine}/${kind}/`))),
  ).then((lists) => lists.flat());

/** Blocks that are whole only in part, over many segments. */
const SCATTERED: Event[] = [
  ...Array.from({ length: 6 }, (_, n): Event[] => [
    write(0, n * 4, 4, n + 1),
    write(0, BLOCK_SECTORS + n * 8, 8, n + 1),
    { kind: "seal" },
  ]).flat(),
  ...POINT,
];

describe("a verification in turns", () => {
  test("compares each block once, and finds the same as in one go, whatever leads to the point", async () => {
    const sizes = fc.infiniteStream(fc.integer({ min: 1, max: 5 }));
    const way = fc.constantFrom("segments", "layers", "sorted layers");
    const wrong = fc.option(fc.nat(6), { nil: undefined });
    await fc.assert(
      fc.asyncProperty(events, way, sizes, wrong, async (list, how, size, nth) => {
        const told = await sceneOf(list, nth === undefined ? undefined : wrongWrite(nth));
        const { target, story, points } = told;
        // A layer of what is wrong is never built.
        if (nth === undefined && how === "layers") await compactAll(target, story, points);
        if (nth === undefined && how === "sorted layers") await compactPieces(target, story, points);
        for (const point of points) {
          const once = await verify(told, point);
          const turned = await all(told, point, () => size.next().value);
          expect(named(once.wrong)).toEqual(expect.arrayContaining(named(turned.wrong)));
          expect(countOf(turned.wrong) > 0).toBe(countOf(once.wrong) > 0);
          expect(turned.compared).toBeLessThanOrEqual(once.compared);
          expect(turned.compared === once.compared || countOf(once.wrong) > 0).toBe(true);
          expect(turned.scanned).toEqual(once.scanned);
          expect(await kept(told)).toEqual([]);
        }
      }),
      { numRuns: 40 },
    );
  });

  test("goes on behind a kill at any call, and finds what is wrong", async () => {
    let died = 0;
    for (const isWrong of [false, true])
      for (let call = 1, reached = true; reached; call++)
        for (const when of [call % 2 === 0 ? "before" : "after"] as const) {
          const told = await sceneOf(SCATTERED, isWrong ? wrongWrite(3) : undefined);
          const fault = { calls: 0, at: call, when };
          const mortal = failing<ObjectStore>(told.target, fault);
          let last: VerifiedTurn | undefined;
          for (let turns = 0; !last?.complete && turns < 1000; turns++)
            last = await turn(told, at(told.points, -1), 5, mortal).catch(() => (died++, undefined));
          expect(named(wrongIn(last))).toEqual(isWrong ? ["0:1"] : []);
          expect(isWrong || last?.compared === ALL).toBe(true);
          reached = fault.calls >= call;
        }
    expect(died).toBeGreaterThan(30);
  });

  test("keeps blocks that are whole only in part, sealed, and one state of them", async () => {
    const told = await sceneOf(SCATTERED);
    const point = at(told.points, -1);
    const { machine } = told.story;
    const names = async () => (await kept(told)).map(({ name }) => name);
    const ofDigests = expect.stringContaining(gatheredPrefix(machine, ROAD));
    for (let n = 0; n < 2; n++) expect((await turn(told, point)).complete).toBe(false);
    expect(await names()).toEqual([verificationName(machine, ROAD), ofDigests]);
    let held: string | undefined;
    for (let n = 0; held === undefined && n < 50; n++) {
      expect((await turn(told, point)).complete).toBe(false);
      held = (await names()).find((name) => name.startsWith(partialsPrefix(machine, ROAD)));
    }
    expect(await names()).toEqual([verificationName(machine, ROAD), held, ofDigests]);
    const sealed = await told.target.get(held ?? "");
    expect(sealed?.body.includes(Buffer.alloc(512, 6))).toBe(false);
    expect((await all(told, point)).compared).toBe(ALL);
    expect(await kept(told)).toEqual([]);
  });

  test("is as long as it takes, and says how far it is", async () => {
    const told = await sceneOf(SCATTERED);
    const said: number[] = [];
    let last: VerifiedTurn | undefined;
    while (!last?.complete) {
      last = await turn(told, at(told.points, -1));
      expect(last.blocks).toBe(ALL);
      said.push(last.compared);
    }
    expect(said.length).toBeGreaterThan(5);
    expect(said).toEqual(said.toSorted((a, b) => a - b));
    expect(last.compared).toBe(ALL);
  });

  test("is right when layers took the place of what is still to be read", async () => {
    for (const alter of [undefined, wrongWrite(0)]) {
      const told = await sceneOf([...SCATTERED, write(1, 0, 8, 9), ...POINT], alter);
      const { target, story, points } = told;
      const point = at(points, -1);
      for (let n = 0; n < 3; n++) await turn(told, point);
      if (!alter) {
        await compactAll(target, story, points);
        for await (const { name } of target.list(journalPrefix(story.machine, point.generation)))
          await target.delete([name]);
      }
      const { wrong } = await all(told, point);
      expect(named(wrong)).toEqual(alter ? ["0:0"] : []);
    }
  });

  test("begins anew where it cannot be believed, lacks its blocks, or was another one's", async () => {
    const told = await sceneOf([...SCATTERED, write(1, 0, 8, 9), ...POINT]);
    const { target, story, points } = told;
    const name = verificationName(story.machine, ROAD);
    const spoil: (() => Promise<unknown>)[] = [
      () => target.put(name, Buffer.from('{"format": 1}'), "any"),
      async () => {
        for await (const object of target.list(partialsPrefix(story.machine, ROAD)))
          await target.delete([object.name]);
      },
      async () => {
        for await (const object of target.list(partialsPrefix(story.machine, ROAD)))
          await target.put(object.name, Buffer.from("no layer"), "any");
      },
      () => turn(told, at(points, 0), 5),
    ];
    for (const act of spoil) {
      for (let n = 0; n < 5; n++) await turn(told, at(points, -1));
      await act();
      const { wrong, compared } = await all(told, at(points, -1));
      expect(named(wrong)).toEqual([]);
      expect(compared).toBe(ALL);
    }
  });

  test("that two go on with is right, and the slower is told", async () => {
    const told = await sceneOf(SCATTERED);
    const slower: unknown[] = [];
    let complete = false;
    for (let n = 0; !complete && n < 100; n++) {
      const both = await Promise.all(
        [1, 2].map((segments) =>
          turn(told, at(told.points, -1), segments).catch((error: unknown) => void slower.push(error)),
        ),
      );
      expect(both.flatMap((one) => named(wrongIn(one)))).toEqual([]);
      complete = both.some((one) => one?.complete);
    }
    expect(complete).toBe(true);
    expect(slower.length).toBeGreaterThan(1);
    for (const error of slower) expect(error).toMatchObject({ code: "ObjectChanged" });
  });

  test("compares what changed since the last good point, and no more", async () => {
    const told = await sceneOf(EVENTS);
    const first = await all(told, at(told.points, 0));
    const since = { id: at(told.points, 0).id, scanned: first.scanned };
    let last: VerifiedTurn | undefined;
    while (!last?.complete) last = await turn(told, at(told.points, 2), 1, told.target, { since });
    expect(last.compared).toBe(2);
  });
});

test("blocks that memory does not hold are put off over turns as well", async () => {
  const told = await sceneOf(SCATTERED);
  const point = at(told.points, -1);
  const request = { objects: told.target, key: told.story.key, point, memory: bytes(BLOCK) };
  let left: JournalBlocks["left"] = {
    place: undefined,
    wanted: allBlocks(DISKS),
    deferred: new Map(),
    pieces: [],
  };
  const found = new Map<string, string>();
  for (let turns = 0; countOf(left.wanted) > 0 && turns < 100; turns++) {
    const blocks = new JournalBlocks(request, left);
    for (const { disk, block, digest } of await collect(blocks.some(() => true))) {
      expect(found.has(`${disk}:${block}`)).toBe(false);
      found.set(`${disk}:${block}`, Buffer.from(digest).toString("hex"));
    }
    left = blocks.left;
  }
  const whole = new JournalBlocks(
    { ...request, memory: bytes(64 * BLOCK) },
    { ...left, wanted: allBlocks(DISKS) },
  );
  const once = await collect(whole.some(() => false));
  expect(found).toEqual(
    new Map(once.map(({ disk, block, digest }) => [`${disk}:${block}`, Buffer.from(digest).toString("hex")])),
  );
});
