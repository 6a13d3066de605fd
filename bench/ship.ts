import { randomBytes, randomUUID } from "node:crypto";
import { mapInOrder } from "../engine/core/in-order.ts";
import { KIB, MIB, bytes } from "../engine/core/units.ts";
import { segmentName } from "../engine/journal/names.ts";
import { ship } from "../engine/replication/ship.ts";
import { PATIENT, attempt } from "../engine/storage/attempt.ts";
import { connectContainer } from "../engine/storage/connect.ts";
import { type Region, startRegion } from "../test/fixtures/region.ts";
import { interleaved, printTable } from "./measure.ts";
import { MACHINE, START, journalOf, sequential } from "./segments.ts";

const TOTAL = 128 * MIB;
const OBJECT = bytes(8 * MIB + 64 * KIB);
const PARALLEL = 4;
const ROUNDS = 7;

/** Ship from one region's Azurite to another's, against uploads of the same objects to the same Azurite. */
export async function run(): Promise<void> {
  const [cache, target] = await Promise.all([startRegion(), startRegion()]);
  try {
    console.log(
      `${TOTAL / MIB} MiB, ${PARALLEL} calls in flight, both regions over https; medians of ${ROUNDS} interleaved rounds.\n`,
    );
    const table = [["", "MB/s", "of plain", "CPU s/GB, client"]];
    for (const segment of [8 * MIB, 256 * KIB]) table.push(...(await compare(segment, cache, target)));
    printTable(table);
  } finally {
    await Promise.all([cache.stop(), target.stop()]);
  }
}

async function compare(segment: number, cache: Region, target: Region): Promise<string[][]> {
  const journal = await journalOf(
    Array.from({ length: TOTAL / segment }, (_, i) => sequential(i * segment, segment, 64 * KIB)),
  );
  const container = `cache-${randomUUID()}`;
  const from = cache.objects(container);
  await from.ensureContainer();
  const names = journal.segments.map(({ header }) => segmentName(MACHINE, START.generation, header.ordinal));
  for (const [i, { bytes: body }] of journal.segments.entries())
    await from.put(names[i] ?? "", body, "absent");
  const source = connectContainer(cache.blobEndpoint, container, cache.credential, cache.options);
  const size = segment / KIB;
  const body = randomBytes(segment);
  const costs = await interleaved(
    [
      { name: `plain uploads of ${size} KiB`, run: () => upload(target, names, async () => body) },
      {
        name: `plain downloads and uploads of ${size} KiB`,
        run: () =>
          upload(target, names, (name) =>
            attempt(name, PATIENT, () => source.getBlobClient(name).downloadToBuffer()),
          ),
      },
      {
        name: `ship, segments of ${size} KiB`,
        run: async () => {
          const to = target.objects(await newContainer(target));
          const limits = { objectBytes: OBJECT, maxBytes: bytes(4 * TOTAL), parallel: PARALLEL };
          const { position } = await ship({ cache: from, target: to, machine: MACHINE, from: START, limits });
          if (position.chain !== journal.end.chain) throw new Error("not everything was shipped");
        },
      },
    ],
    ROUNDS,
  );
  const [floor = 0] = [...costs.values()].map(({ wall }) => wall);
  return [...costs].map(([name, { wall, cpu }]) => [
    name,
    (TOTAL / 1000 / wall).toFixed(0),
    (floor / wall).toFixed(2),
    (cpu / (TOTAL / 1e6)).toFixed(1),
  ]);
}

/** The ceiling: nothing is checked, nothing is chained. */
async function upload(
  target: Region,
  names: readonly string[],
  bodyOf: (name: string) => Promise<Buffer>,
): Promise<void> {
  const container = connectContainer(
    target.blobEndpoint,
    await newContainer(target),
    target.credential,
    target.options,
  );
  const bodies = mapInOrder(names, PARALLEL, async (name) => ({ name, body: await bodyOf(name) }));
  for await (const _ of mapInOrder(bodies, PARALLEL, ({ body, name }) =>
    attempt(name, PATIENT, () => container.getBlockBlobClient(name).upload(body, body.length)),
  ));
}

async function newContainer(target: Region): Promise<string> {
  const name = `b-${randomUUID()}`;
  await target.objects(name).ensureContainer();
  return name;
}
