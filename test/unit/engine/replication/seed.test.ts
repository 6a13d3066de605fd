import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { machineId } from "../../../../engine/core/ids.ts";
import {
  BLOCK,
  KIB,
  MIB,
  SECTOR,
  bytes,
  diskIndex,
  generation,
  micros,
  sequence,
} from "../../../../engine/core/units.ts";
import { rootOf } from "../../../../engine/journal/digest-tree.ts";
import { newDataKey } from "../../../../engine/journal/key.ts";
import { seedName } from "../../../../engine/journal/names.ts";
import { startOf } from "../../../../engine/journal/position.ts";
import { BaseDigests, offerDigests } from "../../../../engine/replication/base-digests.ts";
import { type HeldPoint, baseOf, createBase } from "../../../../engine/replication/lineage.ts";
import { restorePoint } from "../../../../engine/replication/restore.ts";
import { type SeedTurn, seed } from "../../../../engine/replication/seed.ts";
import { blockDigestsAt, imageDigests } from "../../../../engine/replication/verify.ts";
import { MemoryObjectStore } from "../../../../engine/storage/memory.ts";
import type { ObjectStore } from "../../../../engine/storage/store.ts";
import { collect } from "../../../fixtures/collect.ts";
import { type Fault, failing } from "../../../fixtures/failing.ts";
import { MemorySink } from "../../../fixtures/memory-sink.ts";

const machine = machineId("machine-3f9a01c2");
const key = newDataKey();
const FIRST = generation(7);

/** Two windows and a bit, and a disk of a single block. */
const emptyDisks = () => [Buffer.alloc(32 * MIB + SECTOR), Buffer.alloc(20 * KIB)];
const content = randomBytes(BLOCK);

interface Options {
  readonly of?: ReturnType<typeof generation>;
  readonly base?: BaseDigests;
  readonly chain?: Parameters<typeof startOf>[2];
  readonly segmentBytes?: number;
  readonly maxBytes?: number;
}

const turnOf = (objects: ObjectStore, disks: readonly Buffer[], o: Options = {}): Promise<SeedTurn> =>
  seed({
    objects,
    key,
    machine,
    start: startOf(o.of ?? FIRST, sequence(40), o.chain),
    disks: disks.map((disk, i) => ({
      index: diskIndex(i),
      size: bytes(disk.length),
      read: async (offset, length) => Buffer.from(disk.subarray(offset, offset + length)),
    })),
    base: o.base,
    limits: { segmentBytes: bytes(o.segmentBytes ?? MIB), maxBytes: bytes(o.maxBytes ?? 100 * MIB) },
    clock: () => micros(1e15),
  });

async function pointOf(objects: ObjectStore, disks: readonly Buffer[], o: Options = {}): Promise<HeldPoint> {
  for (let turns = 0; turns < 100; turns++) {
    const { point } = await turnOf(objects, disks, o);
    if (point) return point;
  }
  throw new Error("it never ends");
}

/** From the target alone; the digests that it names are checked against the roots. */
async function rebuilt(objects: ObjectStore, point: HeldPoint): Promise<Buffer[]> {
  const sinks = point.disks.map(({ size }) => new MemorySink(size));
  const disks = point.disks.map((disk) => ({ ...disk, name: "disk" }));
  await restorePoint({
    objects,
    key,
    point: { ...point, disks },
    sinkFor: async ({ index }) => sinks[index],
  });
  const digests = await blockDigestsAt({ objects, key, point });
  for (const [i, { content: disk }] of sinks.entries()) {
    const read = async (offset: number, length: number) => disk.subarray(offset, offset + length);
    const proved = Buffer.from(digests.get(diskIndex(i)) ?? []);
    expect(proved.equals(await imageDigests(read, bytes(disk.length)))).toBe(true);
  }
  return sinks.map(({ content: disk }) => disk);
}

/** Element by element would take minutes. */
const isSame = (found: readonly Buffer[], disks: readonly Buffer[]): boolean =>
  found.every((disk, i) => disk.equals(disks[i] ?? disk.subarray(1)));

const put = (disk: Buffer | undefined, block: number, fill: Uint8Array = content): void => {
  disk?.set(fill.subarray(0, Math.min(fill.length, disk.length - block * BLOCK)), block * BLOCK);
};

function some(): Buffer[] {
  const disks = emptyDisks();
  for (const block of [0, 1, 2, 255, 256, 400, 511, 512]) put(disks[0], block, randomBytes(BLOCK));
  put(disks[1], 0);
  return disks;
}

const stored = async (objects: ObjectStore): Promise<number> =>
  (await collect(objects.list("machines/"))).reduce((sum, { size }) => sum + size, 0);

/** What a generation that stands on the point is compared with. */
async function basedOn(objects: MemoryObjectStore, point: HeldPoint, of: ReturnType<typeof generation>) {
  const { digest, base } = await createBase(objects, baseOf(of, point));
  const digests = await blockDigestsAt({ objects, key, point });
  const place = { machine, generation: of, digest, id: point.id };
  await offerDigests({ cache: objects, key, place, disks: base.point.disks, digests });
  return { of, chain: digest, base: new BaseDigests({ cache: () => objects, key: () => key, place }) };
}

test("disks become a generation that they are rebuilt and proved from, without a manifest", async () => {
  const objects = new MemoryObjectStore();
  const disks = some();
  const point = await pointOf(objects, disks);
  expect(point).toMatchObject({ machine, generation: FIRST, position: { generation: FIRST } });
  for (const [i, { root, size }] of point.disks.entries()) {
    const disk = disks[i] ?? Buffer.alloc(0);
    const read = async (offset: number, length: number) => disk.subarray(offset, offset + length);
    expect(root).toBe(rootOf(size, await imageDigests(read, size)));
  }
  expect(isSame(await rebuilt(objects, point), disks)).toBe(true);
  expect(await collect(objects.list(`machines/${machine}/points/`))).toEqual([]);
});

test("zeros cost nothing", async () => {
  const objects = new MemoryObjectStore();
  const point = await pointOf(objects, emptyDisks());
  expect(point.position.next).toBe(1);
  expect(await stored(objects)).toBeLessThan(1000);
  expect(isSame(await rebuilt(objects, point), emptyDisks())).toBe(true);
});

test("on a base only what differs is written, and zeros where it held something", async () => {
  const objects = new MemoryObjectStore();
  const disks = some();
  const first = await pointOf(objects, disks);
  const before = await stored(objects);
  put(disks[0], 3, randomBytes(BLOCK));
  put(disks[0], 400, Buffer.alloc(BLOCK));
  const on = await basedOn(objects, first, generation(9));
  const offered = await stored(objects);
  const { copied, point } = await turnOf(objects, disks, on);
  expect(copied).toBe(2 * BLOCK);
  expect((await stored(objects)) - offered).toBeLessThan(1.1 * BLOCK);
  expect(before).toBeGreaterThan(7 * BLOCK);
  if (!point) throw new Error("not done");
  expect(isSame(await rebuilt(objects, point), disks)).toBe(true);
});

test("a run ends at its limit, and the next goes on where it was without reading again", async () => {
  const objects = new MemoryObjectStore();
  const disks = some();
  const done: number[] = [];
  let turn = await turnOf(objects, disks, { maxBytes: 1 });
  for (; !turn.point; turn = await turnOf(objects, disks, { maxBytes: 1 })) done.push(turn.compared);
  expect(isSame(await rebuilt(objects, turn.point), disks)).toBe(true);
  expect(done.slice(0, 4)).toEqual([16 * MIB, 32 * MIB, 32 * MIB + SECTOR, 32 * MIB + SECTOR + 20 * KIB]);
});

test("a state that is lost or unreadable costs reading the segments, and no more", async () => {
  const objects = new MemoryObjectStore();
  const disks = some();
  await turnOf(objects, disks, { maxBytes: 32 * MIB });
  await objects.put(seedName(machine, FIRST), Buffer.from("{"), "any");
  await turnOf(objects, disks, { maxBytes: 16 * MIB });
  await objects.delete([seedName(machine, FIRST)]);
  expect(isSame(await rebuilt(objects, await pointOf(objects, disks)), disks)).toBe(true);
});

/** Blocks that are in none of the versions. */
function strangers(disk: Buffer, versions: readonly (Buffer | undefined)[]): number[] {
  const found: number[] = [];
  for (let at = 0; at < disk.length; at += BLOCK) {
    const one = disk.subarray(at, at + BLOCK);
    if (!versions.some((version) => version?.subarray(at, at + BLOCK).equals(one))) found.push(at / BLOCK);
  }
  return found;
}

describe("whatever happens", () => {
  const change = fc.record({ disk: fc.nat(1), block: fc.nat(512), zero: fc.boolean() });
  const run = fc.record({
    dies: fc.integer({ min: 1, max: 30 }),
    when: fc.constantFrom<Fault["when"]>("before", "after"),
    maxBytes: fc.constantFrom(1, 20 * MIB, 100 * MIB),
    segmentBytes: fc.constantFrom(1, 3 * BLOCK, MIB),
    changes: fc.array(change, { maxLength: 4 }),
  });

  test("runs that die, that meet each other, and disks that change under them: each block is one that was there, and proved", async () => {
    const runs = fc.array(fc.tuple(run, run), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(runs, async (pairs) => {
        const objects = new MemoryObjectStore();
        const disks = some();
        const versions = [disks.map((disk) => Buffer.from(disk))];
        for (const pair of pairs) {
          const both = pair.map(({ dies: at, when, ...limits }) =>
            turnOf(failing(objects, { calls: 0, at, when }), disks, limits).catch(() => undefined),
          );
          for (const { disk, block, zero } of pair.flatMap(({ changes }) => changes))
            put(disks[disk], disk === 1 ? 0 : block, zero ? Buffer.alloc(BLOCK) : randomBytes(BLOCK));
          versions.push(disks.map((disk) => Buffer.from(disk)));
          await Promise.all(both);
        }
        const found = await rebuilt(objects, await pointOf(objects, disks));
        expect(found.length).toBe(2);
        for (const [i, disk] of found.entries())
          expect(
            strangers(
              disk,
              versions.map((version) => version[i]),
            ),
          ).toEqual([]);
      }),
      { numRuns: 12 },
    );
  }, 120_000);
});
