import { beforeEach, expect, test } from "vitest";
import { LeewardError } from "../../../engine/core/errors.ts";
import { armId } from "../../../engine/core/ids.ts";
import { type Micros, bytes, generation, micros, ordinal } from "../../../engine/core/units.ts";
import { segmentName } from "../../../engine/journal/names.ts";
import type { Heartbeat } from "../../../engine/recovery/agent-record.ts";
import { itemKey } from "../../../engine/recovery/item.ts";
import { type AllRecords, recordsIn } from "../../../engine/recovery/records.ts";
import { beginGeneration } from "../../../engine/recovery/replicating.ts";
import { READS } from "../../../engine/replication/reread.ts";
import { MemoryObjectStore, MemoryRecordStore } from "../../../engine/storage/memory.ts";
import { replicationActivities } from "../../../functions/activities/replication.ts";
import type { Services } from "../../../functions/services.ts";
import { type Event, type Story, cacheSegments, tell } from "../../fixtures/story.ts";
import { ITEM, NOW, protectedItem } from "../engine/recovery/fixture.ts";

const FIVE: Event[] = Array.from({ length: 5 }, (_, i): Event[] => [
  { kind: "write", disk: 0, sector: i * 3, sectors: 2, fill: i + 1 },
  { kind: "seal" },
]).flat();

const { machine } = protectedItem();
const account = { id: armId(`${ITEM}/cache`), blobEndpoint: "https://cache" };
const nameOf = (n: number) => segmentName(machine, generation(1), ordinal(n));

let story: Story;
let cache: MemoryObjectStore;
let target: MemoryObjectStore;
let records: AllRecords;
let now: Micros;

const services = (): Services => ({
  ...Object.create(null),
  target,
  records,
  clock: { now: () => now, sleep: async () => undefined },
  objectsAt: () => cache,
});

const ship = () =>
  replicationActivities.ship({ machine }, { services: services(), client: Object.create(null) });
const code = (error: unknown) => (error instanceof LeewardError ? error.code : "");
const shipped = () => ship().then(({ state }) => state, code);
const wanted = async () => (await records.progress.get(machine))?.value.wanted?.ordinals;
const issued = async () => (await records.items.get(itemKey(ITEM)))?.value.generation;

async function beat(of: Pick<Heartbeat, "cachedNext"> & Partial<Heartbeat>): Promise<void> {
  const mark = { sequence: story.start.sequence, time: now, bytes: bytes(0) };
  const none = bytes(0);
  await records.agents.upsert(machine, () => ({
    format: 1,
    machine,
    version: "1",
    registeredAt: NOW,
    accessUntil: NOW,
    heardAt: now,
    heartbeat: {
      generation: generation(1),
      mode: "streaming",
      at: now,
      captured: mark,
      cached: mark,
      backlog: { segments: 0, bytes: none },
      uploaded: none,
      initialCopy: { done: none, total: none, rate: none },
      ...of,
    },
  }));
}

beforeEach(async () => {
  story = await tell(FIVE, { machine });
  cache = new MemoryObjectStore();
  target = new MemoryObjectStore();
  records = recordsIn(new MemoryRecordStore());
  now = NOW;
  await cacheSegments(cache, story.segments);
  const target0 = {
    region: "northeurope",
    resourceGroup: armId(`${ITEM}/group`),
    network: armId(`${ITEM}/network`),
    vm: armId(`${ITEM}/vm`),
    cache: account,
  };
  await records.items.create(itemKey(ITEM), protectedItem({ target: target0 }));
  await records.progress.create(machine, beginGeneration(machine, generation(1), undefined));
});

test("the end of what the agent has sent is no hole", async () => {
  await beat({ cachedNext: ordinal(5), keptFrom: ordinal(0) });
  expect(await shipped()).toBe("shipped");
  expect(await shipped()).toBe("idle");
  expect(await wanted()).toBeUndefined();
});

test("segments that the cache lost are asked for, and shipped when they are there again", async () => {
  await beat({ cachedNext: ordinal(5), keptFrom: ordinal(0) });
  await cache.delete([nameOf(1), nameOf(3)]);
  expect(await shipped()).toBe("shipped");
  expect(await shipped()).toBe("SegmentAwaited");
  expect(await wanted()).toEqual([1, 3]);
  await cacheSegments(cache, story.segments.slice(1, 4)).catch(() => undefined);
  for (const n of [1, 3]) {
    const body = story.segments[n]?.bytes ?? Buffer.alloc(0);
    if (!(await cache.get(nameOf(n)))) await cache.put(nameOf(n), body, "absent");
  }
  expect(await shipped()).toBe("shipped");
  expect(await wanted()).toBeUndefined();
  expect((await records.progress.get(machine))?.value.arrived.next).toBe(5);
});

test("a segment that is spoiled in the cache is taken away, so that the agent can put it there again", async () => {
  await beat({ cachedNext: ordinal(5), keptFrom: ordinal(0) });
  const whole = story.segments[0]?.bytes ?? Buffer.alloc(0);
  const spoiled = Buffer.from(whole);
  spoiled[200] = (spoiled[200] ?? 0) ^ 1;
  await cache.put(nameOf(0), spoiled, "any");
  expect(await shipped()).toBe("SegmentAwaited");
  expect(await wanted()).toEqual([0]);
  expect(await cache.get(nameOf(0))).toBeUndefined();
  await cache.put(nameOf(0), whole, "absent");
  expect(await shipped()).toBe("shipped");
  expect(await issued()).toBe(1);
});

test("what the agent has not got any more stays as evidence, and a new generation begins", async () => {
  await beat({ cachedNext: ordinal(5), keptFrom: ordinal(3) });
  await cache.put(nameOf(0), Buffer.from("not a segment at all"), "any");
  expect(await shipped()).toBe("SegmentAwaited");
  // It may show what it holds late, and the agent must have said so since.
  now = micros(now + 120e6);
  expect(await shipped()).toBe("SegmentAwaited");
  expect(await issued()).toBe(1);
  await beat({ cachedNext: ordinal(5), keptFrom: ordinal(3) });
  expect(await shipped()).toBe("SegmentDamaged");
  expect(await issued()).toBe(2);
  expect(await cache.get(nameOf(0))).toBeDefined();
});

test("what was spoiled on its way only is tried again", async () => {
  await beat({ cachedNext: ordinal(5), keptFrom: ordinal(0) });
  const get = cache.get.bind(cache);
  // As often as a read is repeated at once.
  let bad = READS;
  cache.get = async (name) => {
    const found = await get(name);
    return found && bad-- > 0 ? { ...found, body: found.body.subarray(0, 100) } : found;
  };
  expect(await shipped()).toBe("StorageUnavailable");
  expect(await shipped()).toBe("shipped");
});
