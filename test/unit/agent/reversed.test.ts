import { expect, test } from "vitest";
import { Capture } from "../../../agent/capture.ts";
import { sha256 } from "../../../engine/core/digest.ts";
import { BLOCK, MIB, bytes, generation, millis, sequence } from "../../../engine/core/units.ts";
import { startOf } from "../../../engine/journal/position.ts";
import { offerDigests } from "../../../engine/replication/base-digests.ts";
import { baseOf, createBase, lineageOf } from "../../../engine/replication/lineage.ts";
import { cut } from "../../../engine/replication/points.ts";
import { restorePoint } from "../../../engine/replication/restore.ts";
import { ship } from "../../../engine/replication/ship.ts";
import { blockDigestsAt } from "../../../engine/replication/verify.ts";
import { verifyPoint } from "../../../engine/replication/verify-point.ts";
import { countOf } from "../../../engine/replication/blocks.ts";
import { MemoryObjectStore } from "../../../engine/storage/memory.ts";
import type { RecoveryPoint } from "../../../engine/journal/manifest.ts";
import { carry } from "../../fixtures/carried.ts";
import { MemoryFileSystem, memoryFiles } from "../../fixtures/memory-files.ts";
import { MemorySink } from "../../fixtures/memory-sink.ts";
import { DISKS, type Story, lossesAt, tell } from "../../fixtures/story.ts";
import { EVENTS, at } from "../../fixtures/verified.ts";
import { barrier, diskOf, until, write } from "./machine.ts";

async function restored(objects: MemoryObjectStore, { key }: Story, point: RecoveryPoint): Promise<Buffer[]> {
  const sinks = DISKS.map(({ size }) => new MemorySink(size));
  await restorePoint({ objects, key, point, sinkFor: async ({ index }) => sinks[index] });
  return sinks.map(({ content }) => content);
}

/** The machine as it was built from a point, with its agent, which carries its journal the other way. */
function machineWith(disks: readonly Buffer[]) {
  const system = new MemoryFileSystem();
  disks.forEach((disk, n) => system.put(`/disks/${n}.img`, disk));
  system.makeDirectory("/spool");
  return new Capture({
    diskPaths: disks.map((_, n) => `/disks/${n}.img`),
    spoolDirectory: "/spool",
    spoolLimit: bytes(64 * MIB),
    files: memoryFiles(system),
  });
}

test("a reversed generation stands on the point that the failover was built from, and sends only what differs", async () => {
  const story = await tell(EVENTS);
  const { machine, key } = story;
  const target = new MemoryObjectStore();
  const points = await carry(story, target);
  // The newest point is lost to the failover, which went to the one before.
  const base = at(points, 1);
  const disks = await restored(target, story, base);
  // Up and not protected yet, it writes two blocks of its own.
  disks[0]?.fill(9, 2 * BLOCK, 2 * BLOCK + 512);
  disks[1]?.fill(8, 0, 4096);

  const of = generation(3);
  const from = story.segments.at(-1)?.header.to ?? sequence(0);
  const { digest } = await createBase(target, baseOf(of, base));
  const cache = new MemoryObjectStore();
  const place = { machine, generation: of, digest, id: base.id };
  const digests = await blockDigestsAt({ objects: target, key, point: base });
  await offerDigests({ cache, key, place, disks: base.disks, digests });

  const capture = machineWith(disks);
  const policy = { sealBytes: bytes(MIB), sealAge: millis(5), heartbeatEvery: millis(50) };
  capture.begin({ machine, generation: of, from, base: { digest, id: base.id }, policy, store: cache, key });
  await until(() => capture.status?.mode === "streaming");
  expect(capture.status?.captured.bytes).toBe(2 * BLOCK);
  write(diskOf({ capture }, 0), 0, Buffer.alloc(1024, 7));
  disks[0]?.fill(7, 0, 1024);
  await capture.requestBarrier(barrier(1));
  await until(() => capture.status?.barriers.length === 1 && capture.status.backlog.segments === 0);
  await capture.close(millis(10_000));

  const start = startOf(of, from, digest);
  const limits = { objectBytes: bytes(MIB), maxBytes: bytes(64 * MIB), parallel: 2 };
  const shipped = await ship({ cache, target, machine, from: start, limits });
  const made = await cut({
    target,
    key,
    machine,
    disks: DISKS,
    marked: shipped.marked,
    pending: [],
    lossesAt,
  });
  const point = at(made.points, -1);
  expect((await lineageOf(target, point)).map(({ point: end }) => end.id)).toEqual([base.id, point.id]);
  expect((await restored(target, story, point)).map(sha256)).toEqual(disks.map(sha256));
  expect(countOf((await verifyPoint({ objects: target, key, point })).wrong)).toBe(0);
});
