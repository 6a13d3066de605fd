import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Capture } from "../../../agent/capture.ts";
import { digestsOf, hashHere } from "../../../agent/hash-blocks.ts";
import { sha256 } from "../../../engine/core/digest.ts";
import {
  BLOCK,
  KIB,
  MIB,
  bytes,
  diskIndex,
  generation,
  millis,
  sequence,
} from "../../../engine/core/units.ts";
import { rootOf } from "../../../engine/journal/digest-tree.ts";
import { dataKey } from "../../../engine/journal/key.ts";
import { startOf } from "../../../engine/journal/position.ts";
import type { JournalRecord } from "../../../engine/journal/record.ts";
import { offerDigests, withdrawDigests } from "../../../engine/replication/base-digests.ts";
import type { Blocks } from "../../../engine/replication/blocks.ts";
import { LeewardError } from "../../../engine/core/errors.ts";
import { ExtentSet } from "../../../engine/core/extent.ts";
import { MemoryObjectStore } from "../../../engine/storage/memory.ts";
import { MemoryFileSystem, memoryFiles } from "../../fixtures/memory-files.ts";
import { Mortal } from "../../fixtures/mortal.ts";
import { KEY_BYTES, MACHINE, barrier, diskOf, readJournal, testMachine, until, write } from "./machine.ts";

const SIZES = [5 * MIB + 3 * BLOCK + 512, 3 * BLOCK];
const BASE = { digest: sha256(Buffer.from("base")), id: barrier(7) };
const POLICY = { sealBytes: bytes(256 * KIB), sealAge: millis(5), heartbeatEvery: millis(50) };
const key = dataKey(KEY_BYTES);

/** A machine whose agent begins generation 2 on a base, with everything that it touches in memory. */
class Scene {
  readonly store = new MemoryObjectStore();
  readonly #system = new MemoryFileSystem();
  readonly #base: readonly Buffer[];
  readonly model: Buffer[];
  #life = new Mortal();
  capture: Capture;

  constructor(base: readonly Buffer[], now: readonly Buffer[]) {
    this.#base = base;
    this.model = now.map((disk) => Buffer.from(disk));
    now.forEach((disk, n) => this.#system.put(`/disks/${n}.img`, disk));
    this.#system.makeDirectory("/spool");
    this.capture = this.#start();
  }

  async offer(forced?: Blocks): Promise<void> {
    const disks = this.#base.map((disk, index) => ({ index: diskIndex(index), size: bytes(disk.length) }));
    const digests = new Map(this.#base.map((disk, index) => [diskIndex(index), digestsOf(disk)]));
    const place = { machine: MACHINE, generation: generation(2), ...BASE };
    await offerDigests({ cache: this.store, key, place, disks, digests, forced });
  }

  begin(): void {
    this.capture.begin({
      machine: MACHINE,
      generation: generation(2),
      from: sequence(40),
      base: BASE,
      policy: POLICY,
      store: this.#life.store(this.store),
      key,
    });
  }

  /** Another process takes over where this one is killed. */
  restart(): void {
    this.#life.kill();
    this.#life = new Mortal();
    this.capture = this.#start();
    if (this.capture.resume?.generation !== 2) throw new Error("the journal cannot be continued");
    this.begin();
  }

  write(disk: number, offset: number, data: Buffer): void {
    write(diskOf(this, disk), offset, data);
    this.model[disk]?.set(data, offset);
  }

  /** Sets a barrier behind the comparison, and returns all that the generation holds. */
  async finish(): Promise<JournalRecord[]> {
    await until(() => this.capture.status?.mode !== "resync");
    await this.capture.requestBarrier(barrier(1));
    for (;;) {
      const records = await readJournal(this.store, startOf(generation(2), sequence(40), BASE.digest));
      if (records.some(({ kind }) => kind === "proof")) return records;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** What the base becomes with the writes of the records. */
  replayed(records: readonly JournalRecord[]): Buffer[] {
    const disks = this.#base.map((disk) => Buffer.from(disk));
    for (const record of records) {
      if (record.kind === "data") disks[record.disk]?.set(record.data, record.offset);
      if (record.kind === "zero") disks[record.disk]?.fill(0, record.offset, record.offset + record.length);
    }
    return disks;
  }

  /** What the base's digests become with those of the records. */
  tables(records: readonly JournalRecord[]): Buffer[] {
    const tables = this.#base.map((disk) => Buffer.from(digestsOf(disk)));
    for (const record of records)
      if (record.kind === "digests")
        record.blocks.forEach((block, n) =>
          tables[record.disk]?.set(record.digests.subarray(n * 32, n * 32 + 32), block * 32),
        );
    return tables;
  }

  #start(): Capture {
    const life = this.#life;
    return new Capture({
      diskPaths: this.model.map((_, n) => `/disks/${n}.img`),
      spoolDirectory: "/spool",
      spoolLimit: bytes(64 * MIB),
      files: life.files(memoryFiles(this.#system)),
      hashBlocks: (...range) => life.waits(() => hashHere(...range)),
    });
  }
}

/** Empty disks with some blocks full of something. */
function disksOf(
  blocks: readonly { disk: number; block: number; fill: number }[],
  from?: readonly Buffer[],
): Buffer[] {
  const disks = SIZES.map((size, n) => Buffer.from(from?.[n] ?? Buffer.alloc(size)));
  for (const { disk, block, fill } of blocks) {
    const found = disks[disk] ?? Buffer.alloc(0);
    const at = (block * BLOCK) % (Math.ceil(found.length / BLOCK) * BLOCK);
    found.fill(fill, at, Math.min(at + BLOCK, found.length));
  }
  return disks;
}

function expectWhole(scene: Scene, records: readonly JournalRecord[]): void {
  expect(scene.replayed(records).map(sha256)).toEqual(scene.model.map(sha256));
  const tables = scene.tables(records);
  expect(tables.map(sha256)).toEqual(scene.model.map((disk) => sha256(digestsOf(disk))));
  const proof = records.find((one) => one.kind === "proof");
  expect(proof?.kind === "proof" && proof.roots.map(({ root }) => root)).toEqual(
    scene.model.map((disk, n) => rootOf(bytes(disk.length), tables[n] ?? Buffer.alloc(0))),
  );
}

const carriedBy = (records: readonly JournalRecord[]): number =>
  records.reduce((sum, one) => sum + (one.kind === "data" ? one.data.length : 0), 0);

describe("a generation that stands on a base", () => {
  const base = disksOf([0, 1, 2, 17, 40, 81].map((block) => ({ disk: 0, block, fill: block + 1 })));

  test("sends only what differs, and names only that", async () => {
    // One block changed, one came, one became zeros.
    const now = disksOf(
      [
        { disk: 0, block: 17, fill: 99 },
        { disk: 0, block: 60, fill: 98 },
        { disk: 0, block: 40, fill: 0 },
      ],
      base,
    );
    const scene = new Scene(base, now);
    await scene.offer();
    scene.begin();
    const records = await scene.finish();
    expectWhole(scene, records);
    expect(carriedBy(records)).toBe(2 * BLOCK);
    expect(records.filter(({ kind }) => kind === "zero")).toHaveLength(1);
    const named = records.flatMap((one) => (one.kind === "digests" ? [...one.blocks] : []));
    expect(named).toEqual([17, 40, 60]);
  });

  test("waits for the digests, and the guest does not", async () => {
    const scene = new Scene(base, base);
    scene.begin();
    scene.write(0, 5 * BLOCK + 512, Buffer.alloc(1024, 5));
    await until(() => scene.capture.status?.cached.sequence === 41);
    expect(scene.capture.status?.mode).toBe("resync");
    await scene.offer();
    const records = await scene.finish();
    expectWhole(scene, records);
    expect(carriedBy(records)).toBe(1024 + BLOCK);
  });

  test("sends forced blocks whatever they hold", async () => {
    const scene = new Scene(base, base);
    await scene.offer(new Map([[diskIndex(0), ExtentSet.of([{ start: 1, end: 4 }])]]));
    scene.begin();
    const records = await scene.finish();
    expectWhole(scene, records);
    expect(carriedBy(records)).toBe(2 * BLOCK);
  });

  test("leaves nothing in the cache once its digests are withdrawn", async () => {
    const scene = new Scene(base, base);
    await scene.offer();
    await withdrawDigests(scene.store, MACHINE, generation(1));
    expect(await namesIn(scene.store)).not.toEqual([]);
    await withdrawDigests(scene.store, MACHINE, generation(2));
    expect(await namesIn(scene.store)).toEqual([]);
  });

  test("does not believe digests of another base", async () => {
    const scene = new Scene(base, base);
    await scene.offer();
    const other = new Scene(disksOf([]), base);
    await other.offer();
    for (const name of await namesIn(other.store)) {
      const found = await other.store.get(name);
      if (name.includes("00-blocks"))
        await scene.store.put(name, Buffer.from(found?.body.subarray(0, 300) ?? []), "any");
    }
    scene.begin();
    scene.write(0, 0, Buffer.alloc(BLOCK, 77));
    await until(() => scene.capture.status?.cached.sequence === 41);
    expect(scene.capture.status?.mode).toBe("resync");
    await scene.offer();
    expectWhole(scene, await scene.finish());
  });
});

async function namesIn(store: MemoryObjectStore): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of store.list("machines/")) names.push(name);
  return names;
}

const block = fc.record({ disk: fc.nat(1), block: fc.nat(83), fill: fc.nat(255) });
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("write" as const),
      disk: fc.nat(1),
      sector: fc.nat(12_000),
      sectors: fc.integer({ min: 1, max: 200 }),
      fill: fc.nat(255),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant("breathe" as const), turns: fc.integer({ min: 1, max: 40 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("kill" as const) }) },
);

test("whatever differs, whatever is written meanwhile, whenever it is killed: it ends as the disks are", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(block, { maxLength: 30 }),
      fc.array(block, { maxLength: 20 }),
      fc.array(step, { maxLength: 30 }),
      async (held, changed, steps) => {
        const base = disksOf(held);
        const scene = new Scene(base, disksOf(changed, base));
        await scene.offer();
        scene.begin();
        for (const one of steps) {
          if (one.do === "kill") scene.restart();
          else if (one.do === "breathe")
            for (let n = 0; n < one.turns; n++) await new Promise((resolve) => setImmediate(resolve));
          else {
            const all = (SIZES[one.disk] ?? 0) / 512;
            const sector = one.sector % all;
            const data = Buffer.alloc(Math.min(one.sectors, all - sector) * 512, one.fill);
            scene.write(one.disk, sector * 512, data);
          }
        }
        const records = await scene.finish();
        expect(records.map(({ kind }) => kind)).toContain("proof");
        // What the guest wrote is told from what was copied, by value, by reference, and after a kill.
        const writes = records.filter((one) => one.kind === "data" || one.kind === "zero");
        expect(writes.filter(({ copied }) => !copied)).toHaveLength(
          steps.filter((one) => one.do === "write").length,
        );
        expectWhole(scene, records);
      },
    ),
    { numRuns: 25 },
  );
});

describe("an agent that knows what changed since the base", () => {
  const content = Buffer.alloc(24 * MIB, 3);
  const at = (block: number) => block * BLOCK;

  /** Breaks generation 1 behind a proved point, with writes on both sides, and begins generation 2 on that point. */
  async function broken(
    marked: boolean,
    { forced, early = false }: { forced?: Blocks; early?: boolean } = {},
  ) {
    let hashed = 0;
    const machine = testMachine([content], 64 * MIB, {
      hashBlocks: async (disk, offset, length) => {
        hashed += length;
        return hashHere(disk, offset, length);
      },
    });
    machine.begin();
    await until(() => machine.capture.status?.mode === "streaming");
    await machine.capture.requestBarrier(BASE.id);
    await until(() => machine.capture.status?.backlog.segments === 0);
    write(diskOf(machine), at(100), Buffer.alloc(512, 9));
    machine.capture.stop(new LeewardError("SpoolFull", "for this test"));
    write(diskOf(machine), at(300) + 512, Buffer.alloc(1024, 8));
    await diskOf(machine).zero(bytes(at(301)), bytes(4096));
    hashed = 0;
    const place = { machine: MACHINE, generation: generation(2), ...BASE };
    const disks = [{ index: diskIndex(0), size: bytes(content.length) }];
    const digests = new Map([[diskIndex(0), digestsOf(content)]]);
    await offerDigests({ cache: machine.store, key, place, disks, digests, forced });
    machine.capture.begin({
      machine: MACHINE,
      generation: generation(2),
      from: sequence(500),
      base: { ...BASE, marked },
      policy: POLICY,
      store: machine.store,
      key,
    });
    if (early) write(diskOf(machine), at(350), Buffer.alloc(512, 7));
    await until(() => machine.capture.status?.mode === "streaming");
    await machine.capture.requestBarrier(barrier(8));
    await until(() => machine.capture.status?.backlog.segments === 0);
    const records = await machine.journal(2, 500, BASE.digest);
    return { records, hashed, now: readFileSync(machine.diskPaths[0] ?? "") };
  }

  test.each([true, false])(
    "reads the marked regions alone, or all when it is told to: %s",
    async (marked) => {
      const { records, hashed, now } = await broken(marked);
      const all = content.length;
      expect(marked ? hashed : all - hashed).toBeLessThan(all / 2);
      const disk = Buffer.from(content);
      for (const record of records) {
        if (record.kind === "data") disk.set(record.data, record.offset);
        if (record.kind === "zero") disk.fill(0, record.offset, record.offset + record.length);
      }
      expect(sha256(disk)).toBe(sha256(now));
      expect(carriedBy(records)).toBe(3 * BLOCK);
      const proof = records.find((one) => one.kind === "proof");
      const root = rootOf(bytes(all), digestsOf(now));
      expect(proof?.kind === "proof" && proof.roots).toEqual([{ disk: 0, size: all, root }]);
    },
  );

  test("hashes what was written before it is compared, although it is not marked", async () => {
    const { records, now } = await broken(true, { early: true });
    expect(carriedBy(records)).toBe(3 * BLOCK + 512);
    const proof = records.find((one) => one.kind === "proof");
    const root = rootOf(bytes(content.length), digestsOf(now));
    expect(proof?.kind === "proof" && proof.roots).toEqual([{ disk: 0, size: content.length, root }]);
  });

  test("sends forced blocks all the same", async () => {
    const forced = new Map([[diskIndex(0), ExtentSet.of([{ start: 200, end: 201 }])]]);
    const { records } = await broken(true, { forced });
    expect(carriedBy(records)).toBe(4 * BLOCK);
  });
});

test("what differs never fills the spool, however much it is", async () => {
  // Nothing of it can be compressed, and only three pieces would find room.
  const machine = testMachine([randomBytes(40 * MIB)], 24 * MIB);
  machine.begin();
  await until(() => machine.capture.status?.mode !== "initial-copy");
  expect(machine.capture.status).toMatchObject({ mode: "streaming", problem: undefined });
});
