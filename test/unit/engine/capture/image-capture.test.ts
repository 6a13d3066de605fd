import { hash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LeewardError } from "../../../../engine/core/errors.ts";
import { barrierId } from "../../../../engine/core/ids.ts";
import { BLOCK, micros, sequence } from "../../../../engine/core/units.ts";
import { captureName } from "../../../../engine/journal/names.ts";
import { findMoment } from "../../../../engine/replication/moment.ts";
import { blockDigestsAt } from "../../../../engine/replication/verify.ts";
import { failing } from "../../../fixtures/failing.ts";
import { ImageMachine } from "../../../fixtures/image-machine.ts";

const SIZES = [5 * BLOCK + 1024, 3 * BLOCK];
const filled = (size: number, salt: string) =>
  Buffer.concat(
    Array.from({ length: Math.ceil(size / 32) }, (_, n) => hash("sha256", `${salt} ${n}`, "buffer")),
  ).subarray(0, size);
const machine = () => {
  const made = new ImageMachine(SIZES.map((size) => Buffer.alloc(size)));
  made.images.disks[0]?.set(filled(2 * BLOCK, "first"), 4096);
  return made;
};

const change = fc.record({
  disk: fc.nat(SIZES.length - 1),
  sector: fc.nat(300),
  sectors: fc.integer({ min: 1, max: 200 }),
  fill: fc.nat(3),
});
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

function apply({ images }: ImageMachine, { disk, sector, sectors, fill }: Change): void {
  const to = images.disks[disk];
  if (!to) return;
  const offset = (sector * 512) % to.length;
  const length = Math.min(sectors * 512, to.length - offset);
  to.set(fill === 0 ? Buffer.alloc(length) : filled(length, `${fill} ${sector}`), offset);
}

/** Every point is what the disks were, and its digests say so. */
async function expectPoints(made: ImageMachine, wanted: readonly (readonly Buffer[])[]): Promise<void> {
  expect(made.points.length).toBe(wanted.length);
  for (const [n, point] of made.points.entries()) {
    const disks = await made.restored(point);
    expect(disks.map(digestOf)).toEqual(wanted[n]?.map(digestOf));
    const digests = await blockDigestsAt({ objects: made.target, key: made.key, point });
    for (const [index, disk] of disks.entries())
      for (let at = 0; at < disk.length; at += BLOCK)
        expect(
          Buffer.from(digests.get(point.disks[index]?.index ?? fail()) ?? []).subarray(
            (at / BLOCK) * 32,
            (at / BLOCK) * 32 + 32,
          ),
        ).toEqual(hash("sha256", disk.subarray(at, at + BLOCK), "buffer"));
  }
}

const digestOf = (disk: Buffer) => hash("sha256", disk);

const fail = (): never => {
  throw new Error("there is none");
};

const frozen = ({ images }: ImageMachine) => images.newest.map((disk) => Buffer.from(disk));

describe("capture by images", () => {
  test("each image becomes a point that restores to exactly what the disks were", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(change, { maxLength: 6 }), { maxLength: 4 }), async (rounds) => {
        const made = machine();
        const wanted: Buffer[][] = [];
        for (const round of [[], ...rounds]) {
          for (const one of round) apply(made, one);
          await made.image();
          wanted.push(frozen(made));
          await made.carry();
        }
        await expectPoints(made, wanted);
        expect(made.points.length).toBe(rounds.length + 1);
      }),
      { numRuns: 12 },
    );
  });

  test("only what changed travels: 4 KiB in one block are one record of 4 KiB", async () => {
    const made = machine();
    const first = await made.image();
    made.images.disks[0]?.set(filled(4096, "new"), 8192);
    made.images.read = 0;
    const { state } = await made.image();
    expect(state.position.bytes - first.state.position.bytes).toBe(4096);
    expect(made.images.read).toBe(BLOCK);
  });

  test("what was cleared is zeros, and costs no bytes", async () => {
    const made = machine();
    const first = await made.image();
    made.images.disks[0]?.fill(0, 4096, 4096 + BLOCK);
    const { state } = await made.image();
    expect(state.position.bytes).toBe(first.state.position.bytes);
    expect(state.position.sequence).toBeGreaterThan(first.state.position.sequence);
    await made.carry();
    await expectPoints(made, [await made.restored(made.points[0] ?? fail()), frozen(made)]);
  });

  test("no state lies between two images, for a write's number, an instant or the newest", async () => {
    const made = machine();
    await made.image();
    for (let at = 0; at < 2 * BLOCK; at += 8192) made.images.disks[1]?.set(filled(512, `${at}`), at);
    const { state } = await made.image();
    await made.carry();
    const [first = fail(), second = fail()] = made.points;
    expect(second.sequence - first.sequence).toBeGreaterThan(2);
    const find = (wanted: Parameters<typeof findMoment>[1]) =>
      findMoment({ objects: made.target, key: made.key, machine: made.machine }, wanted);
    for (let at = first.sequence + 1; at < second.sequence; at++)
      await expect(find({ kind: "write", sequence: sequence(at) })).rejects.toMatchObject({
        code: "MomentUnreachable",
        message: expect.stringContaining(`only ${first.sequence} and ${second.sequence} are states`),
      });
    const between = Math.floor((first.time + second.time) / 2);
    expect((await find({ kind: "instant", time: micros(between) })).sequence).toBe(first.sequence);
    expect((await find({ kind: "newest" })).id).toBe(second.id);
    expect(state.base?.mark.time).toBe(second.time);
    // Half of an image that has arrived is nothing: the newest is the image before.
    for (let at = 0; at < 2 * BLOCK; at += 8192) made.images.disks[1]?.set(filled(512, `more ${at}`), at);
    made.pass(400_000);
    await made.turn({ enough: () => true });
    await made.carry();
    expect(made.points.length).toBe(2);
    expect((await find({ kind: "newest" })).id).toBe(second.id);
  });

  test("images of several disks say how far they are apart, one of one disk does not", async () => {
    const made = machine();
    made.images.now = () => micros(made.now + 1_250_000);
    await made.image();
    await made.carry();
    expect(made.points[0]).toMatchObject({ consistency: "crash", spread: 1250 });
    const one = new ImageMachine([filled(BLOCK, "one")]);
    one.images.now = () => micros(one.now + 1_250_000);
    await one.image();
    await one.carry();
    expect(one.points[0]).not.toHaveProperty("spread");
  });

  test("a barrier that somebody waits for is the next image, a minute after the one before at the earliest", async () => {
    const made = machine();
    await made.image();
    made.wanted = barrierId("00000000-0000-4000-8000-000000000077");
    const { wait } = await made.turn();
    expect(wait).toBeGreaterThan(50_000);
    expect(wait).toBeLessThanOrEqual(60_000);
    const { state } = await made.image();
    expect(state.base?.barrier).toBe(made.wanted);
  });

  test("nothing stays open, and of each disk one snapshot is kept", async () => {
    const made = machine();
    for (let n = 0; n < 3; n++) {
      made.images.disks[0]?.set(filled(512, `${n}`), n * 512);
      await made.image();
      expect(made.images.open_.size).toBe(0);
    }
    expect(made.images.names).toEqual(["1/3"]);
  });

  test("killed at any call, before or after it took effect, it goes on to the same points", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: 1, maxLength: 5 }),
        fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.constantFrom("before", "after")), {
          maxLength: 12,
        }),
        fc.boolean(),
        async (changes, kills, carries) => {
          const made = machine();
          const wanted: Buffer[][] = [];
          await made.image();
          wanted.push(frozen(made));
          if (carries) await made.carry();
          for (const one of changes) apply(made, one);
          made.pass(400_000);
          for (const [at, when] of kills) {
            const fault = { calls: 0, at, when } as const;
            const through = {
              cache: failing(made.cache, fault),
              target: failing(made.target, fault),
              images: failing(made.images, fault),
              enough: () => at % 3 === 0,
            };
            await made.turn(through).catch((error: unknown) => {
              if (!(error instanceof LeewardError) || error.code !== "StorageUnavailable") throw error;
            });
            made.pass(1000);
            if (carries) await made.carry();
          }
          const image = await untilImage(made);
          wanted.push(image);
          await made.carry();
          expect(made.images.open_.size).toBe(0);
          await expectPoints(made, wanted);
        },
      ),
      { numRuns: 40 },
    );
  });

  test.each([
    ["its snapshot was deleted", async (made: ImageMachine) => made.images.lose("1/1")],
    ["its disk was made anew", async (made: ImageMachine) => void (made.images.source = "another")],
    ["its family is another", async (made: ImageMachine) => void (made.images.family = "another")],
    [
      "what is known of it was lost",
      async (made: ImageMachine) => made.target.delete([captureName(made.machine)]),
    ],
    [
      "its digests were lost",
      async (made: ImageMachine) => {
        const names: string[] = [];
        for await (const { name } of made.target.list("machines/imaged-1/captured/")) names.push(name);
        await made.target.delete(names);
      },
    ],
  ])("an image that is missed since %s ends the generation, and the next compares", async (_, lose) => {
    const made = machine();
    await made.image();
    await made.carry();
    const first = frozen(made);
    await lose(made);
    made.images.disks[0]?.set(filled(512, "after"), 3 * BLOCK);
    made.pass(400_000);
    await expect(made.image()).rejects.toMatchObject({ code: "ImageLost" });
    expect(made.images.open_.size).toBe(0);
    await made.beginAnew();
    const { state } = await made.image();
    await made.carry();
    expect(state.sent).toBe(BLOCK);
    await expectPoints(made, [first, frozen(made)]);
  });

  test("a disk that has grown ends the generation; the next has it as it is, compares, and leaves older points as they were", async () => {
    const growths = fc.integer({ min: 1, max: 300 }).map((sectors) => sectors * 512);
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { maxLength: 4 }),
        fc.array(fc.tuple(fc.nat(1), growths, fc.array(change, { maxLength: 4 })), {
          minLength: 1,
          maxLength: 3,
        }),
        async (before, rounds) => {
          const made = machine();
          const wanted: Buffer[][] = [];
          const imaged = async () => {
            await made.image();
            wanted.push(frozen(made));
            await made.carry();
          };
          for (const one of before) apply(made, one);
          await imaged();
          for (const [index, by, changes] of rounds) {
            made.grow(index, by);
            made.pass(400_000);
            const { grown } = await untilGrown(made);
            expect(grown).toEqual([{ index, size: made.images.disks[index]?.length }]);
            await made.beginAnew();
            for (const one of changes) apply(made, one);
            await imaged();
            await imaged();
          }
          await expectPoints(made, wanted);
        },
      ),
      { numRuns: 15 },
    );
  });

  test("the new end of a disk costs nothing while nothing is in it", async () => {
    const made = machine();
    await made.image();
    await made.carry();
    made.grow(1, 64 * BLOCK);
    made.pass(400_000);
    await untilGrown(made);
    await made.beginAnew();
    const { state } = await made.image();
    expect(state.sent).toBe(0);
    await made.carry();
    expect(made.points.map(({ disks }) => disks[1]?.size)).toEqual([3 * BLOCK, 67 * BLOCK]);
  });

  test("a disk that became smaller is refused by name", async () => {
    const made = machine();
    await made.image();
    made.images.disks[1] = Buffer.alloc(2 * BLOCK);
    made.pass(400_000);
    await expect(made.turn()).rejects.toMatchObject({
      code: "SourceUnsuitable",
      message: expect.stringContaining("enable protection anew"),
    });
  });

  test("a segment of another run is never followed by one of this", async () => {
    const made = machine();
    await made.image();
    await made.carry();
    const kept = await made.target.get(captureName(made.machine));
    made.images.disks[0]?.set(filled(512, "x"), 0);
    await made.image();
    await made.carry();
    await made.target.put(captureName(made.machine), kept?.body ?? Buffer.alloc(0), "any");
    made.images.lose("1/2");
    made.pass(400_000);
    await expect(made.image()).rejects.toMatchObject({ code: "ImageLost" });
  });
});

/** Turns until an image says that a disk has grown. */
async function untilGrown(made: ImageMachine) {
  for (let rounds = 0; rounds < 500; rounds++) {
    const turned = await made.turn();
    if (turned.grown.length > 0) return turned;
    made.pass(turned.wait);
  }
  throw new Error("nothing has grown");
}

/** Turns until the second image is in the journal; returns what it froze. */
async function untilImage(made: ImageMachine): Promise<Buffer[]> {
  for (let rounds = 0; rounds < 500; rounds++) {
    const { state, wait } = await made.turn();
    if (state.base && state.base.number > 1 && !state.next && state.swept) return frozen(made);
    made.pass(wait);
  }
  throw new Error("no image came");
}
