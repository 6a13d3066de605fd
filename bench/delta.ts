import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { type Region, startRegion } from "../test/fixtures/region.ts";
import { type ChangedImage, makeImages } from "./delta-image.ts";
import { floor, leeward } from "./delta-leeward.ts";
import { type Figures, type Peer, type Place, PEERS, isMissing } from "./delta-peers.ts";
import { median, printTable } from "./measure.ts";

const ROUNDS = 3;

interface Contender {
  readonly name: string;
  /** Whether it is told what changed. */
  readonly knows: boolean;
  readonly run: () => Promise<Figures>;
}

/**
 * One changed disk, from its file to where it is durable in another place, beside the tools that people use for that.
 * Needs Debian's rsync, restic, rclone and qemu-utils; whatever is missing is left out, and that is said.
 */
export async function run(): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), "leeward-bench-"));
  const [cache, target] = await Promise.all([startRegion(), startRegion()]);
  const shipper = new Worker(new URL("./delta-shipper.ts", import.meta.url));
  try {
    const image = await makeImages(directory);
    const place: Place = { directory, image, target };
    const peers: Contender[] = [];
    for (const peer of PEERS) {
      if (await isMissing(peer.command)) console.log(`${peer.command} is not installed: no row for it`);
      else peers.push(await contender(peer, place));
    }
    await compare([...ours(image, { cache, target, shipper }), ...peers], image);
  } finally {
    await Promise.all([shipper.terminate(), cache.stop(), target.stop()]);
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Ours {
  readonly cache: Region;
  readonly target: Region;
  readonly shipper: Worker;
}

const ours = (image: ChangedImage, { cache, target, shipper }: Ours): Contender[] => [
  {
    name: FLOOR,
    knows: true,
    run: async () => floor(image, await store(target)),
  },
  {
    name: "leeward: seal, cache, target",
    knows: true,
    run: async () => leeward(image, await store(cache), { target: await store(target), shipper }),
  },
  {
    name: "  the same, to the cache only",
    knows: true,
    run: async () => leeward(image, await store(cache)),
  },
];

const FLOOR = "floor: compress, hash, put once";

async function store(region: Region) {
  const container = `b-${randomUUID()}`;
  const objects = region.objects(container);
  await objects.ensureContainer();
  const address = {
    endpoint: region.blobEndpoint,
    container,
    ca: await readFile(region.tls.ca, "utf8"),
  };
  return { objects, address, pid: region.azurite.pid };
}

async function contender(peer: Peer, place: Place): Promise<Contender> {
  const run = await peer.prepare(place);
  return { name: peer.name, knows: peer.knows, run };
}

async function compare(contenders: readonly Contender[], image: ChangedImage): Promise<void> {
  const found = new Map<string, Figures[]>();
  for (let round = 0; round < ROUNDS; round++)
    for (const { name, run: once } of contenders) {
      const figures = await once();
      // Minutes on a busy machine.
      console.error(`round ${round + 1}, ${name.trim()}: ${figures.seconds.toFixed(1)} s`);
      found.set(name, [...(found.get(name) ?? []), figures]);
    }
  const of = (name: string, figure: keyof Figures) =>
    median((found.get(name) ?? []).map((each) => each[figure]));
  const least = of(FLOOR, "seconds");
  console.log(
    `An image of ${mb(image.size)} MB (${mb(image.used)} MB used), ${mb(image.changed)} MB changed in ${image.extents.length} extents; medians of ${ROUNDS} ` +
      `interleaved rounds; load ${loadavg()[0]?.toFixed(1)}.\n`,
  );
  printTable([
    [
      "",
      "told what changed",
      "s",
      "(all rounds)",
      "of floor",
      "MB moved",
      "MB stored",
      "CPU s",
      "CPU s, storage",
    ],
    ...contenders.map(({ name, knows }) => [
      name,
      knows ? "yes" : "no",
      of(name, "seconds").toFixed(2),
      (found.get(name) ?? []).map(({ seconds }) => seconds.toFixed(1)).join(" "),
      (of(name, "seconds") / least).toFixed(2),
      mb(of(name, "moved")),
      mb(of(name, "stored")),
      of(name, "cpu").toFixed(1),
      of(name, "serverCpu").toFixed(1),
    ]),
  ]);
}

const mb = (bytes: number) => (bytes / 1e6).toFixed(0);
