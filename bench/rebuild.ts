import { randomBytes, randomUUID } from "node:crypto";
import { availableParallelism, loadavg } from "node:os";
import { mapInOrder } from "../engine/core/in-order.ts";
import { BLOCK, MIB, SECTOR, bytes, micros } from "../engine/core/units.ts";
import { deflated } from "../engine/journal/deflate.ts";
import type { RecoveryPoint } from "../engine/journal/manifest.ts";
import { layerName, layerPartName } from "../engine/journal/names.ts";
import { compact } from "../engine/replication/compact.ts";
import { nextCompaction } from "../engine/replication/compaction-plan.ts";
import { type Sink, restorePoint } from "../engine/replication/restore.ts";
import { isZero } from "../engine/replication/run.ts";
import { sourcesOf } from "../engine/replication/sources.ts";
import { standingLayers } from "../engine/replication/standing.ts";
import type { ObjectStore } from "../engine/storage/store.ts";
import { PATIENT, attempt } from "../engine/storage/attempt.ts";
import { connectContainer } from "../engine/storage/connect.ts";
import { type Region, startRegion } from "../test/fixtures/region.ts";
import { historyIn } from "./history.ts";
import { cpuOf } from "./delta-peers.ts";
import { interleaved, median, printTable } from "./measure.ts";
import { KEY, MACHINE } from "./segments.ts";

/**
 * Of the disk, in MiB: an operating system has no less. Finding the layers, some 20 small documents, waiting for the first
 * part and for the last pages take a tenth of a second each, whatever the size.
 */
const USED = Number(process.argv[3] ?? 1024) * MIB;
const SIZE = 2 * USED;
const CHURN = bytes(Math.round(USED / 85 / MIB) * MIB);
const POINTS = 24;
const SHOWN = [0, POINTS >> 1, POINTS - 1];
const PAGES = 4 * MIB;
const PART = 16 * MIB;
const GETS = 4;
const WRITES = 8;
const ROUNDS = 3;

/**
 * Rebuilding kept points from their layers into page blobs, against getting the same objects and against writing the same
 * pages; the layers come from one Azurite and the pages go to another, as a journal's account and a disk's endpoint do.
 */
export async function run(): Promise<void> {
  const [journal, disk] = await Promise.all([startRegion(), startRegion()]);
  try {
    const objects = journal.objects(`b-${randomUUID()}`);
    await objects.ensureContainer();
    const floors = new Map<number, number>();
    const points = await historyIn(objects, {
      size: SIZE,
      used: USED,
      churn: CHURN,
      points: POINTS,
      at: async (n, image) => void (SHOWN.includes(n) && floors.set(n, await compressed(image))),
    });
    await layersFor(objects, points);
    console.log(
      `${USED / MIB} MiB used of ${SIZE / MIB}, ${POINTS} kept points with ${CHURN / MIB} MiB of writes of 4 to 64 KiB between two; ` +
        `medians of ${ROUNDS} interleaved rounds; load ${loadavg()[0]?.toFixed(1)}.\n`,
    );
    const reads = [["point", "layers", "MB read", "MB of its used blocks, compressed", "ratio"]];
    const speeds = [SPEEDS];
    for (const n of SHOWN) {
      const [point, floor] = [points[n], floors.get(n)];
      if (!point || !floor) throw new RangeError(`no point ${n}`);
      const label = `${n + 1} of ${POINTS}`;
      reads.push(await readsOf(objects, point, floor, label));
      speeds.push(await speedsOf({ objects, point, journal, disk }, label));
    }
    printTable(reads);
    console.log("");
    printTable(speeds);
  } finally {
    await Promise.all([journal.stop(), disk.stop()]);
  }
}

const SPEEDS = [
  "point",
  "rebuild MB/s",
  "raw GETs MB/s",
  "raw writes MB/s",
  "of the slower",
  "CPU s/GB, client",
  "CPU s/GB, storages",
  "MB/s if no processor idled",
];

async function layersFor(objects: ObjectStore, points: readonly RecoveryPoint[]): Promise<void> {
  const clock = () => micros(Date.now() * 1000);
  for (;;) {
    const [first] = points;
    const layers = first ? await standingLayers(objects, MACHINE, first.generation) : [];
    const next = nextCompaction(points, layers);
    if (!next) return;
    await compact({ objects, key: KEY, ...next, clock });
  }
}

const mb = (amount: number): string => (amount / 1e6).toFixed(1);

async function readsOf(
  objects: ObjectStore,
  point: RecoveryPoint,
  floor: number,
  label: string,
): Promise<string[]> {
  const counted = counting(objects);
  await restorePoint({ objects: counted.store, key: KEY, point, sinkFor: async () => nowhere });
  const { layers } = await sourcesOf(objects, point);
  return [label, String(layers.length), mb(counted.bytes()), mb(floor), (counted.bytes() / floor).toFixed(3)];
}

/** What the used blocks take in bodies of the size of a part, with nothing around them. */
async function compressed(image: Buffer): Promise<number> {
  const used: Buffer[] = [];
  for (let at = 0; at < image.length; at += BLOCK)
    if (!isZero(image.subarray(at, at + BLOCK))) used.push(image.subarray(at, at + BLOCK));
  let total = 0;
  for (let at = 0; at < used.length; at += PART / BLOCK)
    total += (await deflated(Buffer.concat(used.slice(at, at + PART / BLOCK)))).stored.length;
  return total;
}

/** Bytes of all objects that are got through it. */
function counting(objects: ObjectStore): { store: ObjectStore; bytes: () => number } {
  let total = 0;
  const store: ObjectStore = {
    get: async (name, check) => {
      const found = await objects.get(name, check);
      total += found?.size ?? 0;
      return found;
    },
    put: (...args) => objects.put(...args),
    list: (prefix) => objects.list(prefix),
    delete: (names) => objects.delete(names),
    ensureContainer: () => objects.ensureContainer(),
  };
  return { store, bytes: () => total };
}

const nowhere: Sink = {
  write: async () => undefined,
  zero: async () => undefined,
  finish: async () => undefined,
  close: async () => undefined,
};

interface Scene {
  readonly objects: ObjectStore;
  readonly point: RecoveryPoint;
  /** Where the layers are, and where the disk goes. */
  readonly journal: Region;
  readonly disk: Region;
}

async function speedsOf(scene: Scene, label: string): Promise<string[]> {
  const { objects, point } = scene;
  const { layers } = await sourcesOf(objects, point);
  const names = layers.flatMap((layer) => [
    layerName(layer),
    ...layer.parts.map((_, n) => layerPartName(layer, n)),
  ]);
  const bodies = Array.from({ length: WRITES }, () => randomBytes(PAGES));
  const served: number[] = [];
  const rebuildCounted = async () => {
    const before = cpuOfBoth(scene);
    await rebuild(scene);
    served.push(cpuOfBoth(scene) - before);
  };
  const costs = await interleaved(
    [
      { name: "get", run: () => getAll(objects, names) },
      { name: "write", run: () => writeAll(scene, bodies) },
      { name: "rebuild", run: rebuildCounted },
    ],
    ROUNDS,
  );
  const wall = (name: string) => costs.get(name)?.wall ?? Number.NaN;
  const speed = (name: string) => (USED / 1000 / wall(name)).toFixed(0);
  const ratio = Math.max(wall("get"), wall("write")) / wall("rebuild");
  const client = (costs.get("rebuild")?.cpu ?? Number.NaN) / (USED / 1e6);
  const storages = median(served) / (USED / 1e9);
  const most = (1000 * availableParallelism()) / (client + storages);
  const limits = [client.toFixed(1), storages.toFixed(1), most.toFixed(0)];
  return [label, speed("rebuild"), speed("get"), speed("write"), ratio.toFixed(2), ...limits];
}

/** Seconds of both regions' storage so far. */
const cpuOfBoth = ({ journal, disk }: Scene): number => cpuOf(journal.azurite.pid) + cpuOf(disk.azurite.pid);

async function getAll(objects: ObjectStore, names: readonly string[]): Promise<void> {
  for await (const _ of mapInOrder(names, GETS, (name) => objects.get(name, "unchecked")));
}

async function writeAll({ disk }: Scene, bodies: readonly Buffer[]): Promise<void> {
  const write = await newDisk(disk);
  const all = Array.from({ length: USED / PAGES }, (_, i) => i);
  for await (const _ of mapInOrder(all, WRITES, (i) => write(i * PAGES, bodies[i % WRITES] ?? Buffer.of())));
}

async function rebuild({ objects, point, disk }: Scene): Promise<void> {
  const write = await newDisk(disk);
  const sink: Sink = { ...nowhere, write: async (offset, data) => void (await write(offset, data)) };
  await restorePoint({ objects, key: KEY, point, sinkFor: async () => sink, parallel: WRITES });
}

/** A page blob in place of a managed disk that is open for upload. */
async function newDisk(disk: Region): Promise<(offset: number, data: Uint8Array) => Promise<unknown>> {
  const container = `b-${randomUUID()}`;
  await disk.objects(container).ensureContainer();
  await disk.pages(container).create("disk", bytes(SIZE + SECTOR));
  const blob = connectContainer(
    disk.blobEndpoint,
    container,
    disk.credential,
    disk.options,
  ).getPageBlobClient("disk");
  return (offset, data) =>
    attempt("a page", PATIENT, () =>
      blob.uploadPages(Buffer.from(data.buffer, data.byteOffset, data.byteLength), offset, data.length),
    );
}
