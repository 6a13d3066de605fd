import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { Capture, type CaptureSettings } from "../../../agent/capture.ts";
import type { Export } from "../../../agent/nbd/export.ts";
import { nodeFiles } from "../../../agent/node-files.ts";
import { type DraftSegment, draftHere } from "../../../agent/seal.ts";
import type { CapturePolicy } from "../../../engine/contract/agent-api.ts";
import { type Digest, NO_DIGEST } from "../../../engine/core/digest.ts";
import { type BarrierId, barrierId, machineId } from "../../../engine/core/ids.ts";
import { MIB, bytes, generation, millis, sequence } from "../../../engine/core/units.ts";
import { follow } from "../../../engine/journal/chain.ts";
import { dataKey } from "../../../engine/journal/key.ts";
import { segmentName } from "../../../engine/journal/names.ts";
import { openSegment } from "../../../engine/journal/open.ts";
import { type JournalPosition, startOf } from "../../../engine/journal/position.ts";
import type { JournalRecord } from "../../../engine/journal/record.ts";
import { checkSegment } from "../../../engine/journal/segment.ts";
import { MemoryObjectStore } from "../../../engine/storage/memory.ts";
import type { ObjectStore } from "../../../engine/storage/store.ts";

export const MACHINE = machineId("ledger-01");
export const QUICK: CapturePolicy = {
  sealBytes: bytes(MIB / 4),
  sealAge: millis(20),
  heartbeatEvery: millis(50),
  retryLadder: [millis(5), millis(20)],
};

/** A directory that goes when the test ends. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "leeward-agent-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
  return directory;
}

export interface TestMachine {
  readonly capture: Capture;
  readonly store: ObjectStore;
  readonly diskPaths: readonly string[];
  readonly spoolDirectory: string;
  /** All that is in the store of generation 1, checked and chained. */
  journal(of?: number, from?: number, chain?: Digest): Promise<JournalRecord[]>;
  begin(of?: number, store?: ObjectStore, policy?: CapturePolicy, capture?: Capture): void;
  /** The same disks and spool, as a process started after a kill would see them. */
  restarted(more?: Partial<CaptureSettings>): Capture;
}

/** What the stub of the control plane hands out. */
export const KEY_BYTES = Buffer.alloc(32, 1);
const key = dataKey(KEY_BYTES);

/** A machine with disks of these contents, its capture in this process and its cache in memory. */
export function testMachine(
  contents: readonly Buffer[],
  spoolLimit = 64 * MIB,
  more: Partial<CaptureSettings> = {},
): TestMachine {
  const directory = scratch();
  const diskPaths = contents.map((content, n) => {
    const path = join(directory, `disk${n}.img`);
    writeFileSync(path, content);
    truncateSync(path, content.length);
    return path;
  });
  const store = new MemoryObjectStore();
  const settings = { diskPaths, spoolDirectory: directory, spoolLimit: bytes(spoolLimit), ...more };
  const capture = new Capture(settings);
  onTestFinished(() => capture.close(millis(0)).catch(() => undefined));
  return {
    capture,
    store,
    diskPaths,
    spoolDirectory: directory,
    journal: (of = 1, from = 0, chain = NO_DIGEST) =>
      readJournal(store, startOf(generation(of), sequence(from), chain)),
    begin: (of = 1, to = store, policy = QUICK, one = capture): void =>
      one.begin({
        machine: MACHINE,
        generation: generation(of),
        from: sequence(0),
        policy,
        store: to,
        key,
      }),
    restarted: (other = {}) => new Capture({ ...settings, ...other }),
  };
}

/** All that a cache has of a generation, from its beginning on. */
export async function readJournal(store: ObjectStore, start: JournalPosition): Promise<JournalRecord[]> {
  let position = start;
  const records: JournalRecord[] = [];
  for (;;) {
    const found = await store.get(segmentName(MACHINE, position.generation, position.next));
    if (!found) return records;
    const checked = checkSegment(found.body);
    position = follow(MACHINE, position, checked);
    records.push(...(await openSegment(checked, key)));
  }
}

/** Waits for what will come; the test's own time limit ends a wait in vain. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}

export async function caughtUp({ capture }: Pick<TestMachine, "capture">): Promise<void> {
  await until(() => capture.status?.backlog.segments === 0);
}

export async function streaming({ capture }: Pick<TestMachine, "capture">): Promise<void> {
  await until(() => capture.status?.mode === "streaming");
}

export function diskOf({ capture }: Pick<TestMachine, "capture">, index = 0): Export {
  const found = capture.exports[index];
  if (!found) throw new Error(`no disk ${index}`);
  return found;
}

export const write = (to: Export, offset: number, data: Buffer): void =>
  to.write([{ offset: bytes(offset), length: bytes(data.length), parts: [data] }]);

export const barrier = (n: number): BarrierId =>
  barrierId(`00000000-0000-4000-8000-${String(n).padStart(12, "0")}`);

/** Carries out the write records up to the barrier, or all, on disks of zeros. */
export function replayed(
  records: readonly JournalRecord[],
  sizes: readonly number[],
  upTo?: BarrierId,
): Buffer[] {
  const disks = sizes.map((size) => Buffer.alloc(size));
  for (const record of records) {
    if (record.kind === "barrier" && record.id === upTo) return disks;
    if (record.kind === "data") disks[record.disk]?.set(record.data, record.offset);
    if (record.kind === "zero") disks[record.disk]?.fill(0, record.offset, record.offset + record.length);
  }
  if (upTo !== undefined) throw new Error(`no barrier ${upTo} in the journal`);
  return disks;
}

/** Seals as late as it is told to. */
export class LateSealer {
  #open = false;
  #next: (() => void) | undefined;
  #dead = false;
  #running: Promise<unknown> = Promise.resolve();
  /** Logs that are segments. */
  finished = 0;

  readonly draft: DraftSegment = async (task) => {
    if (!this.#open) await new Promise<void>((resolve) => (this.#next = resolve));
    if (this.#dead) await new Promise(() => {});
    const running = draftHere(nodeFiles, task);
    this.#running = running.catch(() => undefined);
    const sealed = await running;
    if (this.#dead) await new Promise(() => {});
    this.finished++;
    return sealed;
  };

  /** Whoever waits for a segment waits for ever. Resolves when nothing is being done any more. */
  async kill(): Promise<void> {
    this.#dead = true;
    await this.#running;
  }

  /** The log that waits, if one does. */
  letOne(): void {
    this.#next?.();
    this.#next = undefined;
  }

  letAll(): void {
    this.#open = true;
    this.letOne();
  }
}
