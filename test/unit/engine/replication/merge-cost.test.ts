import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { NO_DIGEST } from "../../../../engine/core/digest.ts";
import { ExtentSet } from "../../../../engine/core/extent.ts";
import { barrierId, machineId } from "../../../../engine/core/ids.ts";
import {
  KIB,
  MIB,
  SECTOR,
  bytes,
  diskIndex,
  generation,
  micros,
  ordinal,
  sequence,
} from "../../../../engine/core/units.ts";
import { follow } from "../../../../engine/journal/chain.ts";
import { newDataKey } from "../../../../engine/journal/key.ts";
import type { RecoveryPoint } from "../../../../engine/journal/manifest.ts";
import { replicaName } from "../../../../engine/journal/names.ts";
import { startOf } from "../../../../engine/journal/position.ts";
import { sealSegment } from "../../../../engine/journal/seal.ts";
import { checkpoint } from "../../../../engine/replication/checkpoint.ts";
import { createReplica } from "../../../../engine/replication/replica.ts";
import { MemoryObjectStore, MemoryPageStore } from "../../../../engine/storage/memory.ts";
import type { PageStore } from "../../../../engine/storage/store.ts";
import { FOOTER } from "../../../fixtures/carried.ts";
import { cacheSegments, lossesAt } from "../../../fixtures/story.ts";

const MACHINE = machineId("cost");
const DISK = { index: diskIndex(0), size: bytes(64 * MIB) };
const PAGE = 4 * KIB;
const MOST = 4 * MIB;

interface Place {
  readonly at: number;
  readonly length: number;
}

/** A journal of these writes, some to a segment, and a point at its end. */
async function journalOf(places: readonly Place[], perSegment: number) {
  const key = newDataKey();
  const target = new MemoryObjectStore();
  const start = startOf(generation(1), sequence(0));
  let position = start;
  for (let from = 0; from < places.length; from += perSegment) {
    const records = places.slice(from, from + perSegment).map(({ at, length }, i) => ({
      kind: "data" as const,
      sequence: sequence(from + i + 1),
      time: micros(1),
      disk: DISK.index,
      offset: bytes(at),
      data: randomBytes(length),
    }));
    const { next, chain: previous, sequence: before } = position;
    const place = { machine: MACHINE, generation: generation(1), ordinal: ordinal(next), previous };
    const segment = await sealSegment({ ...place, from: before, records, key });
    await cacheSegments(target, [segment]);
    position = follow(MACHINE, position, segment);
  }
  const point: RecoveryPoint = {
    format: 1,
    machine: MACHINE,
    generation: generation(1),
    id: barrierId("00000000-0000-4000-8000-000000000001"),
    sequence: position.sequence,
    time: micros(1),
    consistency: "crash",
    position,
    disks: [{ ...DISK, name: "disk", root: NO_DIGEST }],
    losses: lossesAt(),
  };
  return { key, target, start, point };
}

/** What a checkpoint of these writes costs the replica's account. */
async function costOf(places: readonly Place[], perSegment: number) {
  const { key, target, start, point } = await journalOf(places, perSegment);
  const pages = new MemoryPageStore();
  await createReplica(pages, MACHINE, DISK, FOOTER);
  let written = 0;
  let calls = 0;
  const counted = new Proxy<PageStore>(pages, {
    get(inner, name) {
      const method: unknown = Reflect.get(inner, name);
      if (typeof method !== "function") return method;
      if (name !== "write") return method.bind(inner);
      return (...args: Parameters<PageStore["write"]>) => {
        calls++;
        written += args[3].length;
        return inner.write(...args);
      };
    },
  });
  await checkpoint({ target, pages: counted, key, from: start, point });
  const touched = ExtentSet.of(places.map(({ at, length }) => ({ start: at, end: at + length })));
  const least = [...touched].reduce((sum, { start: a, end: b }) => sum + Math.ceil((b - a) / MOST), 0);
  const bytesTouched = touched.total;
  expect((await pages.read(replicaName(MACHINE, DISK.index), DISK.size, bytes(SECTOR))).equals(FOOTER)).toBe(
    true,
  );
  return { written, calls, touched: bytesTouched, least };
}

const PAGES = DISK.size / PAGE;
const anywhere = fc.integer({ min: 0, max: PAGES - 1 }).map((page) => ({ at: page * PAGE, length: PAGE }));
const hot = fc.integer({ min: 0, max: 1500 }).map((page) => ({ at: page * PAGE, length: PAGE }));
const long = fc
  .tuple(fc.integer({ min: 0, max: PAGES - 1 }), fc.integer({ min: 1, max: 600 }))
  .map(([page, count]) => ({ at: page * PAGE, length: Math.min(count, PAGES - page) * PAGE }));

test.each([
  ["scattered", anywhere, 400, 3000],
  ["of one region again and again", hot, 400, 3000],
  ["long and short", fc.oneof({ arbitrary: anywhere, weight: 10 }, { arbitrary: long, weight: 1 }), 50, 300],
])(
  "a checkpoint of writes %s writes each byte once, in at most 1.3 times the least page calls",
  async (_, place, minLength, maxLength) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(place, { minLength, maxLength }),
        fc.integer({ min: 20, max: 500 }),
        async (places, perSegment) => {
          const { written, calls, touched, least } = await costOf(places, perSegment);
          expect(written).toBe(touched);
          // A run may cross one boundary of the ranges of 4 MiB in which runs are gathered.
          expect(calls).toBeLessThanOrEqual(Math.ceil(1.3 * least) + 1);
        },
      ),
      { numRuns: 8 },
    );
  },
);
