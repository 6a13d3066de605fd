import {
  appendFileSync,
  closeSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import type { Capture } from "../../../agent/capture.ts";
import { readClosedLog } from "../../../agent/closed-log.ts";
import { Disk, type DiskFile } from "../../../agent/disk.ts";
import { nodeFiles } from "../../../agent/node-files.ts";
import { sha256 } from "../../../engine/core/digest.ts";
import { LeewardError } from "../../../engine/core/errors.ts";
import { BLOCK, KIB, MIB, SECTOR, bytes, millis, ordinal } from "../../../engine/core/units.ts";
import type { JournalRecord } from "../../../engine/journal/record.ts";
import {
  LateSealer,
  type TestMachine,
  diskOf,
  replayed,
  streaming,
  testMachine,
  until,
  write,
} from "./machine.ts";

const SIZE = MIB + 3 * SECTOR;
/** One log takes several large writes. */
const LARGE_LOGS = { sealBytes: bytes(MIB), sealAge: millis(60_000), heartbeatEvery: millis(50) };
const SMALL_LOGS = { ...LARGE_LOGS, sealBytes: bytes(200 * KIB) };

/** A machine that seals when it is told to, its initial copy behind it, and what was written since by sequence. */
class Story {
  readonly machine: TestMachine;
  readonly model: Buffer;
  readonly written = new Map<number, Buffer>();
  readonly #policy: typeof LARGE_LOGS;
  #segments = 0;
  sealer = new LateSealer();
  capture: Capture;

  constructor(content: Buffer, policy = LARGE_LOGS, limit = 64 * MIB) {
    this.model = Buffer.from(content);
    this.#policy = policy;
    this.machine = testMachine([content], limit, { draftSegment: this.sealer.draft });
    this.capture = this.machine.capture;
  }

  async begin(): Promise<this> {
    this.machine.begin(1, this.machine.store, this.#policy);
    await streaming(this);
    return this;
  }

  write(offset: number, length: number, fill: number): void {
    const data = Buffer.alloc(length, fill);
    write(diskOf(this), offset, data);
    this.model.set(data, offset);
    this.#note(data);
  }

  async zero(offset: number, length: number): Promise<void> {
    await diskOf(this).zero(bytes(offset), bytes(length));
    this.model.fill(0, offset, offset + length);
    this.#note(Buffer.alloc(0));
  }

  /** As if the process had been killed when the end of the last write was not on the disk yet. */
  tear(offset: number, before: Buffer): void {
    const file = openSync(this.machine.diskPaths[0] ?? "", "r+");
    writeSync(file, before, 0, before.length, offset);
    closeSync(file);
  }

  /** Another process; the one before does nothing more, as if killed. */
  async restart(): Promise<void> {
    await this.#kill();
    this.sealer = new LateSealer();
    const next = (this.capture = this.machine.restarted({ draftSegment: this.sealer.draft }));
    onTestFinished(() => next.close(millis(0)).catch(() => undefined));
    if (next.resume?.generation !== 1) throw new Error("the journal cannot be continued");
    this.machine.begin(1, this.machine.store, this.#policy, next);
  }

  /** Ends the open log and seals everything. */
  async sealed(): Promise<JournalRecord[]> {
    this.sealer.letAll();
    await this.capture.close(millis(10_000));
    return this.machine.journal();
  }

  /** What is sealed is uploaded at once, so here nothing is on its way any more. */
  async #kill(): Promise<void> {
    await this.sealer.kill();
    this.#segments += this.sealer.finished;
    const directory = join(this.machine.spoolDirectory, "000001");
    await until(() => this.capture.status?.cached.next === this.#segments);
    await until(() => readdirSync(directory).every((name) => !name.endsWith(".seg")));
  }

  #note(data: Buffer): void {
    this.written.set(this.capture.status?.captured.sequence ?? 0, data);
  }
}

/** What is not as it was written: not only the end counts, but every single record, whatever came over it later. */
function faults(records: readonly JournalRecord[], { written, model, machine }: Story): string[] {
  const wrong = records.filter((record) => {
    const wanted = written.get(record.sequence);
    return wanted && record.kind === "data" && !wanted.equals(record.data);
  });
  const found = wrong.map(({ sequence }) => `write ${sequence} is not what was written`);
  if (!model.equals(readFileSync(machine.diskPaths[0] ?? ""))) found.push("the disk is not what was written");
  const [rebuilt] = replayed(records, [model.length]);
  if (!rebuilt?.equals(model)) found.push("the journal is not the disk");
  return found;
}

const diskFile = ({ machine }: Story): DiskFile => {
  const disk = new Disk(nodeFiles, machine.diskPaths[0] ?? "");
  const { file } = disk;
  disk.close();
  return file;
};

const copies = ({ machine }: Story): string[] =>
  readdirSync(join(machine.spoolDirectory, "000001"))
    .filter((name) => name.endsWith(".old"))
    .map((name) => join(machine.spoolDirectory, "000001", name));

type Step =
  | { do: "write"; sector: number; sectors: number; fill: number }
  | { do: "zero"; sector: number; sectors: number }
  | { do: "seal" }
  | { do: "breathe" }
  /** Which quarters of the last write are not on the disk: none for 0, all for 1, the last one for 4. */
  | { do: "kill"; torn: number };

const of = <T extends string>(what: T) => fc.constant(what);
const range = { sector: fc.nat(2050), sectors: fc.integer({ min: 1, max: 700 }) };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: of("write"), ...range, fill: fc.integer({ min: 1, max: 255 }) }) },
  { weight: 1, arbitrary: fc.record({ do: of("zero"), ...range }) },
  { weight: 1, arbitrary: fc.record({ do: of("seal") }) },
  { weight: 2, arbitrary: fc.record({ do: of("breathe") }) },
  { weight: 1, arbitrary: fc.record({ do: of("kill"), torn: fc.nat(4) }) },
);

test("every record is what was written, whatever came over it before it was sealed, kills included", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const story = await new Story(Buffer.alloc(SIZE, 1), SMALL_LOGS).begin();
      let last: { offset: number; before: Buffer; byReference: boolean } | undefined;
      for (const one of steps) {
        if (one.do === "write" || one.do === "zero") {
          const offset = (one.sector % (SIZE / SECTOR)) * SECTOR;
          const length = Math.min(one.sectors * SECTOR, SIZE - offset);
          const byReference = one.do === "write" && length >= 64 * KIB;
          last = { offset, before: Buffer.from(story.model.subarray(offset, offset + length)), byReference };
          if (one.do === "write") story.write(offset, length, one.fill);
          else await story.zero(offset, length);
        } else if (one.do === "seal") story.sealer.letOne();
        else if (one.do === "breathe") await new Promise((resolve) => setImmediate(resolve));
        else {
          // Sealing that went on between the last write and the kill would have seen that write whole.
          const tail = one.torn === 0 ? undefined : last;
          if (tail) {
            const from = Math.floor((tail.before.length * (one.torn - 1)) / 4);
            story.tear(tail.offset + from, tail.before.subarray(from));
            if (tail.byReference) {
              tail.before.copy(story.model, tail.offset + from, from);
              const whole = story.model.subarray(tail.offset, tail.offset + tail.before.length);
              story.written.set(story.capture.status?.captured.sequence ?? 0, Buffer.from(whole));
            }
          }
          await story.restart();
        }
        if (one.do !== "write" && one.do !== "zero") last = undefined;
      }
      expect(faults(await story.sealed(), story)).toEqual([]);
      expect(copies(story)).toEqual([]);
    }),
    { numRuns: 40 },
  );
});

test("a large write takes its place in the spool's limit and in the log, but not its bytes", async () => {
  const story = await new Story(Buffer.alloc(8 * MIB)).begin();
  for (let n = 0; n < 4; n++) story.write(n * MIB, MIB, n + 1);
  const directory = join(story.machine.spoolDirectory, "000001");
  const logs = readdirSync(directory);
  expect(logs.length).toBeGreaterThanOrEqual(4);
  for (const name of logs) expect(readFileSync(join(directory, name)).length).toBeLessThan(100);
  expect(story.capture.status?.captured.bytes).toBe(4 * MIB);
  expect(faults(await story.sealed(), story)).toEqual([]);

  const small = await new Story(Buffer.alloc(8 * MIB), LARGE_LOGS, 4 * MIB).begin();
  for (let n = 0; n < 5; n++) small.write(n * MIB, MIB, n + 1);
  expect(small.capture.status?.pressure.rung).toBe("merging");
});

test("a small write over a large one copies one block, once", async () => {
  const story = await new Story(Buffer.alloc(MIB)).begin();
  story.write(0, 512 * KIB, 1);
  for (let n = 0; n < 5; n++) story.write(BLOCK + n * SECTOR, SECTOR, 2 + n);
  const [file = ""] = copies(story);
  expect(readFileSync(file).length).toBe(BLOCK + 40);
  story.write(600 * KIB, 4096, 9);
  expect(readFileSync(file).length).toBe(BLOCK + 40);
  expect(faults(await story.sealed(), story)).toEqual([]);
});

test("writes of one batch that lie over each other stay apart", async () => {
  const story = await new Story(Buffer.alloc(MIB, 7)).begin();
  const data = [Buffer.alloc(BLOCK, 1), Buffer.alloc(4096, 2), Buffer.alloc(BLOCK, 3), Buffer.alloc(4096, 4)];
  const first = story.capture.status?.captured.sequence ?? 0;
  diskOf(story).write(data.map((one) => ({ offset: bytes(0), length: bytes(one.length), parts: [one] })));
  data.forEach((one, n) => {
    story.written.set(first + 1 + n, one);
    story.model.set(one, 0);
  });
  expect(faults(await story.sealed(), story)).toEqual([]);
});

test("what is overwritten while a log is read is read as it was", async () => {
  const story = await new Story(Buffer.alloc(4 * MIB)).begin();
  for (let n = 0; n < 64; n++) story.write(n * BLOCK, BLOCK, 1);
  const directory = join(story.machine.spoolDirectory, "000001");
  const reading = readClosedLog(nodeFiles, directory, ordinal(0), [diskFile(story)]);
  let done = false;
  void reading.finally(() => (done = true));
  for (let n = 0; !done; n++) {
    story.write(((n * 37) % 64) * BLOCK, SECTOR, 2);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { records } = await reading;
  expect(records.length).toBeGreaterThan(10);
  for (const record of records) expect(record).toMatchObject({ data: Buffer.alloc(BLOCK, 1) });
});

test("a file that took the place of the disk is not sealed for it", async () => {
  const story = await new Story(Buffer.alloc(MIB)).begin();
  story.write(0, MIB, 1);
  const { path } = diskFile(story);
  renameSync(path, `${path}.old`);
  writeFileSync(path, Buffer.alloc(MIB, 2));
  story.sealer.letAll();
  await until(() => story.capture.status?.mode === "stopped");
  expect(story.capture.status?.problem?.message).toContain("not the agent's disk");
});

test("a start after a kill does not undo a large write", async () => {
  const story = await new Story(Buffer.alloc(MIB)).begin();
  story.write(BLOCK, SECTOR, 1);
  story.write(0, 512 * KIB, 2);
  await story.restart();
  expect(faults(await story.sealed(), story)).toEqual([]);
});

test("a copy that a kill cut short does not hide those that follow", async () => {
  const story = await new Story(Buffer.alloc(MIB)).begin();
  story.write(0, 512 * KIB, 1);
  story.write(0, SECTOR, 2);
  const [file = ""] = copies(story);
  appendFileSync(file, readFileSync(file).subarray(0, 1000));
  await story.restart();
  story.write(0, SECTOR, 3);
  story.write(BLOCK, SECTOR, 4);
  expect(faults(await story.sealed(), story)).toEqual([]);
});

test("a journal that broke still carries what was written before", async () => {
  const story = await new Story(Buffer.alloc(4 * MIB), LARGE_LOGS, 2 * MIB).begin();
  story.write(0, MIB, 1);
  const before = Buffer.from(story.model);
  story.capture.stop(new LeewardError("SpoolFull", "no room"));
  story.write(MIB, MIB, 2);
  expect(story.capture.status?.mode).toBe("stopped");
  story.write(0, MIB, 3);
  story.sealer.letAll();
  await until(() => story.capture.status?.backlog.segments === 0);
  expect(replayed(await story.machine.journal(), [4 * MIB]).map(sha256)).toEqual([sha256(before)]);
});
