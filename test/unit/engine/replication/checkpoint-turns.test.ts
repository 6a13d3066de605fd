import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NO_DIGEST, sha256 } from "../../../../engine/core/digest.ts";
import { bytes, diskIndex } from "../../../../engine/core/units.ts";
import type { RecoveryPoint } from "../../../../engine/journal/manifest.ts";
import { replicaName, replicaRebuildName } from "../../../../engine/journal/names.ts";
import type { JournalPosition } from "../../../../engine/journal/position.ts";
import { checkpoint, checkpointTurn } from "../../../../engine/replication/checkpoint.ts";
import {
  type Checkpoint,
  dropCheckpoints,
  readCheckpoint,
} from "../../../../engine/replication/checkpoints.ts";
import { readRebuild } from "../../../../engine/replication/rebuilds.ts";
import { createReplica } from "../../../../engine/replication/replica.ts";
import { MemoryObjectStore, MemoryPageStore } from "../../../../engine/storage/memory.ts";
import { FOOTER, carry } from "../../../fixtures/carried.ts";
import { failing, interrupted } from "../../../fixtures/failing.ts";
import { compactAll } from "../../../fixtures/kept.ts";
import { DISKS, type Event, type Story, events, tell } from "../../../fixtures/story.ts";
import { splitRounds } from "../../../fixtures/rounds.ts";

class Replica {
  readonly pages = new MemoryPageStore();
  readonly target: MemoryObjectStore;
  readonly story: Story;
  readonly points: readonly RecoveryPoint[];
  bound = NO_DIGEST;

  constructor(story: Story, target: MemoryObjectStore, points: readonly RecoveryPoint[]) {
    this.story = story;
    this.target = target;
    this.points = points;
  }

  static async of(list: readonly Event[]): Promise<Replica> {
    const story = await tell(list);
    const target = new MemoryObjectStore();
    const replica = new Replica(story, target, await carry(story, target, 1));
    for (const disk of DISKS) await createReplica(replica.pages, story.machine, disk, FOOTER);
    return replica;
  }

  get name(): string {
    return replicaRebuildName(this.story.machine);
  }

  point(nth: number): RecoveryPoint {
    const found = this.points.at(nth);
    if (!found) throw new RangeError(`there is no point ${nth}`);
    return found;
  }

  request(point: RecoveryPoint, from: JournalPosition = this.story.start) {
    return { target: this.target, pages: this.pages, key: this.story.key, from, point };
  }

  turn(request: Parameters<typeof checkpointTurn>[0], segments = 1): ReturnType<typeof checkpointTurn> {
    let left = segments;
    return checkpointTurn(request, { name: this.name, bound: this.bound, enough: () => --left <= 0 });
  }

  /** To the end. */
  async all(request: Parameters<typeof checkpointTurn>[0], segments = () => 1): Promise<Checkpoint> {
    for (let turns = 0; turns < 10_000; turns++) {
      const { made } = await this.turn(request, segments());
      if (made) return made;
    }
    throw new Error("there is no end of turns");
  }

  /** Whether the snapshots hold what the disks were at the point. */
  async isRight({ id, disks }: Checkpoint): Promise<boolean> {
    const moment = this.story.moments.find(({ barrier }) => barrier.id === id);
    for (const { index, size, snapshot } of disks) {
      const held = await this.pages.read(replicaName(this.story.machine, index), bytes(0), size, snapshot);
      if (!held.equals(moment?.disks[index] ?? Buffer.alloc(0))) return false;
    }
    return true;
  }
}

/** Nonces are random, so two journals that say the same have other digests. */
const withoutChain = (position: JournalPosition) => ({ ...position, chain: NO_DIGEST });

const rounds = (count: number) => Replica.of(splitRounds(count));

describe("a replica that is brought to a point in turns", () => {
  test("is what it is when brought there in one go, from anywhere, and says the same of where to go on", async () => {
    const sizes = fc.infiniteStream(fc.integer({ min: 1, max: 5 }));
    await fc.assert(
      fc.asyncProperty(events, sizes, fc.boolean(), async (list, size, layered) => {
        const [turned, whole] = [await Replica.of(list), await Replica.of(list)];
        if (layered) for (const one of [turned, whole]) await compactAll(one.target, one.story, one.points);
        let [from, same] = [turned.story.start, whole.story.start];
        for (const [nth, point] of turned.points.entries()) {
          turned.bound = sha256(Buffer.from(point.id));
          const made = await turned.all(turned.request(point, from), () => size.next().value);
          expect(await turned.isRight(made)).toBe(true);
          expect(await readRebuild(turned.target, turned.name)).toBeUndefined();
          ({ applied: from } = made);
          ({ applied: same } = await checkpoint(whole.request(whole.point(nth), same)));
          expect(withoutChain(from)).toEqual(withoutChain(same));
        }
      }),
      { numRuns: 25 },
    );
  });

  test("goes on behind a kill at any call, and is right", async () => {
    let died = 0;
    for (let at = 1, over = false; !over; at += 3)
      for (const when of ["before", "after"] as const) {
        const replica = await rounds(3);
        const fault = { calls: 0, at, when };
        const request = replica.request(replica.point(-1));
        const stores = { target: failing(replica.target, fault), pages: failing(replica.pages, fault) };
        const mortal = { ...request, ...stores };
        let made: Checkpoint | undefined;
        for (let turns = 0; !made && turns < 1000; turns++)
          ({ made } = await replica.turn(mortal, 3).catch(() => (died++, { made: undefined })));
        over = fault.calls < at;
        expect(made && (await replica.isRight(made))).toBe(true);
        expect(await readCheckpoint(replica.target, replica.point(-1))).toEqual(made);
      }
    expect(died).toBeGreaterThan(20);
  });

  test("leaves no point behind until it is there, and may be brought to no older one", async () => {
    const replica = await rounds(4);
    await replica.turn(replica.request(replica.point(-1)), 4);
    expect(await readCheckpoint(replica.target, replica.point(-1))).toBeUndefined();
    const older = replica.turn(replica.request(replica.point(0)), 100);
    await expect(older).rejects.toMatchObject({ code: "StateNotAllowed" });
    expect(await replica.isRight(await replica.all(replica.request(replica.point(-1))))).toBe(true);
  });

  test("is left to one that brings it to a later point, which writes everything anew", async () => {
    const replica = await rounds(4);
    await replica.turn(replica.request(replica.point(1)), 4);
    expect(await replica.isRight(await replica.all(replica.request(replica.point(-1))))).toBe(true);
    const late = replica.turn(replica.request(replica.point(1)), 4);
    await expect(late).rejects.toMatchObject({ code: "StateNotAllowed" });
  });

  test("is written anew when it was found wrong meanwhile, whatever earlier turns wrote", async () => {
    const replica = await rounds(3);
    const point = replica.point(-1);
    await replica.turn(replica.request(point), 6);
    // A page that an earlier turn wrote goes wrong.
    const name = replicaName(replica.story.machine, diskIndex(0));
    const fence = await replica.pages.takeFence(name);
    await replica.pages.write(name, fence, bytes(0), Buffer.alloc(4096, "wrong"));
    await dropCheckpoints(replica.target, replica.pages, replica.story.machine, 0);
    replica.bound = sha256(Buffer.from("found wrong"));
    expect(await replica.isRight(await replica.all(replica.request(point)))).toBe(true);
  });

  test("is left to who comes next in the middle of a turn, and what that one keeps holds", async () => {
    const replica = await rounds(4);
    const request = replica.request(replica.point(-1));
    await replica.turn(request, 3);
    const writing = (method: string | symbol) => method === "write";
    const pages = interrupted(replica.pages, writing, () => replica.turn(request, 5));
    await expect(replica.turn({ ...request, pages }, 5)).rejects.toMatchObject({ code: "FenceLost" });
    const kept = await readRebuild(replica.target, replica.name);
    expect(await replica.isRight(await replica.all(request))).toBe(true);
    expect(kept?.point.id).toBe(replica.point(-1).id);
  });
});
