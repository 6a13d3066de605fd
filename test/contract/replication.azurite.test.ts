import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { sha256 } from "../../engine/core/digest.ts";
import { MIB, SECTOR, bytes, millis } from "../../engine/core/units.ts";
import { fileKey } from "../../engine/journal/file-key.ts";
import { encodeWrappedKey } from "../../engine/journal/key.ts";
import type { RecoveryPoint } from "../../engine/journal/manifest.ts";
import { disksRebuildName, keyName, replicaName, replicaRebuildName } from "../../engine/journal/names.ts";
import { checkpoint, checkpointTurn } from "../../engine/replication/checkpoint.ts";
import { dropCheckpoints, listCheckpoints } from "../../engine/replication/checkpoints.ts";
import { cut } from "../../engine/replication/points.ts";
import { readRebuild } from "../../engine/replication/rebuilds.ts";
import { releaseCache } from "../../engine/replication/release.ts";
import { createReplica, deleteReplica } from "../../engine/replication/replica.ts";
import { restorePoint, restoreTurn } from "../../engine/replication/restore.ts";
import { ship } from "../../engine/replication/ship.ts";
import { blockDigestsAt, verifyImage } from "../../engine/replication/verify.ts";
import { containerSas } from "../../engine/storage/connect.ts";
import type { ObjectStore, PageStore } from "../../engine/storage/store.ts";
import { FOOTER } from "../fixtures/carried.ts";
import { leeward } from "../fixtures/leeward.ts";
import { MemorySink } from "../fixtures/memory-sink.ts";
import { type Region, startRegion } from "../fixtures/region.ts";
import { DISKS, type Event, type Story, cacheSegments, lossesAt, tell } from "../fixtures/story.ts";

const EVENTS: Event[] = Array.from({ length: 12 }, (_, i): Event[] => [
  { kind: "write", disk: i % 2, sector: (i * 37) % 150, sectors: 1 + ((i * 13) % 40), fill: i + 1 },
  { kind: "zero", disk: 0, sector: i * 30, sectors: 20 },
  ...(i % 4 === 2 ? [{ kind: "barrier" } as const] : []),
  { kind: "seal" },
  ...(i % 4 === 3 ? [{ kind: "prove" } as const, { kind: "seal" } as const] : []),
]).flat();
const LIMITS = { objectBytes: bytes(4_000), maxBytes: bytes(MIB), parallel: 4 };

let source: Region;
let region: Region;
let story: Story;
let cache: ObjectStore;
let target: ObjectStore;
let pages: PageStore;
let run = 0;

beforeAll(async () => {
  [source, region] = await Promise.all([startRegion(), startRegion()]);
});
afterAll(async () => {
  await Promise.all([source.stop(), region.stop()]);
});
beforeEach(async () => {
  story = await tell(EVENTS);
  run++;
  cache = source.objects(`cache${run}`);
  target = region.objects(`target${run}`);
  pages = region.pages(`target${run}`);
  await Promise.all([cache.ensureContainer(), target.ensureContainer()]);
});

async function carried(): Promise<readonly RecoveryPoint[]> {
  const { machine, key, start } = story;
  await cacheSegments(cache, story.segments);
  const { position, marked, hole } = await ship({ cache, target, machine, from: start, limits: LIMITS });
  expect(hole).toBe(story.segments.length);
  await releaseCache(cache, machine, start, position);
  const made = await cut({
    target,
    key,
    machine,
    disks: DISKS,
    marked,
    pending: [],
    lossesAt,
  });
  expect(made.points).toHaveLength(3);
  return made.points;
}

const truthOf = (n: number, disk: number): Buffer => story.moments[n]?.disks[disk] ?? Buffer.alloc(0);

describe("from one Azurite to another", () => {
  test("every point restores to what the disks were, and the cache is empty", async () => {
    for (const [n, point] of (await carried()).entries()) {
      const sinks = DISKS.map(({ size }) => new MemorySink(size));
      await restorePoint({
        objects: target,
        key: story.key,
        point,
        sinkFor: async ({ index }) => sinks[index],
      });
      for (const [disk, { content }] of sinks.entries()) expect(content.equals(truthOf(n, disk))).toBe(true);
    }
    for await (const { name } of cache.list("")) expect.fail(`${name} is still in the cache`);
  });

  test("checkpoints hold their points on real page blobs, equal to the source's digests", async () => {
    const points = await carried();
    for (const disk of DISKS) await createReplica(pages, story.machine, disk, FOOTER);
    let from = story.start;
    for (const point of points)
      from = (await checkpoint({ target, pages, key: story.key, from, point })).applied;
    const made = (await listCheckpoints(target, story.machine)).toReversed();
    expect(made.map(({ id }) => id)).toEqual(points.map(({ id }) => id));
    for (const [n, { disks }] of made.entries())
      for (const { index, size, snapshot } of disks) {
        const name = replicaName(story.machine, index);
        const content = await pages.read(name, bytes(0), bytes(size + SECTOR), snapshot);
        expect(content.equals(Buffer.concat([truthOf(n, index), FOOTER]))).toBe(true);
      }
    const [last] = points.slice(-1);
    const digests = last && (await blockDigestsAt({ objects: target, key: story.key, point: last }));
    for (const { index, size } of DISKS) {
      const read = async (offset: number, length: number) =>
        pages.read(replicaName(story.machine, index), bytes(offset), bytes(length));
      expect(await verifyImage(read, size, digests?.get(index) ?? Buffer.alloc(0))).toEqual([]);
    }
    expect(await dropCheckpoints(target, pages, story.machine, 1)).toHaveLength(2);
    await deleteReplica(
      target,
      pages,
      story.machine,
      DISKS.map(({ index }) => index),
    );
    expect(await listCheckpoints(target, story.machine)).toEqual([]);
  });

  test("disks and replica come to a point in turns of one segment", async () => {
    const { machine, key } = story;
    const points = await carried();
    const last = points.length - 1;
    const point = points[last];
    if (!point) throw new RangeError("a point is wanted");
    for (const disk of DISKS) await createReplica(pages, machine, disk, FOOTER);
    const bound = sha256(Buffer.from("these disks"));
    const enough = () => true;
    const sinks = DISKS.map(({ size }) => new MemorySink(size));
    const sinkFor = async ({ index }: { readonly index: number }) => sinks[index];
    const disks = { name: disksRebuildName(machine, point.id), bound, enough };
    let turns = 0;
    while (!(await restoreTurn({ objects: target, key, point, sinkFor }, disks)).complete) turns++;
    for (const [disk, { content }] of sinks.entries()) expect(content.equals(truthOf(last, disk))).toBe(true);
    const replica = { name: replicaRebuildName(machine), bound, enough };
    const request = { target, pages, key, from: story.start, point };
    let turned = await checkpointTurn(request, replica);
    for (; !turned.made; turns++) turned = await checkpointTurn(request, replica);
    expect(turns).toBeGreaterThan(10);
    for (const { index, size, snapshot } of turned.made.disks) {
      const content = await pages.read(replicaName(machine, index), bytes(0), size, snapshot);
      expect(content.equals(truthOf(last, index))).toBe(true);
    }
    expect(await readRebuild(target, replica.name)).toBeUndefined();
  });

  test("two shippers at once leave one whole journal", async () => {
    await cacheSegments(cache, story.segments);
    const { machine, start } = story;
    const small = { ...LIMITS, objectBytes: bytes(1) };
    const both = await Promise.all(
      [LIMITS, small].map((limits) => ship({ cache, target, machine, from: start, limits })),
    );
    expect(both.map(({ position }) => position)).toEqual([both[0]?.position, both[0]?.position]);
    expect(both[0]?.position.chain).toBe(story.segments.at(-1)?.digest);
  });

  test("of two checkpoints at the same time one ends, and the other is made", async () => {
    const [first, second] = await carried();
    if (!first || !second) throw new RangeError("two points are wanted");
    for (const disk of DISKS) await createReplica(pages, story.machine, disk, FOOTER);
    const outcomes = await Promise.allSettled(
      [first, second].map((point) => checkpoint({ target, pages, key: story.key, from: story.start, point })),
    );
    const lost = outcomes.filter(({ status }) => status === "rejected");
    expect(lost).toHaveLength(1);
    const again = await checkpoint({ target, pages, key: story.key, from: story.start, point: second });
    for (const { index, size, snapshot } of again.disks) {
      const content = await pages.read(replicaName(story.machine, index), bytes(0), size, snapshot);
      expect(content.equals(truthOf(1, index))).toBe(true);
    }
  });

  test("leeward restore needs no more than a SAS of the container and the master key", async () => {
    const points = await carried();
    const directory = await mkdtemp(path.join(tmpdir(), "leeward-restore-"));
    const keyFile = path.join(directory, "master.key");
    await writeFile(keyFile, randomBytes(32));
    const wrapped = await (await fileKey(keyFile)).wrap(story.key);
    await target.put(keyName(story.machine), encodeWrappedKey(wrapped), "absent");
    const { blobEndpoint: endpoint, credential, options } = region;
    const lifetime = millis(600_000);
    const sas = { endpoint, container: `target${run}`, credential, permissions: "rl", lifetime, options };
    const { url } = await containerSas(sas);
    const out = path.join(directory, "disk.img");
    const [second] = points.slice(1);
    const args = ["restore", "--machine", story.machine, "--point", second?.id ?? "", "--out", out];
    const { code, stdout, stderr } = await leeward([...args, "--key-file", keyFile], {
      LEEWARD_FROM: url,
      NODE_EXTRA_CA_CERTS: region.tls.ca,
    });
    expect(stderr).toBe("");
    expect(stdout).toContain("every block equals");
    expect(code).toBe(0);
    expect((await readFile(out)).equals(truthOf(1, 0))).toBe(true);
    await rm(directory, { recursive: true });
  });
});
