import fc from "fast-check";
import { beforeEach, expect, test } from "vitest";
import { LeewardError } from "../../../../engine/core/errors.ts";
import { bytes, diskIndex } from "../../../../engine/core/units.ts";
import type { RecoveryPoint } from "../../../../engine/journal/manifest.ts";
import { replicaName } from "../../../../engine/journal/names.ts";
import type { JournalPosition } from "../../../../engine/journal/position.ts";
import { checkpoint } from "../../../../engine/replication/checkpoint.ts";
import type { Checkpoint } from "../../../../engine/replication/checkpoints.ts";
import { createReplica } from "../../../../engine/replication/replica.ts";
import { MemoryObjectStore, MemoryPageStore } from "../../../../engine/storage/memory.ts";
import type { ObjectStore, PageStore } from "../../../../engine/storage/store.ts";
import { FOOTER, carry } from "../../../fixtures/carried.ts";
import { delayed, interrupted } from "../../../fixtures/failing.ts";
import { DISKS, type Event, type Story, tell } from "../../../fixtures/story.ts";

const write = (disk: number, sector: number, sectors: number, fill: number): Event => ({
  kind: "write",
  disk,
  sector,
  sectors,
  fill,
});
const POINT: Event[] = [{ kind: "barrier" }, { kind: "prove" }, { kind: "seal" }];
/** Three points, each with writes to both disks, and with some that the one before has as well. */
const EVENTS: Event[] = [1, 2, 3].flatMap((n) => [
  write(0, 0, 100, n),
  write(1, 10 * n, 40, n),
  write(0, 120 * n, 30, n),
  ...POINT,
]);

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

/** Whether the snapshots are the n-th point to the byte. */
async function holds(made: Checkpoint, n: number): Promise<boolean> {
  const right = made.disks.map(async ({ index, size, snapshot }) => {
    const content = await pages.read(replicaName(story.machine, index), bytes(0), size, snapshot);
    return content.equals(story.moments.at(n)?.disks[index] ?? Buffer.alloc(0));
  });
  return made.id === pointAt(n).id && (await Promise.all(right)).every(Boolean);
}

// Before, each lost a fence to the other, and neither made a checkpoint.
test("of two checkpoints in lock-step the one that reserved the replica last goes on, and the other ends", async () => {
  const first = await bring(story.start, pointAt(0));
  let taken: () => void = () => undefined;
  const late = new Promise<void>((resolve) => (taken = resolve));
  const other = interrupted(
    pages,
    (method) => method === "write" || method === "clear",
    () => late,
  );
  const secondDisk = (method: string | symbol, [name]: readonly unknown[]) =>
    method === "takeFence" && name === replicaName(story.machine, diskIndex(1));
  let overtaken: Promise<unknown> = Promise.resolve();
  // The other takes both fences and reserves, this one then takes the second disk's back and reserves.
  const between = async () => {
    const reserved = new Promise<void>((resolve) => {
      const put = (method: string | symbol) => method === "snapshots" && (resolve(), false);
      const seen = interrupted(other, put, () => Promise.resolve());
      overtaken = bring(first.applied, pointAt(1), { pages: seen }).catch((error: unknown) => error);
    });
    await reserved;
  };
  const made = bring(first.applied, pointAt(1), { pages: interrupted(pages, secondDisk, between) });
  const settled = made.finally(() => taken());
  expect(await holds(await settled, 1)).toBe(true);
  expect(await overtaken).toMatchObject({ code: "FenceLost" });
});

test("of two checkpoints at the same time, whatever comes first, at least one is made, and what is made is right", async () => {
  const delays = () => fc.array(fc.nat(3), { minLength: 1, maxLength: 60 });
  const endless = function* (turns: readonly number[]): Generator<number, undefined> {
    for (;;) yield* turns;
  };
  const property = fc.asyncProperty(delays(), delays(), fc.constantFrom(1, 2), async (one, two, to) => {
    ({ target, pages, points } = await fresh());
    const { applied } = await bring(story.start, pointAt(0));
    const run = (turns: readonly number[], n: number) => {
      const dice = endless(turns);
      const stores = { target: delayed<ObjectStore>(target, dice), pages: delayed<PageStore>(pages, dice) };
      return bring(applied, pointAt(n), stores).then(
        (made) => ({ made, n, code: undefined }),
        (error: unknown) => ({
          made: undefined,
          n,
          code: error instanceof LeewardError ? error.code : "?",
        }),
      );
    };
    const ends = await Promise.all([run(one, 1), run(two, to)]);
    const codes = ends.flatMap(({ code }) => (code === undefined ? [] : [code]));
    expect(codes.length).toBeLessThan(2);
    for (const code of codes) expect(["FenceLost", "StateNotAllowed", "ObjectChanged"]).toContain(code);
    const right = await Promise.all(ends.map(async ({ made, n }) => !made || (await holds(made, n))));
    expect(right).toEqual([true, true]);
  });
  await fc.assert(property, { numRuns: 60 });
});
