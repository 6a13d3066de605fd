import fc from "fast-check";
import { expect, test } from "vitest";
import { Capture } from "../../../agent/capture.ts";
import { digestsOf, hashHere } from "../../../agent/hash-blocks.ts";
import { sha256 } from "../../../engine/core/digest.ts";
import { BLOCK, MIB, bytes, diskIndex, generation, millis, sequence } from "../../../engine/core/units.ts";
import { rootOf } from "../../../engine/journal/digest-tree.ts";
import { dataKey } from "../../../engine/journal/key.ts";
import { startOf } from "../../../engine/journal/position.ts";
import type { JournalRecord } from "../../../engine/journal/record.ts";
import { offerDigests } from "../../../engine/replication/base-digests.ts";
import { MemoryObjectStore } from "../../../engine/storage/memory.ts";
import { MemoryFileSystem, memoryFiles } from "../../fixtures/memory-files.ts";
import { Mortal } from "../../fixtures/mortal.ts";
import { Dice } from "../../simulation/dice.ts";
import { KEY_BYTES, MACHINE, barrier, diskOf, readJournal, until, write } from "./machine.ts";

const SIZES = [10 * BLOCK + 512, 5 * BLOCK];
const POLICY = { sealBytes: bytes(MIB / 4), sealAge: millis(5), heartbeatEvery: millis(50) };
const BASE = sha256(Buffer.from("base"));
const key = dataKey(KEY_BYTES);

/** A machine whose newest point is barrier 1 of generation 1, and what it held. */
class Machine {
  readonly store = new MemoryObjectStore();
  readonly system = new MemoryFileSystem();
  #life = new Mortal();
  capture = this.#start();
  hashed = 0;
  point: Buffer[] = [];
  #at = 0;

  static async withPoint(dice: Dice): Promise<Machine> {
    const machine = new Machine();
    machine.capture.begin({ ...machine.#terms(), generation: generation(1), from: sequence(0) });
    await machine.streaming();
    for (let n = 0; n < 10; n++) machine.write(dice);
    machine.#at = machine.capture.status?.captured.sequence ?? 0;
    machine.point = machine.contents;
    await machine.capture.requestBarrier(barrier(1));
    await machine.capture.point(generation(1), barrier(1));
    return machine;
  }

  get contents(): Buffer[] {
    return SIZES.map((_, n) => Buffer.from(this.system.content(`/disks/${n}`)));
  }

  write(dice: Dice): void {
    const disk = dice.below(SIZES.length);
    const offset = dice.below((SIZES[disk] ?? 0) / 512) * 512;
    write(diskOf(this, disk), offset, dice.bytes(512));
  }

  crash(dice: Dice): void {
    this.restart(() => this.system.crash(dice));
  }

  restart(meanwhile: () => void = () => undefined): void {
    this.#life.kill();
    meanwhile();
    this.#life = new Mortal();
    this.capture = this.#start();
  }

  /** Generation 2 stands on the point. Returns its records, up to the proof of a barrier of its own. */
  async resync(): Promise<JournalRecord[]> {
    const disks = SIZES.map((size, index) => ({ index: diskIndex(index), size: bytes(size) }));
    const digests = new Map(this.point.map((disk, index) => [diskIndex(index), digestsOf(disk)]));
    const place = { machine: MACHINE, generation: generation(2), digest: BASE, id: barrier(1) };
    await offerDigests({ cache: this.store, key, place, disks, digests });
    const point = { generation: generation(1), sequence: sequence(this.#at) };
    const base = { digest: BASE, id: barrier(1), ...point, marked: true };
    this.hashed = 0;
    this.capture.begin({ ...this.#terms(), generation: generation(2), from: sequence(500), base });
    await this.streaming();
    await this.capture.requestBarrier(barrier(2));
    for (;;) {
      const records = await readJournal(this.store, startOf(generation(2), sequence(500), BASE));
      if (records.some(({ kind }) => kind === "proof")) return records;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  async streaming(): Promise<void> {
    await until(() => this.capture.status?.mode === "streaming");
  }

  #terms() {
    return { machine: MACHINE, policy: POLICY, store: this.#life.store(this.store), key };
  }

  #start(): Capture {
    if (!this.system.exists("/spool")) {
      SIZES.forEach((size, n) => this.system.put(`/disks/${n}`, Buffer.alloc(size, 1 + n)));
      this.system.makeDirectory("/spool");
      memoryFiles(this.system).sync("/spool");
    }
    return new Capture({
      diskPaths: SIZES.map((_, n) => `/disks/${n}`),
      spoolDirectory: "/spool",
      spoolLimit: bytes(64 * MIB),
      files: this.#life.files(memoryFiles(this.system)),
      markedRegion: bytes(BLOCK),
      hashBlocks: async (disk, offset, length) => {
        this.hashed += length;
        return hashHere(disk, offset, length);
      },
    });
  }
}

function replayed(point: readonly Buffer[], records: readonly JournalRecord[]): Buffer[] {
  const disks = point.map((disk) => Buffer.from(disk));
  for (const record of records) {
    if (record.kind === "data") disks[record.disk]?.set(record.data, record.offset);
    if (record.kind === "zero") disks[record.disk]?.fill(0, record.offset, record.offset + record.length);
  }
  return disks;
}

const digestsIn = (disks: readonly Buffer[]) => disks.map((disk) => sha256(disk));
const rootsIn = (records: readonly JournalRecord[]) =>
  records.flatMap((one) => (one.kind === "proof" ? one.roots.map(({ root }) => root) : []));

test("behind a crash the new generation holds what the disks hold, whatever was lost", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 2 ** 30 }), async (seed) => {
      const dice = new Dice(seed);
      const machine = await Machine.withPoint(dice);
      for (let n = dice.below(6); n > 0; n--) machine.write(dice);
      if (dice.chance(0.5)) await diskOf(machine, 0).flush();
      machine.crash(dice);
      expect(machine.capture.crashed).toBe(true);
      // Nobody records these, but for their marks.
      for (let n = dice.below(3); n > 0; n--) machine.write(dice);
      const records = await machine.resync();
      const now = machine.contents;
      expect(digestsIn(replayed(machine.point, records))).toEqual(digestsIn(now));
      expect(rootsIn(records)).toEqual(now.map((disk) => rootOf(bytes(disk.length), digestsOf(disk))));
    }),
    { numRuns: 8 },
  );
});

test("a crash behind a clean end and a new start does not bring the clean end back", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const dice = new Dice(seed);
    const machine = await Machine.withPoint(dice);
    machine.write(dice);
    await machine.capture.close(millis(0));
    machine.restart();
    expect(machine.capture.resume?.generation).toBe(1);
    machine.restart(() => {
      machine.system.crash(dice);
      const { clean } = JSON.parse(machine.system.content("/spool/state.json").toString());
      expect(clean, `SEED ${seed}`).toBe(false);
    });
    expect(machine.capture.resume, `SEED ${seed}`).toBeUndefined();
  }
});

test("only what is marked is read", async () => {
  const machine = await Machine.withPoint(new Dice(1));
  write(diskOf(machine), 7 * BLOCK, Buffer.alloc(512, 9));
  machine.crash(new Dice(1));
  await machine.resync();
  expect(machine.capture.status?.initialCopy.scope).toBe("marked");
  expect(machine.hashed).toBeLessThanOrEqual(2 * BLOCK);
});

test.each<[string, (machine: Machine) => void, RegExp]>([
  [
    "are gone",
    ({ system }) => {
      system.remove("/spool/intent");
      system.syncNames();
    },
    /there are no marks/,
  ],
  [
    "are damaged",
    ({ system }) => {
      const content = Buffer.from(system.content("/spool/intent"));
      system.put("/spool/intent", content.fill(0xff, 8192));
    },
    /damaged/,
  ],
])("everything is read when the marks %s, and the status says why", async (_, spoil, why) => {
  const machine = await Machine.withPoint(new Dice(1));
  spoil(machine);
  machine.crash(new Dice(1));
  const records = await machine.resync();
  expect(machine.capture.status?.initialCopy).toMatchObject({
    scope: "all",
    why: expect.stringMatching(why),
  });
  expect(machine.hashed).toBe(SIZES.reduce((sum, size) => sum + size, 0));
  expect(digestsIn(replayed(machine.point, records))).toEqual(digestsIn(machine.contents));
});
