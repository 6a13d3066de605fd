import { randomBytes } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { NO_DIGEST } from "../../../../engine/core/digest.ts";
import { barrierId, machineId } from "../../../../engine/core/ids.ts";
import { giveBack, lend } from "../../../../engine/core/lent.ts";
import {
  KIB,
  MIB,
  bytes,
  diskIndex,
  generation,
  micros,
  ordinal,
  sequence,
} from "../../../../engine/core/units.ts";
import { follow } from "../../../../engine/journal/chain.ts";
import { newDataKey } from "../../../../engine/journal/key.ts";
import { type JournalPosition, startOf } from "../../../../engine/journal/position.ts";
import { sealSegment } from "../../../../engine/journal/seal.ts";
import { restorePoint } from "../../../../engine/replication/restore.ts";
import { MemoryObjectStore } from "../../../../engine/storage/memory.ts";
import { cacheSegments } from "../../../fixtures/story.ts";

const MACHINE = machineId("lent");
const KEY = newDataKey();
const SIZE = 12 * MIB;
const UNIT = 256 * KIB;
const UNITS = SIZE / UNIT;

interface Place {
  readonly unit: number;
  readonly count: number;
  readonly dense: boolean;
}

const place = fc
  .record({ unit: fc.nat(UNITS - 1), count: fc.integer({ min: 1, max: 20 }), dense: fc.boolean() })
  .map(({ unit, count, dense }) => ({ unit, count: Math.min(count, UNITS - unit), dense }));

/** Gives bodies in memory that is used again, as the store over the network does. */
class LendingStore extends MemoryObjectStore {
  override async get(name: string) {
    const found = await super.get(name);
    if (!found) return undefined;
    const body = lend(found.size);
    found.body.copy(body);
    return { ...found, body };
  }
}

/** The disk after segments of these writes, and what it must hold. */
async function journalOf(segments: readonly (readonly Place[])[]) {
  const target = new LendingStore();
  const model = Buffer.alloc(SIZE);
  let position: JournalPosition = startOf(generation(1), sequence(0));
  for (const places of segments) {
    const records = places.map(({ unit, count, dense }, i) => {
      const data = dense
        ? randomBytes(count * UNIT)
        : Buffer.alloc(count * UNIT, `${position.sequence + i},`);
      data.copy(model, unit * UNIT);
      const at = { sequence: sequence(position.sequence + 1 + i), time: micros(1), disk: diskIndex(0) };
      return { kind: "data" as const, ...at, offset: bytes(unit * UNIT), data };
    });
    const where = { machine: MACHINE, generation: generation(1), ordinal: ordinal(position.next) };
    const segment = await sealSegment({
      ...where,
      previous: position.chain,
      from: position.sequence,
      records,
      key: KEY,
    });
    await cacheSegments(target, [segment]);
    position = follow(MACHINE, position, segment);
  }
  const id = barrierId("00000000-0000-4000-8000-000000000001");
  const disks = [{ index: diskIndex(0), name: "disk", size: bytes(SIZE), root: NO_DIGEST }];
  const point = {
    machine: MACHINE,
    generation: generation(1),
    id,
    sequence: position.sequence,
    position,
    disks,
  };
  return { target, model, point };
}

/** Overwrites all memory that is free to be used again. */
function spoil(): void {
  const free = [1, 2, 4, 8].map((size) => lend(size * MIB).fill(0xdb));
  free.forEach(giveBack);
}

test(
  "memory is used again only when nobody looks at it: slow sinks get what was written",
  { timeout: 120_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(place, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 6 }),
        fc.constantFrom(1 * MIB, 64 * MIB),
        fc.integer({ min: 1, max: 8 }),
        async (segments, memory, parallel) => {
          const { target, model, point } = await journalOf(segments);
          const image = Buffer.alloc(SIZE);
          let calls = 0;
          const sink = {
            write: async (offset: number, data: Uint8Array) => {
              for (let turns = (calls++ * 7) % 5; turns > 0; turns--) await setImmediate();
              spoil();
              image.set(data, offset);
            },
            zero: async () => undefined,
            finish: async () => undefined,
            close: async () => undefined,
          };
          const sinkFor = async () => sink;
          await restorePoint({ objects: target, key: KEY, point, sinkFor, parallel, memory: bytes(memory) });
          expect(image.equals(model)).toBe(true);
        },
      ),
      { numRuns: 12 },
    );
  },
);
