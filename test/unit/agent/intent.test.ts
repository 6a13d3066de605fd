import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Disk } from "../../../agent/disk.ts";
import type { Files } from "../../../agent/files.ts";
import { WriteIntent } from "../../../agent/intent.ts";
import { NO_DIGEST } from "../../../engine/core/digest.ts";
import type { Clock } from "../../../engine/core/clock.ts";
import type { BarrierId } from "../../../engine/core/ids.ts";
import {
  BLOCK,
  GIB,
  MIB,
  SECTOR,
  bytes,
  diskIndex,
  generation,
  micros,
  sequence,
} from "../../../engine/core/units.ts";
import { MemoryFileSystem, memoryFiles } from "../../fixtures/memory-files.ts";
import { Dice } from "../../simulation/dice.ts";
import { barrier } from "./machine.ts";

/** Two disks, with a last region that is not whole. */
const SIZES = [6 * BLOCK, 2 * BLOCK + SECTOR];
const INTENT = "/spool/intent";

class TestClock implements Clock {
  time = 0;
  readonly now = () => micros(this.time);
  readonly sleep = async () => undefined;
}

interface Point {
  readonly id: BarrierId;
  readonly generation: number;
  readonly sequence: number;
  /** What the disks held. */
  readonly disks: readonly Buffer[];
}

/** A machine and the agent's marks on it. Every write counts as journalled, every barrier as proved. */
class Scene {
  readonly system = new MemoryFileSystem();
  readonly clock = new TestClock();
  readonly points: Point[] = [];
  readonly #fault: (files: Files) => Files;
  readonly #sizes: readonly number[];
  #disks: Disk[] = [];
  intent: WriteIntent;
  generation = 1;
  /** The machine crashed, and no generation has begun since: no barrier is set. */
  lost = false;
  #writes = 0;

  constructor(sizes: readonly number[] = SIZES, fault: (files: Files) => Files = (files) => files) {
    this.#sizes = sizes;
    this.#fault = fault;
    sizes.forEach((size, n) => this.system.put(`/disks/${n}`, Buffer.alloc(size)));
    this.system.makeDirectory("/spool");
    memoryFiles(this.system).sync("/spool");
    this.intent = this.#start();
    this.intent.begin(generation(1), undefined, false);
  }

  #start(): WriteIntent {
    const files = this.#fault(memoryFiles(this.system));
    this.#disks = this.#sizes.map((_, n) => new Disk(files, `/disks/${n}`));
    return new WriteIntent({
      files,
      directory: "/spool",
      disks: this.#disks,
      clock: this.clock,
      region: bytes(BLOCK),
    });
  }

  write(disk: number, offset: number, data: Buffer): void {
    this.intent.mark(diskIndex(disk), bytes(offset), bytes(data.length));
    this.#writes++;
    this.#disks[disk]?.write(bytes(offset), bytes(data.length), [data]);
  }

  barrier(): BarrierId {
    const id = barrier(this.points.length + 1);
    this.intent.barrier(id, sequence(this.#writes));
    const disks = this.contents;
    this.points.push({ id, generation: this.generation, sequence: this.#writes, disks });
    return id;
  }

  get contents(): Buffer[] {
    return this.#sizes.map((_, n) => Buffer.from(this.system.content(`/disks/${n}`)));
  }

  /** Another process. */
  restart(): void {
    this.intent = this.#start();
  }

  crash(dice: Dice): void {
    this.system.crash(dice);
    this.restart();
    this.lost = true;
  }

  /** Ends in peace. */
  async close(): Promise<void> {
    for (const disk of this.#disks) await disk.flush();
    this.intent.close();
  }

  since(point: Point) {
    return this.intent.since(baseOf(point));
  }

  begin(point: Point): void {
    const keep = this.since(point) !== undefined;
    this.intent.begin(generation(++this.generation), baseOf(point), keep);
    this.lost = false;
  }

  /** Blocks that are not as in the point and not marked, of a base that the marks are said to reach. */
  missed(point: Point): string[] {
    const marked = this.since(point);
    if (!marked) return [];
    return this.contents.flatMap((now, disk) =>
      blocksOf(now.length)
        .filter((n) => !block(now, n).equals(block(point.disks[disk] ?? Buffer.alloc(0), n)))
        .filter((n) => !marked.disks[disk]?.has(n))
        .map((n) => `block ${n} of disk ${disk} since ${point.id}`),
    );
  }
}

const baseOf = ({ id, generation: of, sequence: at }: Point) => ({
  digest: NO_DIGEST,
  id,
  generation: generation(of),
  sequence: sequence(at),
});
const block = (disk: Buffer, n: number) => disk.subarray(n * BLOCK, (n + 1) * BLOCK);
const blocksOf = (size: number) => Array.from({ length: Math.ceil(size / BLOCK) }, (_, n) => n);

function write(scene: Scene, dice: Dice): void {
  const disk = dice.below(SIZES.length);
  const sectors = (SIZES[disk] ?? 0) / SECTOR;
  const first = dice.below(sectors);
  const count = Math.min(1 + dice.below(3), sectors - first);
  scene.write(disk, first * SECTOR, dice.bytes(count * SECTOR));
}

/** Whatever happens to a machine; returns what was missed after any of it. */
async function live(seed: number, steps: number, fault?: (files: Files) => Files): Promise<string[]> {
  const dice = new Dice(seed);
  const scene = new Scene(SIZES, fault);
  for (let step = 0; step < steps; step++) {
    scene.clock.time += dice.below(400_000);
    const newest = scene.points.at(-1);
    const some = scene.points.at(-1 - dice.below(3)) ?? newest;
    const act = dice.weighted<() => unknown>([
      [8, () => write(scene, dice)],
      [3, () => scene.lost || scene.barrier()],
      [3, () => some && scene.intent.arrived(some.id)],
      [2, () => scene.intent.flush(diskIndex(dice.below(SIZES.length)))],
      [0.5, () => scene.restart()],
      [0.3, () => scene.close().then(() => scene.restart())],
      [1, () => scene.crash(dice)],
      [1, () => some && scene.begin(some)],
    ]);
    const before = scene.intent;
    await act?.();
    // A crash, or a process that takes over, is where it counts.
    if (scene.intent === before && step < steps - 1) continue;
    const missed = scene.points.slice(-4).flatMap((point) => scene.missed(point));
    if (missed.length > 0) return missed;
  }
  return [];
}

describe("whatever is written, flushed, killed or crashes, whichever point is the base", () => {
  const seeds = fc.integer({ min: 1, max: 2 ** 30 });

  test("all that is not as in it is marked", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        expect(await live(seed, 120)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  const LATE = (files: Files): Files => ({
    ...files,
    open: (path, mode) => files.open(path, mode === "durable" ? "update" : mode),
  });
  const UNFLUSHED = (files: Files): Files => ({
    ...files,
    open: (path, mode) =>
      path.startsWith("/disks")
        ? { ...files.open(path, mode), sync: async () => undefined }
        : files.open(path, mode),
  });

  test.each([
    ["are durable later than the write", LATE],
    ["go although the disk was not flushed", UNFLUSHED],
  ])("and it shows when marks %s", async (_, fault) => {
    const missed: string[] = [];
    for (let seed = 1; seed <= 200 && missed.length === 0; seed++)
      missed.push(...(await live(seed, 120, fault)));
    expect(missed).not.toEqual([]);
  });
});

/** A machine with one point that has arrived, so that nothing need be marked but what stays. */
async function settled(sizes: readonly number[] = [64 * BLOCK]): Promise<{ scene: Scene; point: Point }> {
  const scene = new Scene(sizes);
  await scene.intent.arrived(scene.barrier());
  return { scene, point: pointOf(scene, 0) };
}

function pointOf({ points }: Scene, n: number): Point {
  const point = points[n];
  if (!point) throw new Error(`there is no point ${n}`);
  return point;
}

const marks = (scene: Scene, point: Point) => scene.since(point)?.disks.map((disk) => [...(disk ?? [])]);

describe("marks", () => {
  test("are all there until the first point of the first generation", async () => {
    const scene = new Scene();
    scene.barrier();
    expect(scene.since(pointOf(scene, 0))).toBeUndefined();
    expect(scene.intent.whyNot(baseOf(pointOf(scene, 0)))).toMatch(/no point/);
  });

  test("go with a point that holds the writes, but for a sixty-fourth of the disk", async () => {
    const { scene, point } = await settled([128 * BLOCK]);
    expect(marks(scene, point)).toEqual([[126, 127]]);
    scene.write(0, 5 * BLOCK, Buffer.alloc(SECTOR, 1));
    expect(marks(scene, point)).toEqual([[5, 126, 127]]);
  });

  test("stay for what was written behind the point's barrier, over a crash", async () => {
    const { scene } = await settled();
    scene.write(0, 3 * BLOCK, Buffer.alloc(SECTOR, 1));
    const id = scene.barrier();
    scene.write(0, 9 * BLOCK, Buffer.alloc(SECTOR, 1));
    await scene.intent.arrived(id);
    scene.crash(new Dice(1));
    expect(marks(scene, pointOf(scene, 1))).toEqual([[9]]);
    expect(scene.intent.crashed).toBe(true);
  });

  test("say nothing of a point that is older than theirs, or that was made by somebody else", async () => {
    const { scene, point } = await settled();
    scene.write(0, 3 * BLOCK, Buffer.alloc(SECTOR, 1));
    await scene.intent.arrived(scene.barrier());
    expect(scene.since(point)).toBeUndefined();
    expect(scene.intent.whyNot(baseOf(point))).toMatch(/since point .* and the base is/);
    expect(scene.since({ ...point, generation: 2, id: barrier(900) })).toBeUndefined();
  });

  test("are made for more regions at once while many are made", async () => {
    const { scene } = await settled([1024 * BLOCK]);
    let made = 0;
    for (let n = 0; n < 1024; n++) {
      const before = scene.intent.marked;
      scene.write(0, ((n * 389) % 1024) * BLOCK, Buffer.alloc(SECTOR, 1));
      if (scene.intent.marked !== before) made++;
    }
    expect(made).toBeLessThanOrEqual(8 * 11);
    expect(scene.intent.marked).toBe(1024);
  });

  test("of a terabyte come in 16,384 regions, and of a small disk in 4 MiB each", async () => {
    const files = memoryFiles(new MemoryFileSystem());
    const disks = [1024 * GIB, 10 * MIB].map((size) =>
      Object.assign(Object.create(null), { size: bytes(size) }),
    );
    files.makeDirectory("/spool");
    const intent = new WriteIntent({ files, directory: "/spool", disks, clock: new TestClock() });
    intent.begin(generation(1), undefined, false);
    expect(intent.marked).toBe(16_384 + 3);
    expect(files.read(INTENT).length).toBeLessThan(12 * 1024);
  });
});

describe("a file", () => {
  const spoilt = async (spoil: (content: Buffer) => Buffer) => {
    const { scene, point } = await settled();
    scene.system.put(INTENT, spoil(Buffer.from(scene.system.content(INTENT))));
    scene.restart();
    return { scene, point };
  };

  test.each<[string, (content: Buffer) => Buffer, RegExp]>([
    ["without its end", (content) => content.subarray(0, -1), /sector 0 is damaged/],
    ["with a bit that changed", (content) => flipped(content, content.length - 400), /sector 0 is damaged/],
    ["with both headers gone", (content) => content.fill(0, 0, 8192), /no sound header/],
    // What it says was cleared for the newer one.
    ["with its newer header gone", (content) => content.fill(0, 0, 4096), /sector 0 is damaged/],
    ["that is empty", () => Buffer.alloc(0), /no sound header/],
  ])("%s is not believed, and goes", async (_, spoil, why) => {
    const { scene, point } = await spoilt(spoil);
    expect(scene.since(point)).toBeUndefined();
    expect(scene.intent.whyNot(baseOf(point))).toMatch(why);
    expect(scene.system.exists(INTENT)).toBe(false);
  });

  test("with its older header gone is as good as before", async () => {
    const { scene, point } = await spoilt((content) => content.fill(0, 4096, 8192));
    expect(scene.since(point)).toBeDefined();
  });

  test("of a disk that changed while no agent ran is not believed", async () => {
    const { scene, point } = await settled();
    await scene.close();
    scene.system.write(scene.system.file("/disks/0"), Buffer.alloc(SECTOR, 1), 0);
    scene.restart();
    expect(scene.intent.whyNot(baseOf(point))).toMatch(/changed while no agent ran/);
  });

  test("that an orderly end left is gone on with", async () => {
    const { scene, point } = await settled();
    await scene.close();
    scene.crash(new Dice(1));
    expect(scene.since(point)).toBeDefined();
    expect(scene.intent.crashed).toBe(false);
  });

  test("that cannot be written any more ends the marks with an error, and goes", async () => {
    const full = Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
    let broken = false;
    const scene = new Scene([64 * BLOCK], (files) => ({
      ...files,
      open: (path, mode) => ({
        ...files.open(path, mode),
        ...(mode === "durable" && {
          write: (...args) => {
            if (broken) throw full;
            return files.open(path, mode).write(...args);
          },
        }),
      }),
    }));
    await scene.intent.arrived(scene.barrier());
    broken = true;
    expect(() => scene.write(0, 0, Buffer.alloc(SECTOR, 1))).toThrow(/no mark can be made: ENOSPC/);
    expect(scene.system.exists(INTENT)).toBe(false);
    scene.write(0, 0, Buffer.alloc(SECTOR, 1));
  });
});

const flipped = (content: Buffer, at: number): Buffer => {
  content.writeUInt8(content.readUInt8(at) ^ 1, at);
  return content;
};
