import { hash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sha256 } from "../../engine/core/digest.ts";
import { BLOCK, sequence } from "../../engine/core/units.ts";
import type { RecoveryPoint } from "../../engine/journal/manifest.ts";
import { countOf } from "../../engine/replication/blocks.ts";
import { isByImages } from "../../engine/replication/by-images.ts";
import { findMoment } from "../../engine/replication/moment.ts";
import { groundsOf } from "../../engine/replication/reach.ts";
import { restorePoint } from "../../engine/replication/restore.ts";
import { verifyPoint } from "../../engine/replication/verify-point.ts";
import type { CapturedMachine } from "../fixtures/captured-machine.ts";
import { MemorySink } from "../fixtures/memory-sink.ts";

/** Disks that somebody captures, as the suite drives them. */
export interface Captured {
  /** What is behind capture. */
  readonly journal: CapturedMachine;
  /** As the guest does. */
  write(disk: number, offset: number, data: Buffer): Promise<void>;
  zero(disk: number, offset: number, length: number): Promise<void>;
  /** Makes a point of what the disks hold, and has it in the target. */
  point(): Promise<void>;
  /** Whoever captures dies, so many steps into making a point, and another one goes on. */
  kill(steps: number): Promise<void>;
  /** What the next point would go on from is lost: a generation begins by comparison. */
  lose(): Promise<void>;
  /** The same, since the disk has become larger. */
  grow(disk: number, by: number): Promise<void>;
  close(): Promise<void>;
}

export interface ProviderUnderTest {
  readonly name: string;
  /** Of its two disks. */
  readonly sizes: readonly number[];
  /** Of each property. */
  readonly runs: number;
  open(disks: readonly Buffer[]): Promise<Captured>;
}

const SECTOR = 512;
/** A disk grows by multiples of it, so that its old end and its new one are in the middle of blocks. */
const GRAIN = BLOCK + 3 * SECTOR;

const change = fc.record({
  disk: fc.nat(1),
  sector: fc.nat(2000),
  sectors: fc.integer({ min: 1, max: 300 }),
  fill: fc.nat(3),
});
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;
const changes = fc.array(change, { maxLength: 5 });

const contentOf = (length: number, salt: string): Buffer =>
  Buffer.concat(
    Array.from({ length: Math.ceil(length / 32) }, (_, n) => hash("sha256", `${salt} ${n}`, "buffer")),
  ).subarray(0, length);

/** The disks, and beside them what they must be. */
class Scene {
  readonly model: Buffer[];
  readonly captured: Captured;
  /** What the disks were at each point. */
  readonly wanted: (Buffer[] | undefined)[] = [];

  private constructor(model: readonly Buffer[], captured: Captured) {
    this.model = [...model];
    this.captured = captured;
  }

  static async open(provider: ProviderUnderTest): Promise<Scene> {
    const disks = provider.sizes.map((size) => Buffer.alloc(size));
    disks[0]?.set(contentOf(2 * BLOCK, "first"), 4096);
    return new Scene(disks, await provider.open(disks.map((disk) => Buffer.from(disk))));
  }

  /** Zeros, or content that each write has of its own. */
  async apply({ disk, sector, sectors, fill }: Change): Promise<void> {
    const of = this.model[disk];
    if (!of) throw new RangeError(`there is no disk ${disk}`);
    const offset = (sector * SECTOR) % of.length;
    const length = Math.min(sectors * SECTOR, of.length - offset);
    if (fill === 0) {
      of.fill(0, offset, offset + length);
      return this.captured.zero(disk, offset, length);
    }
    const data = contentOf(length, `${fill} ${sector}`);
    of.set(data, offset);
    return this.captured.write(disk, offset, data);
  }

  async point(): Promise<void> {
    const before = this.captured.journal.points.length;
    await this.captured.point();
    // One that a process was killed in may come as well; it is of the same disks or of earlier ones.
    for (let n = this.captured.journal.points.length - before; n > 1; n--) this.wanted.push(undefined);
    this.wanted.push(this.model.map((disk) => Buffer.from(disk)));
  }

  async grow(disk: number, by: number): Promise<void> {
    const of = this.model[disk];
    if (of) this.model[disk] = Buffer.concat([of, Buffer.alloc(by)]);
    await this.captured.grow(disk, by);
  }
}

/** Every point is what the disks were, and its digests say so block by block. */
async function expectPoints({ captured: { journal }, wanted }: Scene): Promise<void> {
  const { points, target, key } = journal;
  expect(points.length).toBe(wanted.length);
  for (const [n, point] of points.entries()) {
    const disks = await journal.restored(point);
    if (wanted[n]) expect(disks.map(sha256)).toEqual(wanted[n].map(sha256));
    const { wrong } = await verifyPoint({ objects: target, key, point });
    expect(countOf(wrong)).toBe(0);
  }
}

/** Does the work, and then looks at every point that it has made. */
async function judged(provider: ProviderUnderTest, work: (scene: Scene) => Promise<void>): Promise<"sound"> {
  const scene = await Scene.open(provider);
  try {
    await work(scene);
    await expectPoints(scene);
    return "sound";
  } finally {
    await scene.captured.close();
  }
}

async function always<Input>(
  provider: ProviderUnderTest,
  inputs: fc.Arbitrary<Input>,
  work: (scene: Scene, input: Input) => Promise<void>,
): Promise<"sound"> {
  const property = fc.asyncProperty(inputs, async (input) => {
    await judged(provider, (scene) => work(scene, input));
  });
  await fc.assert(property, { numRuns: provider.runs });
  return "sound";
}

/** 4 KiB on disk 1. */
const writeAt = (sector: number): Change => ({ disk: 1, sector, sectors: 8, fill: 1 });

/** What every provider of captured disks must do, whichever it is. */
export function captureProvider(provider: ProviderUnderTest): void {
  describe(`capture by ${provider.name}`, () => {
    test("whatever is written between points, each restores to what the disks were at it, and its digests agree", () =>
      expect(
        always(provider, fc.array(changes, { minLength: 1, maxLength: 3 }), async (scene, rounds) => {
          await scene.point();
          for (const round of rounds) {
            for (const one of round) await scene.apply(one);
            await scene.point();
          }
        }),
      ).resolves.toBe("sound"));

    test("killed in the middle, again and again, whoever goes on makes the same of it", () =>
      expect(
        always(
          provider,
          fc.tuple(changes, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 })),
          async (scene, [round, kills]) => {
            await scene.point();
            for (const one of round) await scene.apply(one);
            for (const steps of kills) await scene.captured.kill(steps);
            await scene.point();
          },
        ),
      ).resolves.toBe("sound"));

    test("what was lost is compared: the older points stay, and only blocks that differ travel", () =>
      expect(
        judged(provider, async (scene) => {
          await scene.point();
          await scene.captured.lose();
          await scene.apply(writeAt(0));
          await scene.point();
          const { journal } = scene.captured;
          expect(journal.points.at(-1)?.generation).toBe(2);
          expect(journal.arrived.bytes).toBeGreaterThanOrEqual(8 * SECTOR);
          expect(journal.arrived.bytes).toBeLessThanOrEqual(BLOCK + 8 * SECTOR);
        }),
      ).resolves.toBe("sound"));

    test("what changed while nobody knew is found by the comparison", () =>
      expect(
        always(provider, fc.tuple(changes, changes), async (scene, [before, after]) => {
          for (const one of before) await scene.apply(one);
          await scene.point();
          await scene.captured.lose();
          for (const one of after) await scene.apply(one);
          await scene.point();
          await scene.captured.lose();
          await scene.point();
        }),
      ).resolves.toBe("sound"));
  });
}

/** Of those whose disks can grow by some sectors. */
export function growingDisks(provider: ProviderUnderTest): void {
  const growths = fc.tuple(changes, fc.nat(1), fc.integer({ min: 1, max: 3 }), changes);
  test("a disk that has grown is compared: older points have its old size, newer ones the new, and its new end is zeros", () =>
    expect(
      always(provider, growths, async (scene, [before, disk, grains, after]) => {
        for (const one of before) await scene.apply(one);
        await scene.point();
        await scene.grow(disk, grains * GRAIN);
        await scene.point();
        const { journal } = scene.captured;
        expect(journal.arrived.bytes).toBeLessThanOrEqual(BLOCK);
        for (const one of after) await scene.apply(one);
        await scene.point();
        const sizes = journal.points.map(({ disks }) => disks[disk]?.size);
        const old = provider.sizes[disk] ?? 0;
        expect(sizes).toEqual([old, old + grains * GRAIN, old + grains * GRAIN]);
      }),
    ).resolves.toBe("sound"));
}

/** Of those that see every write. */
export function everyWriteIsAState(provider: ProviderUnderTest): void {
  test("between two points the state after each write can be restored", () =>
    expect(
      judged(provider, async (scene) => {
        const [first, second] = await threeWrites(scene);
        for (let at = first.sequence + 1; at < second.sequence; at++) await expectPrefix(scene, first, at);
        expect(await saysImages(scene)).toBe(false);
      }),
    ).resolves.toBe("sound"));
}

/** Of those that see images. */
export function imagesAloneAreStates(provider: ProviderUnderTest): void {
  test("between two points no state can be restored, and the refusal names both", () =>
    expect(
      judged(provider, async (scene) => {
        const [first, second] = await threeWrites(scene);
        for (let at = first.sequence + 1; at < second.sequence; at++)
          await expect(find(scene, at)).rejects.toMatchObject({
            code: "MomentUnreachable",
            message: expect.stringContaining(`only ${first.sequence} and ${second.sequence} are states`),
          });
        expect(await saysImages(scene)).toBe(true);
        // Of an idle machine too: the last image had nothing new.
        await scene.point();
        expect(await saysImages(scene)).toBe(true);
      }),
    ).resolves.toBe("sound"));
}

/** A point, three writes in blocks of their own, and a point. */
async function threeWrites(scene: Scene): Promise<[RecoveryPoint, RecoveryPoint]> {
  await scene.point();
  for (let n = 0; n < 3; n++) await scene.apply(writeAt((n * BLOCK) / SECTOR));
  await scene.point();
  const { points } = scene.captured.journal;
  const [first, second] = [points.at(-2), points.at(-1)];
  if (!first || !second || second.sequence - first.sequence !== 3)
    throw new RangeError("these are not two points with three writes between");
  return [first, second];
}

const find = ({ captured: { journal } }: Scene, at: number) =>
  findMoment(
    { objects: journal.target, key: journal.key, machine: journal.machine },
    { kind: "write", sequence: sequence(at) },
  );

/** Who lists what can be restored does not promise more than there is. */
async function saysImages({ captured: { journal } }: Scene): Promise<boolean> {
  const ground = (await groundsOf(journal.target, journal.machine)).at(-1);
  return ground !== undefined && isByImages(ground);
}

/** The first point, and the writes behind it up to this one, each of 4 KiB in a block of its own on disk 1. */
async function expectPrefix(scene: Scene, first: RecoveryPoint, at: number): Promise<void> {
  const { journal } = scene.captured;
  const moment = await find(scene, at);
  const sinks = moment.disks.map(({ size }) => new MemorySink(size));
  await restorePoint({
    objects: journal.target,
    key: journal.key,
    point: moment,
    sinkFor: async ({ index }) => sinks[index],
  });
  const wanted = await journal.restored(first);
  for (let n = 0; n < at - first.sequence; n++)
    scene.model[1]?.copy(wanted[1] ?? Buffer.alloc(0), n * BLOCK, n * BLOCK, n * BLOCK + 8 * SECTOR);
  expect(sinks.map(({ content }) => sha256(content))).toEqual(wanted.map(sha256));
}
