import { type ChildProcess, fork } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { sha256 } from "../../../engine/core/digest.ts";
import { barrierId, machineId } from "../../../engine/core/ids.ts";
import { KIB, MIB, SECTOR, bytes, diskIndex, generation, sequence } from "../../../engine/core/units.ts";
import { follow } from "../../../engine/journal/chain.ts";
import { rootOf, zeroDigests } from "../../../engine/journal/digest-tree.ts";
import { dataKey } from "../../../engine/journal/key.ts";
import { segmentName } from "../../../engine/journal/names.ts";
import { openSegment } from "../../../engine/journal/open.ts";
import { startOf } from "../../../engine/journal/position.ts";
import type { JournalRecord, ProofRecord } from "../../../engine/journal/record.ts";
import { checkSegment } from "../../../engine/journal/segment.ts";
import { DirectoryObjectStore } from "../../../engine/storage/directory.ts";
import type { BlockDevice } from "../../../local/machine/block-device.ts";
import { openNbdDevice } from "../../../local/machine/nbd-device.ts";
import { seededRandom } from "../../../local/machine/seeded-random.ts";
import { replayed, scratch, until } from "../../unit/agent/machine.ts";

const SIZES = [12 * MIB, 4 * MIB];
const KILLS = 8;
const WRITERS = 3;
/** While a proof is waited for: a guest without a limit that outruns a starved agent puts off its initial copy. */
const WRITES_BESIDE = 40;
/**
 * Segments are sealed by a process that yields to all others: beside six that never rest, on two processors, one takes a second.
 * There may be a hundred when the last kill comes, as no agent before it lived long enough to seal any.
 */
const PATIENCE = 400_000;
/** The longest write of a test: half of all are no longer than 64 KiB, others go into the journal by reference. */
const LARGEST = { small: 64 * KIB, large: 768 * KIB } as const;
const SCRIPT = join(import.meta.dirname, "agent-process.ts");

test.each(["small", "large"] as const)(
  "kill -9 amid %s writes leaves a journal without a hole that equals the disks",
  async (kind) => {
    const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000);
    console.log(`SEED=${seed}`);
    const random = seededRandom(seed);
    const box = scratch();
    const places = { spool: join(box, "spool"), socket: join(box, "nbd.sock"), cache: join(box, "cache") };
    mkdirSync(places.cache);
    const model = SIZES.map((size) => randomBytes(size));
    const paths = model.map((content, n) => {
      const path = join(box, `disk${n}.img`);
      writeFileSync(path, content);
      return path;
    });
    const start = (fresh: boolean): ChildProcess =>
      fork(SCRIPT, [places.spool, places.socket, places.cache, ...paths], {
        env: { ...process.env, FRESH: fresh ? "1" : "0" },
        execArgv: [],
      });

    let agent = start(true);
    onTestFinished(() => void agent.kill("SIGKILL"));
    const disks = await Promise.all(
      [0, 1].map((n) => openNbdDevice({ socket: places.socket, export: `disk${n}` })),
    );
    const stop = new AbortController();
    const progress = { writes: 0, most: Infinity };
    const writers = disks.flatMap((disk, n) =>
      Array.from({ length: WRITERS }, (_, part) =>
        keepWriting(disk, {
          model: model[n] ?? Buffer.alloc(0),
          part,
          random,
          largest: LARGEST[kind],
          signal: stop.signal,
          progress,
        }),
      ),
    );
    for (let n = 0; n < KILLS; n++) {
      const goal = progress.writes + 5 + random() * 60;
      progress.most = goal + WRITES_BESIDE;
      await until(() => progress.writes > goal);
      const proved = once(agent, "message");
      agent.send(randomUUID());
      if (random() < 0.5) await proved;
      progress.most = Infinity;
      await sleep(random() * 60);
      agent.kill("SIGKILL");
      await once(agent, "exit");
      agent = start(false);
    }
    stop.abort();
    await Promise.all(writers);

    const last = barrierId(randomUUID());
    agent.send(last);
    const [answer] = await once(agent, "message");
    expect(answer).toBe("proved");
    await Promise.all(disks.map((disk) => disk.close()));
    agent.kill("SIGTERM");
    await once(agent, "exit");

    expect(paths.map((path) => sha256(readFileSync(path)))).toEqual(model.map(sha256));
    const records = await readJournal(places.cache);
    expect(replayed(records, SIZES, last).map(sha256)).toEqual(model.map(sha256));
    expect(records.some((record) => record.kind === "proof" && record.barrier === last)).toBe(true);
    for (const record of records) if (record.kind === "proof") expectRoots(record, records);
    const left = readdirSync(join(places.spool, "000001"));
    expect(left.filter((name) => !name.startsWith("disk"))).toEqual([]);
  },
  PATIENCE,
);

/** Each writer has its own stretch of the disk, and waits for each answer: the model is what was acknowledged last. */
async function keepWriting(
  disk: BlockDevice,
  s: {
    model: Buffer;
    part: number;
    random: () => number;
    largest: number;
    signal: AbortSignal;
    progress: { writes: number; most: number };
  },
): Promise<void> {
  const { model, part, random, largest, signal, progress } = s;
  const stretch = Math.floor(model.length / WRITERS / SECTOR);
  for (; !signal.aborted; progress.writes++) {
    await until(() => progress.writes < progress.most);
    const sectors = 1 + Math.floor(random() * ((random() < 0.5 ? 64 * KIB : largest) / SECTOR));
    const sector = part * stretch + Math.floor(random() * (stretch - sectors));
    const data = Buffer.alloc(sectors * SECTOR, Math.floor(random() * 256));
    await disk.write(sector * SECTOR, data);
    model.set(data, sector * SECTOR);
    if (random() < 0.1) await disk.flush();
  }
}

async function readJournal(cache: string): Promise<JournalRecord[]> {
  const store = new DirectoryObjectStore(cache);
  const machine = machineId("ledger-01");
  let position = startOf(generation(1), sequence(0));
  const records: JournalRecord[] = [];
  for (;;) {
    const found = await store.get(segmentName(machine, position.generation, position.next));
    if (!found) return records;
    const checked = checkSegment(found.body);
    position = follow(machine, position, checked);
    records.push(...(await openSegment(checked, dataKey(Buffer.alloc(32, 7)))));
  }
}

/** The roots in a proof come from the disks themselves, the rebuilt disks and the digests from the journal. */
function expectRoots(proof: ProofRecord, records: readonly JournalRecord[]): void {
  const rebuilt = replayed(records, SIZES, proof.barrier);
  const roots = rebuilt.map((disk, index) => ({
    disk: index,
    size: disk.length,
    root: rootOf(bytes(disk.length), digestsOf(disk)),
  }));
  expect(proof.roots).toEqual(roots);
  expect(proof.roots).toEqual(rootsOfNamed(records, proof));
}

/** What the digests in the journal up to the proof say, folded. */
function rootsOfNamed(records: readonly JournalRecord[], proof: ProofRecord): ProofRecord["roots"] {
  const tables = SIZES.map((size) => Buffer.from(zeroDigests(bytes(size))));
  for (const record of records.slice(0, records.indexOf(proof)))
    if (record.kind === "digests")
      record.blocks.forEach((block, n) =>
        tables[record.disk]?.set(record.digests.subarray(n * 32, n * 32 + 32), block * 32),
      );
  return tables.map((table, disk) => {
    const size = bytes(SIZES[disk] ?? 0);
    return { disk: diskIndex(disk), size, root: rootOf(size, table) };
  });
}

function digestsOf(disk: Buffer): Buffer {
  const digests: Buffer[] = [];
  for (let at = 0; at < disk.length; at += 64 * KIB)
    digests.push(Buffer.from(sha256(disk.subarray(at, at + 64 * KIB)), "hex"));
  return Buffer.concat(digests);
}
