import { beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../../engine/core/clock.ts";
import { NO_DIGEST } from "../../../../engine/core/digest.ts";
import {
  type Micros,
  SECTOR,
  bytes,
  diskIndex,
  generation,
  micros,
  ordinal,
  sequence,
} from "../../../../engine/core/units.ts";
import type { RecoveryPoint } from "../../../../engine/journal/manifest.ts";
import { replicaName, replicaRebuildName, replicaStateName } from "../../../../engine/journal/names.ts";
import { type JournalPosition, startOf } from "../../../../engine/journal/position.ts";
import { checkpoint, checkpointTurn } from "../../../../engine/replication/checkpoint.ts";
import {
  type Checkpoint,
  dropCheckpoints,
  listCheckpoints,
  readCheckpoint,
} from "../../../../engine/replication/checkpoints.ts";
import { createReplica, deleteReplica } from "../../../../engine/replication/replica.ts";
import { MemoryObjectStore, MemoryPageStore } from "../../../../engine/storage/memory.ts";
import type { ObjectStore, PageStore } from "../../../../engine/storage/store.ts";
import { FOOTER, carry } from "../../../fixtures/carried.ts";
import { failing, interrupted } from "../../../fixtures/failing.ts";
import { DISKS, type Event, type Story, tell } from "../../../fixtures/story.ts";

const write = (disk: number, sector: number, sectors: number, fill: number): Event => ({
  kind: "write",
  disk,
  sector,
  sectors,
  fill,
});
const zero = (disk: number, sector: number, sectors: number): Event => ({
  kind: "zero",
  disk,
  sector,
  sectors,
});
const point: Event[] = [{ kind: "barrier" }, { kind: "prove" }];
const seal: Event = { kind: "seal" };

/** Three points; writes that follow a barrier lie in the same segment as it. */
const EVENTS: Event[] = [
  write(0, 0, 100, 1),
  write(1, 10, 50, 2),
  seal,
  write(0, 50, 60, 3),
  ...point,
  write(0, 52, 4, 4),
  seal,
  zero(0, 0, 20),
  write(1, 0, 12, 5),
  seal,
  write(0, 300, 100, 6),
  ...point,
  zero(1, 0, 193),
  write(0, 301, 1, 0),
  seal,
  write(1, 100, 3, 7),
  ...point,
  seal,
];

let story: Story;
let target: MemoryObjectStore;
let pages: MemoryPageStore;
let points: RecoveryPoint[];

beforeEach(async () => {
  story = await tell(EVENTS);
  ({ target, pages, points } = await fresh());
});

async function fresh() {
  const objects = new MemoryObjectStore();
  const blobs = new MemoryPageStore();
  for (const disk of DISKS) await createReplica(blobs, story.machine, disk, FOOTER);
  return { target: objects, pages: blobs, points: await carry(story, objects, 300) };
}

function pointAt(n: number): RecoveryPoint {
  const found = points.at(n);
  if (!found) throw new RangeError(`no point ${n}`);
  return found;
}

const bring = (
  from: JournalPosition,
  to: RecoveryPoint,
  stores: { target?: ObjectStore; pages?: PageStore } = {},
) => checkpoint({ target, pages, key: story.key, from, point: to, ...stores });

const contentOfReplica = (): Promise<Buffer[]> =>
  Promise.all(DISKS.map(({ index, size }) => pages.read(replicaName(story.machine, index), bytes(0), size)));

/** Whether the snapshots are the n-th point to the byte, with the footer behind it. */
async function holds(made: Checkpoint | undefined, n: number): Promise<boolean> {
  if (made?.id !== pointAt(n).id) return false;
  const right = made.disks.map(async ({ index, size, snapshot }) => {
    const all = bytes(size + SECTOR);
    const content = await pages.read(replicaName(story.machine, index), bytes(0), all, snapshot);
    const truth = story.moments.at(n)?.disks[index] ?? Buffer.alloc(0);
    return content.equals(Buffer.concat([truth, FOOTER]));
  });
  return (await Promise.all(right)).every(Boolean);
}

describe("a checkpoint", () => {
  test("holds exactly its barrier, though later writes share its segment", async () => {
    expect(await holds(await bring(story.start, pointAt(0)), 0)).toBe(true);
  });

  test("goes on where the one before ended, and leaves that one as it was", async () => {
    const first = await bring(story.start, pointAt(0));
    const second = await bring(first.applied, pointAt(1));
    const third = await bring(second.applied, pointAt(2));
    expect(second.applied.next).toBeGreaterThan(0);
    expect(await holds(first, 0)).toBe(true);
    expect(await holds(second, 1)).toBe(true);
    expect(await holds(third, 2)).toBe(true);
    expect(await listCheckpoints(target, story.machine)).toEqual([third, second, first]);
  });

  test("says how far the replica is as a shipper that stopped there would", async () => {
    const { applied, sequence: at } = await bring(story.start, pointAt(1));
    expect(applied.sequence).toBeLessThanOrEqual(at);
    const before = story.segments[applied.next - 1]?.header;
    expect(applied).toMatchObject({
      chain: story.segments[applied.next]?.header.previous,
      time: before?.lastTime,
    });
    const data = story.segments.slice(0, applied.next).reduce((sum, { header }) => sum + header.dataBytes, 0);
    expect(applied.bytes).toBe(data);
  });

  test("writes each byte once and says how much it wrote", async () => {
    const turn = { name: replicaRebuildName(story.machine), bound: NO_DIGEST, enough: () => false };
    const request = { target, pages, key: story.key, from: story.start, point: pointAt(2) };
    const turned = await checkpointTurn(request, turn);
    expect(turned).toMatchObject({ made: { id: pointAt(2).id } });
    const all = DISKS.reduce((sum, { size }) => sum + size, 0);
    expect(turned.made && turned.written).toBeLessThanOrEqual(all);
  });

  test("is made once: the second run finds it and writes nothing", async () => {
    const first = await bring(story.start, pointAt(1));
    const fault = { calls: 0, at: -1, when: "before" } as const;
    expect(await bring(story.start, pointAt(1), { pages: failing(pages, fault) })).toEqual(first);
    expect(fault.calls).toBe(0);
  });

  test("may die at any storage call, before or after it took effect: run again, it is right", async () => {
    let deaths = 0;
    for (const when of ["before", "after"] as const)
      for (let at = 1; ; at++) {
        ({ target, pages, points } = await fresh());
        const { applied } = await bring(story.start, pointAt(0));
        const fault = { calls: 0, at, when };
        const stores = { target: failing(target, fault), pages: failing(pages, fault) };
        await bring(applied, pointAt(1), stores).catch(() => undefined);
        if (fault.calls < at) break;
        deaths++;
        const again = await bring(applied, pointAt(1));
        expect(await holds(again, 1)).toBe(true);
        expect(await holds(await bring(again.applied, pointAt(2)), 2)).toBe(true);
      }
    expect(deaths).toBeGreaterThan(30);
  });

  test("that died may be followed by one to a later point from the same position", async () => {
    let deaths = 0;
    for (let at = 1; ; at++) {
      ({ target, pages, points } = await fresh());
      const fault = { calls: 0, at, when: "after" as const };
      const stores = { target: failing(target, fault), pages: failing(pages, fault) };
      await bring(story.start, pointAt(0), stores).catch(() => undefined);
      if (fault.calls < at) break;
      deaths++;
      expect(await holds(await bring(story.start, pointAt(2)), 2)).toBe(true);
    }
    expect(deaths).toBeGreaterThan(10);
  });

  test("to an older point is refused where a newer one had begun, even if everything were rebuilt", async () => {
    const first = await bring(story.start, pointAt(0));
    const fault = { calls: 0, at: 9, when: "after" as const };
    const stores = { target: failing(target, fault), pages: failing(pages, fault) };
    await expect(bring(first.applied, pointAt(2), stores)).rejects.toMatchObject({
      code: "StorageUnavailable",
    });
    const refused = bring(first.applied, pointAt(1));
    await expect(refused).rejects.toMatchObject({ code: "StateNotAllowed" });
    await expect(refused).rejects.toThrow(pointAt(2).id);
    await expect(bring(story.start, pointAt(1))).rejects.toMatchObject({ code: "StateNotAllowed" });
    expect(await holds(await bring(first.applied, pointAt(2)), 2)).toBe(true);
  });

  // Seed 101 of the simulation: the late run took the replica back, and the next checkpoint went on from the later point.
  test("from the start that comes late leaves alone what a later one has made of the replica", async () => {
    const { applied } = await bring(story.start, pointAt(1));
    const before = await contentOfReplica();
    await expect(bring(story.start, pointAt(0))).rejects.toMatchObject({ code: "StateNotAllowed" });
    expect(await contentOfReplica()).toEqual(before);
    expect(await holds(await bring(applied, pointAt(2)), 2)).toBe(true);
  });

  test("that is overtaken while it reserves leaves the other's reservation standing", async () => {
    const first = await bring(story.start, pointAt(0));
    const overtake = async () => {
      // Takes both fences, writes one page and dies.
      const dying = failing(pages, { calls: 0, at: 3, when: "after" });
      await bring(first.applied, pointAt(2), { pages: dying }).catch(() => undefined);
    };
    const reserving = (_: unknown, [name]: readonly unknown[]) => name === replicaStateName(story.machine);
    const late = bring(story.start, pointAt(1), { target: interrupted(target, reserving, overtake) });
    await expect(late).rejects.toMatchObject({ code: "StateNotAllowed" });
    await expect(bring(first.applied, pointAt(1))).rejects.toMatchObject({ code: "StateNotAllowed" });
    expect(await holds(await bring(first.applied, pointAt(2)), 2)).toBe(true);
  });

  // Seed 336 of the simulation: an error that a person has to look at stopped the replica for good.
  test("whose first reservation was done though its answer was lost is tried again by itself", async () => {
    const reserving = (method: string | symbol, [name]: readonly unknown[]) =>
      method === "put" && name === replicaStateName(story.machine);
    // Reads its document, reserves and dies at what comes then.
    const dying = failing(target, { calls: 0, at: 4, when: "before" });
    const other = () => bring(story.start, pointAt(0), { target: dying }).catch(() => undefined);
    const first = bring(story.start, pointAt(0), { target: interrupted(target, reserving, other) });
    await expect(first).rejects.toMatchObject({ code: "ObjectChanged" });
    expect(await holds(await bring(story.start, pointAt(0)), 0)).toBe(true);
  });

  test("rebuilt from the start clears what another generation left, but not the footer", async () => {
    await bring(story.start, pointAt(2));
    const options = { generation: generation(2), from: sequence(1000), key: story.key };
    story = await tell([write(0, 7, 1, 9), ...point, seal], options);
    points = await carry(story, target);
    expect(await holds(await bring(startOf(generation(2), sequence(0)), pointAt(0)), 0)).toBe(true);
  });

  test("of an older generation is refused for ever", async () => {
    const old = pointAt(1);
    story = await tell(EVENTS, { generation: generation(2), key: story.key });
    points = await carry(story, target);
    await bring(story.start, pointAt(0));
    await expect(bring(startOf(generation(1), sequence(0)), old)).rejects.toMatchObject({
      code: "StateNotAllowed",
    });
  });

  test("ends with FenceLost when a second one takes over, which then is right", async () => {
    const first = await bring(story.start, pointAt(0));
    const overtake = () => bring(first.applied, pointAt(2));
    const stolen = interrupted(pages, (method) => method === "snapshot", overtake);
    await expect(bring(first.applied, pointAt(1), { pages: stolen })).rejects.toMatchObject({
      code: "FenceLost",
    });
    const newest = await readCheckpoint(target, pointAt(2));
    expect(await listCheckpoints(target, story.machine)).toHaveLength(2);
    expect(await holds(newest, 2)).toBe(true);
  });

  test("is not made over a journal with a hole", async () => {
    await target.delete(["machines/ledger-1/journal/000001/000000000001.seg"]);
    await expect(bring(story.start, pointAt(1))).rejects.toMatchObject({ code: "SegmentMissing" });
    expect(await listCheckpoints(target, story.machine)).toEqual([]);
  });
});

describe("old checkpoints", () => {
  test("are dropped with their snapshots, and the newest stay", async () => {
    const made: Checkpoint[] = [];
    for (const [i, each] of points.entries())
      made.push(await bring(made[i - 1]?.applied ?? story.start, each));
    const dropped = await dropCheckpoints(target, pages, story.machine, 1);
    expect(dropped).toEqual(made.slice(0, 2));
    expect(await listCheckpoints(target, story.machine)).toEqual(made.slice(2));
    expect(await dropCheckpoints(target, pages, story.machine, 1)).toEqual([]);
    for (const { index, snapshot } of made[0]?.disks ?? [])
      await expect(
        pages.read(replicaName(story.machine, index), bytes(0), bytes(SECTOR), snapshot),
      ).rejects.toMatchObject({ code: "NotFound" });
    for (const last of made.slice(2)) expect(await holds(last, 2)).toBe(true);
  });
});

describe("snapshots", () => {
  const HOUR = 3600e6;
  let now: Micros;
  const clock = { ...systemClock, now: () => now };
  const run = (from: JournalPosition, to: RecoveryPoint, objects: ObjectStore = target) =>
    checkpoint({ target: objects, pages, key: story.key, from, point: to, clock });
  const alive = async () =>
    Promise.all(
      DISKS.map(
        async ({ index }) =>
          new Set((await pages.snapshots(replicaName(story.machine, index))).map(({ id }) => id)),
      ),
    );
  const named = (...made: Checkpoint[]) =>
    DISKS.map((_, i) => new Set(made.map(({ disks }) => disks[i]?.snapshot)));

  beforeEach(async () => {
    now = micros(1_795_000_000_000_000);
    pages = new MemoryPageStore(clock);
    for (const disk of DISKS) await createReplica(pages, story.machine, disk, FOOTER);
  });

  const isDocument = (name: unknown) => typeof name === "string" && name.includes("/checkpoints/");
  const dying = () =>
    interrupted(
      target,
      (method, [name]) => method === "put" && isDocument(name),
      () => Promise.reject(new Error("killed")),
    );

  test("of a run that died before it could name them go a day later, and no others", async () => {
    const first = await run(story.start, pointAt(0));
    await expect(run(first.applied, pointAt(1), dying())).rejects.toThrow("killed");
    now = micros(now + 23 * HOUR);
    const second = await run(first.applied, pointAt(1));
    for (const ids of await alive()) expect(ids.size).toBe(3);
    now = micros(now + 2 * HOUR);
    const third = await run(second.applied, pointAt(2));
    expect(await alive()).toEqual(named(first, second, third));
    expect(await holds(first, 0)).toBe(true);
  });

  test("that took so long that another run may have swept them are not named", async () => {
    const late = interrupted(
      pages,
      (method) => method === "snapshot",
      async () => void (now = micros(now + 2 * HOUR)),
    );
    const { key, start } = story;
    const running = checkpoint({ target, pages: late, key, from: start, point: pointAt(0), clock });
    await expect(running).rejects.toMatchObject({ code: "StorageUnavailable" });
    expect(await listCheckpoints(target, story.machine)).toEqual([]);
    expect(await holds(await run(story.start, pointAt(0)), 0)).toBe(true);
  });
});

describe("a replica", () => {
  test("is created once, with its footer, and a second run takes no fence", async () => {
    const name = replicaName(story.machine, diskIndex(0));
    const fence = await pages.takeFence(name);
    for (const each of DISKS) await createReplica(pages, story.machine, each, FOOTER);
    await pages.write(name, fence, bytes(0), Buffer.alloc(SECTOR, 1));
    expect((await pages.read(name, bytes(0), bytes(SECTOR))).equals(Buffer.alloc(SECTOR, 1))).toBe(true);
  });

  test("takes no footer of another size", async () => {
    for (const each of DISKS)
      await expect(createReplica(pages, story.machine, each, Buffer.alloc(511))).rejects.toThrow(RangeError);
  });

  test("that is deleted takes its checkpoints along, and can be made and filled again", async () => {
    await bring(story.start, pointAt(2));
    const disks = DISKS.map(({ index }) => index);
    await deleteReplica(target, pages, story.machine, disks);
    await deleteReplica(target, pages, story.machine, disks);
    expect(await listCheckpoints(target, story.machine)).toEqual([]);
    for (const disk of DISKS) await createReplica(pages, story.machine, disk, FOOTER);
    expect(await holds(await bring(story.start, pointAt(1)), 1)).toBe(true);
  });
});

test("a position that is not before the point is refused", async () => {
  const { position } = pointAt(0);
  const behind = { ...position, next: ordinal(position.next + 1) };
  await expect(bring(behind, pointAt(0))).rejects.toThrow(RangeError);
});
