import { randomBytes, randomUUID } from "node:crypto";
import { mapInOrder } from "../engine/core/in-order.ts";
import { barrierId } from "../engine/core/ids.ts";
import { KIB, MIB, SECTOR, bytes, diskIndex, micros } from "../engine/core/units.ts";
import { NO_DIGEST } from "../engine/core/digest.ts";
import type { RecoveryPoint } from "../engine/journal/manifest.ts";
import { segmentName } from "../engine/journal/names.ts";
import { checkpoint } from "../engine/replication/checkpoint.ts";
import { createReplica } from "../engine/replication/replica.ts";
import type { ObjectStore, PageStore } from "../engine/storage/store.ts";
import { PATIENT, attempt } from "../engine/storage/attempt.ts";
import { connectContainer } from "../engine/storage/connect.ts";
import { type Region, startRegion } from "../test/fixtures/region.ts";
import { osFiles } from "./journal.ts";
import { interleaved, printTable } from "./measure.ts";
import { type Journal, KEY, MACHINE, type Place, START, journalOf, sequential } from "./segments.ts";

const TOTAL = 128 * MIB;
const SEGMENT = 8 * MIB;
const PAGES = 4 * MIB;
const PARALLEL = 4;
const ROUNDS = 5;

/** Bringing a replica to a point, against writing the same amount in plain 4 MiB page writes to the same Azurite. */
export async function run(): Promise<void> {
  const region = await startRegion();
  try {
    console.log(
      `${TOTAL / MIB} MiB of disk, ${PARALLEL} calls in flight, over https; medians of ${ROUNDS} interleaved rounds. The journal is\n` +
        "read from the same Azurite; MB/s of disk brought up to date, however often it was written. Bytes: given to the replica, over\n" +
        "those of the disk that are written. Calls: of pages, over the least of 4 MiB each.\n",
    );
    const once = sequential(0, TOTAL, 64 * KIB);
    const twice = shuffled([...once, ...once]);
    const table = [["", "MB/s", "of plain", "CPU s/GB, client", "bytes", "calls"]];
    for (const [what, content] of [
      ["operating system files", osFiles],
      ["incompressible data", randomBytes],
    ] as const) {
      table.push(...(await compare(region, `${what}, written once in order`, once, content)));
      table.push(...(await compare(region, `${what}, each 64 KiB twice, at random`, twice, content)));
    }
    printTable(table);
  } finally {
    await region.stop();
  }
}

async function compare(
  region: Region,
  name: string,
  places: readonly Place[],
  content: (size: number) => Buffer,
): Promise<string[][]> {
  const journal = await journalOf(chunks(places, SEGMENT / (64 * KIB)), content);
  const objects = region.objects(`b-${randomUUID()}`);
  await objects.ensureContainer();
  for (const { header, bytes: body } of journal.segments)
    await objects.put(segmentName(MACHINE, START.generation, header.ordinal), body, "absent");
  const bodies = Array.from({ length: TOTAL / PAGES }, () => randomBytes(PAGES));
  const plain = "plain page writes of 4 MiB";
  const costs = await interleaved(
    [
      { name: plain, run: () => writePages(region, bodies) },
      { name: `checkpoint, ${name}`, run: async () => void (await bring(region, objects, journal)) },
    ],
    ROUNDS,
  );
  const floor = costs.get(plain)?.wall ?? 0;
  const { written, calls } = await bring(region, objects, journal);
  const figures = [(written / TOTAL).toFixed(3), (calls / (TOTAL / PAGES)).toFixed(2)];
  return [...costs].map(([row, { wall, cpu }]) => [
    row,
    (TOTAL / 1000 / wall).toFixed(0),
    (floor / wall).toFixed(2),
    (cpu / (TOTAL / 1e6)).toFixed(1),
    ...(row === plain ? [] : figures),
  ]);
}

async function writePages(region: Region, bodies: readonly Buffer[]): Promise<void> {
  const container = await newContainer(region);
  await region.pages(container).create("plain", bytes(TOTAL + SECTOR));
  const blob = connectContainer(
    region.blobEndpoint,
    container,
    region.credential,
    region.options,
  ).getPageBlobClient("plain");
  for await (const _ of mapInOrder(bodies.entries(), PARALLEL, ([i, body]) =>
    attempt("plain", PATIENT, () => blob.uploadPages(body, i * PAGES, body.length)),
  ));
}

interface Brought {
  readonly written: number;
  /** Writes and clears. */
  readonly calls: number;
}

async function bring(region: Region, objects: ObjectStore, journal: Journal): Promise<Brought> {
  const pages = region.pages(await newContainer(region));
  await createReplica(pages, MACHINE, { index: diskIndex(0), size: bytes(TOTAL) }, Buffer.alloc(SECTOR, 1));
  const brought = { written: 0, calls: 0 };
  const counted = counting(pages, brought);
  const point = pointAt(journal);
  await checkpoint({ target: objects, pages: counted, key: KEY, from: START, point, parallel: PARALLEL });
  return brought;
}

function counting(pages: PageStore, count: { written: number; calls: number }): PageStore {
  return new Proxy(pages, {
    get(inner, name) {
      const method: unknown = Reflect.get(inner, name);
      if (typeof method !== "function") return method;
      if (name !== "write" && name !== "clear") return method.bind(inner);
      return (...args: Parameters<PageStore["write"]>) => {
        count.calls++;
        if (name === "write") count.written += args[3].length;
        return Reflect.apply(method, inner, args);
      };
    },
  });
}

/** Another id each time, because a point that has its checkpoint is not brought again. */
const pointAt = ({ end }: Journal): RecoveryPoint => {
  const loss = { seconds: 0, bytes: bytes(0), writes: 0 };
  return {
    format: 1,
    machine: MACHINE,
    generation: end.generation,
    id: barrierId(randomUUID()),
    sequence: end.sequence,
    time: micros(0),
    consistency: "crash",
    position: end,
    disks: [{ index: diskIndex(0), name: "bench", size: bytes(TOTAL), root: NO_DIGEST }],
    losses: { vm: loss, region: loss },
  };
};

async function newContainer(region: Region): Promise<string> {
  const name = `b-${randomUUID()}`;
  await region.objects(name).ensureContainer();
  return name;
}

/** The same order in every run. */
function shuffled<Item>(items: readonly Item[]): Item[] {
  let random = 7;
  const keyed = items.map((item) => {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
    return { item, key: random };
  });
  return keyed.toSorted((a, b) => a.key - b.key).map(({ item }) => item);
}

const chunks = <Item>(items: readonly Item[], length: number): Item[][] =>
  Array.from({ length: Math.ceil(items.length / length) }, (_, i) =>
    items.slice(i * length, (i + 1) * length),
  );
