import { beforeEach, describe, expect, test } from "vitest";
import { armId } from "../../../engine/core/ids.ts";
import {
  BLOCK,
  type Micros,
  bytes,
  diskIndex,
  generation,
  micros,
  sequence,
} from "../../../engine/core/units.ts";
import type { RecoveryPoint } from "../../../engine/journal/manifest.ts";
import { checkpointName, journalPrefix, pointName, replicaName } from "../../../engine/journal/names.ts";
import { startOf } from "../../../engine/journal/position.ts";
import { type ItemRecord, itemKey } from "../../../engine/recovery/item.ts";
import { type AllRecords, recordsIn } from "../../../engine/recovery/records.ts";
import { checkpoint } from "../../../engine/replication/checkpoint.ts";
import { dropCheckpoints, listCheckpoints } from "../../../engine/replication/checkpoints.ts";
import { createReplica } from "../../../engine/replication/replica.ts";
import { readVerification } from "../../../engine/replication/verifications.ts";
import { MemoryObjectStore, MemoryPageStore, MemoryRecordStore } from "../../../engine/storage/memory.ts";
import { decide } from "../../../functions/activities/retained-points.ts";
import { verifyJournal, verifyReplica } from "../../../functions/activities/verify-road.ts";
import { verificationOf } from "../../../functions/verification-view.ts";
import { FOOTER, carry } from "../../fixtures/carried.ts";
import { type Event, DISKS, type Story, tell } from "../../fixtures/story.ts";
import { Dice } from "../../simulation/dice.ts";
import { protectedItem as simulated } from "../../simulation/machine.ts";
import { ITEM, NOW, progress, protectedItem } from "../engine/recovery/fixture.ts";

const write = (sector: number, sectors: number): Event => ({
  kind: "write",
  disk: 0,
  sector,
  sectors,
  fill: 7,
});
const POINT: Event[] = [{ kind: "barrier" }, { kind: "prove" }, { kind: "seal" }];
const EVENTS: Event[] = [
  write(0, 200),
  { kind: "seal" },
  ...POINT,
  write(100, 8),
  { kind: "seal" },
  ...POINT,
];

const { machine } = protectedItem();
const account = (name: string) =>
  ({ id: armId(`${ITEM}/${name}`), blobEndpoint: `https://${name}` }) as const;
const ITEM_KEY = itemKey(ITEM);
const signal = new AbortController().signal;

let story: Story;
let target: MemoryObjectStore;
let pages: MemoryPageStore;
let records: AllRecords;
let points: RecoveryPoint[];
let now: Micros;

const services = () => ({
  target,
  records,
  clock: { now: () => now, sleep: async () => undefined },
  keyOf: async () => story.key,
  pagesAt: () => pages,
});

beforeEach(async () => {
  story = await tell(EVENTS, { machine });
  target = new MemoryObjectStore();
  pages = new MemoryPageStore();
  records = recordsIn(new MemoryRecordStore());
  points = await carry(story, target, 1);
  now = NOW;
  for (const disk of DISKS) await createReplica(pages, machine, disk, FOOTER);
  await records.items.create(ITEM_KEY, itemNow());
  await records.progress.create(machine, progress({ machine }));
});

const itemNow = (): ItemRecord =>
  protectedItem({
    target: {
      region: "northeurope",
      resourceGroup: armId(`${ITEM}/group`),
      network: armId(`${ITEM}/network`),
      vm: armId(`${ITEM}/vm`),
      cache: account("cache"),
      replica: account("replica"),
    },
  });

function pointAt(n: number): RecoveryPoint {
  const found = points[n];
  if (!found) throw new RangeError(`no point ${n}`);
  return found;
}

/** The n-th point is the newest, and the replica's checkpoint. */
async function reach(n: number): Promise<void> {
  const point = pointAt(n);
  const { id, generation: of, sequence: at, time } = point;
  const [before] = await listCheckpoints(target, machine);
  const from = before?.applied ?? startOf(generation(1), sequence(0));
  await checkpoint({ target, pages, key: story.key, from, point });
  await records.progress.update(machine, (old) => ({
    ...old,
    point: { id, generation: of, sequence: at, time },
  }));
}

const item = async () => (await records.items.get(ITEM_KEY))?.value ?? itemNow();
const known = async () => (await records.verification.get(machine))?.value;
const later = () => (now = micros(now + 60e6));

async function flip(ordinal: number): Promise<void> {
  const name = `${journalPrefix(machine, generation(1))}${String(ordinal).padStart(12, "0")}.seg`;
  const stored = await target.get(name);
  const body = Buffer.from(stored?.body ?? []);
  body.writeUInt8(body.readUInt8(body.length >> 1) ^ 1, body.length >> 1);
  await target.put(name, body, "any");
}

test("both roads are verified point by point, and an unchanged machine is left alone", async () => {
  for (const n of [0, 1]) {
    await reach(n);
    later();
    expect(await verifyJournal(services(), await item(), signal)).toBe("verified");
    expect(await verifyReplica(services(), await item(), signal)).toBe("verified");
  }
  expect(await known()).toMatchObject({
    verified: points.map(({ id }) => id),
    bad: [],
    replica: { point: { id: pointAt(1).id } },
    attemptedAt: now,
  });
  expect(await verifyJournal(services(), await item(), signal)).toBe("idle");
  expect(await verifyReplica(services(), await item(), signal)).toBe("idle");
});

test("a wrong replica has its checkpoints dropped and is to be rebuilt; the generation goes on", async () => {
  await reach(0);
  const name = replicaName(machine, diskIndex(0));
  await pages.write(name, await pages.takeFence(name), bytes(BLOCK), Buffer.alloc(512, "wrong"));
  await reach(1);
  expect(await verifyReplica(services(), await item(), signal)).toBe("bad");
  expect(await listCheckpoints(target, machine)).toEqual([]);
  expect((await records.progress.get(machine))?.value.rebuildSince).toBe(now);
  expect((await known())?.bad).toMatchObject([
    { road: "replica", code: "ReplicaDiffers", blocks: [{ disk: 0, block: 1 }] },
  ]);
  expect((await item()).generation).toBe(1);
  expect(await verifyReplica(services(), await item(), signal)).toBe("idle");
  expect(await verifyJournal(services(), await item(), signal)).toBe("verified");
});

test("a damaged journal makes the point bad and ends the generation once, however often it is found", async () => {
  await reach(0);
  await verifyJournal(services(), await item(), signal);
  await reach(1);
  await flip(3);
  const before = await item();
  for (let n = 0; n < 2; n++) expect(await verifyJournal(services(), before, signal)).toBe("bad");
  expect((await item()).generation).toBe(2);
  expect(await known()).toMatchObject({
    verified: [pointAt(0).id],
    bad: [{ road: "journal", code: "SegmentDamaged", point: pointAt(1).id }],
    resync: { generation: 1, begun: true },
  });
  expect(await verifyJournal(services(), await item(), signal)).toBe("idle");
});

test("a journal whose last resync was within the day is bad, and waits for a person", async () => {
  await reach(0);
  await verifyJournal(services(), await item(), signal);
  await records.verification.update(machine, (old) => ({
    ...old,
    resync: { generation: generation(9), requestedAt: now, begun: true },
  }));
  await reach(1);
  await flip(3);
  expect(await verifyJournal(services(), await item(), signal)).toBe("bad");
  expect((await item()).generation).toBe(1);
  expect((await known())?.resync).toMatchObject({ generation: 1, begun: false });
});

test("damage that only the replica's road meets is the journal's all the same", async () => {
  await reach(1);
  await flip(0);
  expect(await verifyReplica(services(), await item(), signal)).toBe("bad");
  expect((await known())?.bad).toMatchObject([{ road: "journal", code: "SegmentDamaged" }]);
});

test("storage that does not answer is nobody's fault: nothing is marked", async () => {
  await reach(1);
  const away = { ...services(), keyOf: () => Promise.reject(new Error("away")) };
  await expect(verifyJournal(away, await item(), signal)).rejects.toThrow("away");
  expect(await known()).toMatchObject({ bad: [], verified: [] });
});

test("a checkpoint that is older than what was verified is no damage, also while a scrub is due", async () => {
  await reach(0);
  await reach(1);
  expect(await verifyReplica(services(), await item(), signal)).toBe("verified");
  const newest = pointAt(1);
  await target.delete([checkpointName(machine, newest.generation, newest.sequence, newest.id)]);
  // By then the whole disk wants to be scrubbed again.
  now = micros(now + 30 * 24 * 3600e6);
  expect(await verifyReplica(services(), await item(), signal)).toBe("idle");
  expect((await known())?.bad ?? []).toEqual([]);
});

const ofOne = () => true;

describe("a verification of many turns", () => {
  const turn = async (verify: typeof verifyJournal, enough = ofOne) =>
    verify(services(), await item(), signal, enough);

  test("goes on with the point that it began with, though there is a newer one, and then takes that", async () => {
    await reach(0);
    expect(await turn(verifyJournal)).toBe("more");
    await reach(1);
    await toTheEnd(() => turn(verifyJournal));
    expect((await known())?.verified).toEqual([pointAt(0).id]);
    await toTheEnd(() => turn(verifyJournal));
    expect((await known())?.verified).toEqual(points.map(({ id }) => id));
    expect(await readVerification(target, machine, "journal")).toBeUndefined();
  });

  test("shows how far it is", async () => {
    await reach(0);
    const { source } = simulated({ machine, principal: "p", disks: DISKS }, new Dice(1));
    const whole = { ...itemNow(), ...(source && { source }) };
    const shown = async () => verificationOf(whole, await known())?.replica.coverage.fraction ?? -1;
    const said: number[] = [];
    await toTheEnd(async () => {
      const state = await turn(verifyReplica);
      if (state === "more") said.push(await shown());
      return state;
    });
    expect(said.length).toBeGreaterThan(3);
    expect(said).toEqual(said.toSorted((a, b) => a - b));
    // While the digests are gathered there is nothing to show.
    expect(said.filter((fraction) => fraction > 0).length).toBeGreaterThan(2);
    expect(said.every((fraction) => fraction >= 0 && fraction < 1)).toBe(true);
    expect((await known())?.replica.underway).toBeUndefined();
  });

  test("keeps its point from being thinned", async () => {
    const reasons = async () =>
      (await decide(services(), machine))?.retention.keep.map(({ reason, point }) => [point.id, reason]);
    await reach(0);
    expect(await turn(verifyJournal)).toBe("more");
    await reach(1);
    expect(await reasons()).toContainEqual([pointAt(0).id, "it is being verified"]);
    for (const { id } of points) {
      await toTheEnd(() => turn(verifyJournal));
      expect((await known())?.journal.point?.id).toBe(id);
    }
    expect((await reasons())?.flat()).not.toContain("it is being verified");
  });

  test("keeps the snapshots that it reads", async () => {
    await reach(0);
    expect(await turn(verifyReplica)).toBe("more");
    await reach(1);
    const held = (await readVerification(target, machine, "replica"))?.verification.point.id;
    expect(held).toBe(pointAt(0).id);
    await dropCheckpoints(target, pages, machine, 1, held);
    await toTheEnd(() => turn(verifyReplica));
    expect((await known())?.replica.point?.id).toBe(pointAt(0).id);
    await dropCheckpoints(target, pages, machine, 1);
    expect((await listCheckpoints(target, machine)).map(({ id }) => id)).toEqual([pointAt(1).id]);
  });

  test("begins with the newest when the point, or its snapshots, are gone", async () => {
    await reach(0);
    for (const verify of [verifyJournal, verifyReplica]) expect(await turn(verify)).toBe("more");
    await reach(1);
    await dropCheckpoints(target, pages, machine, 1);
    const { generation: of, sequence: at, id } = pointAt(0);
    await target.delete([pointName(machine, of, at, id)]);
    for (const verify of [verifyJournal, verifyReplica]) await toTheEnd(() => turn(verify));
    expect(await known()).toMatchObject({
      bad: [],
      journal: { point: { id: pointAt(1).id } },
      replica: { point: { id: pointAt(1).id } },
    });
  });

  test("that finds damage ends as bad, and leaves nothing to go on with", async () => {
    await reach(1);
    expect(await turn(verifyJournal)).toBe("more");
    await flip(0);
    expect(await toTheEnd(() => turn(verifyJournal))).toBe("bad");
    expect(await readVerification(target, machine, "journal")).toBeUndefined();
    expect((await known())?.bad).toMatchObject([{ code: "SegmentDamaged", point: pointAt(1).id }]);
  });
});

async function toTheEnd(turn: () => Promise<string>): Promise<string> {
  for (let turns = 0; turns < 1000; turns++) {
    const state = await turn();
    if (state !== "more") return state;
  }
  throw new Error("there is no end of turns");
}
