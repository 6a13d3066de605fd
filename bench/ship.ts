import { randomBytes, randomUUID } from "node:crypto";
import { mapInOrder } from "../engine/core/in-order.ts";
import { KIB, MIB, bytes } from "../engine/core/units.ts";
import { segmentName } from "../engine/journal/names.ts";
import { ship } from "../engine/replication/ship.ts";
import { connectContainer } from "../engine/storage/connect.ts";
import { type Region, startRegion } from "../test/fixtures/region.ts";
import { interleaved, printTable } from "./measure.ts";
import { MACHINE, START, journalOf, sequential } from "./segments.ts";

const TOTAL = 128 * MIB;
const OBJECT = 8 * MIB;
const PARALLEL = 4;
const ROUNDS = 7;

/** Ship from one region's Azurite to another's, against uploads of the same objects to the same Azurite. */
export async function run(): Promise<void> {
  const [cache, target] = await Promise.all([startRegion(), startRegion()]);
  try {
    console.log(
      `${TOTAL / MIB} MiB, ${PARALLEL} calls in flight, both regions over https; medians of ${ROUNDS} interleaved rounds.\n`,
    );
    const table = [["", "MB/s", "of plain"]];
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
  const from = cache.objects(`cache-${randomUUID()}`);
  await from.ensureContainer();
  for (const { header, bytes: body } of journal.segments)
    await from.put(segmentName(MACHINE, START.generation, header.ordinal), body, "absent");
  const bodies = Array.from({ length: TOTAL / OBJECT }, () => randomBytes(OBJECT));
  const plain = "plain block-blob uploads of 8 MiB";
  const shipped = `ship, segments of ${segment / KIB} KiB`;
  const costs = await interleaved(
    [
      { name: plain, run: () => upload(target, bodies) },
      {
        name: shipped,
        run: async () => {
          const to = target.objects(await newContainer(target));
          const limits = {
            objectBytes: bytes(OBJECT + 64 * KIB),
            maxBytes: bytes(4 * TOTAL),
            parallel: PARALLEL,
          };
          const { position } = await ship({ cache: from, target: to, machine: MACHINE, from: START, limits });
          if (position.chain !== journal.end.chain) throw new Error("not everything was shipped");
        },
      },
    ],
    ROUNDS,
  );
  const floor = costs.get(plain)?.wall ?? 0;
  return [...costs].map(([name, { wall }]) => [
    name,
    (TOTAL / 1000 / wall).toFixed(0),
    (floor / wall).toFixed(2),
  ]);
}

async function upload(target: Region, bodies: readonly Buffer[]): Promise<void> {
  const container = connectContainer(
    target.blobEndpoint,
    await newContainer(target),
    target.credential,
    target.options,
  );
  const names = bodies.map((body, i) => ({ body, name: `plain/${i}` }));
  for await (const _ of mapInOrder(names, PARALLEL, ({ body, name }) =>
    container.getBlockBlobClient(name).upload(body, body.length),
  ));
}

async function newContainer(target: Region): Promise<string> {
  const name = `b-${randomUUID()}`;
  await target.objects(name).ensureContainer();
  return name;
}
