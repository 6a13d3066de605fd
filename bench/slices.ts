import { loadavg } from "node:os";
import { MIB, bytes, micros } from "../engine/core/units.ts";
import type { RecoveryPoint } from "../engine/journal/manifest.ts";
import { layersPrefix, worksPrefix } from "../engine/journal/names.ts";
import { compact } from "../engine/replication/compact.ts";
import { SLICES, compactSlices } from "../engine/replication/slices.ts";
import { MemoryObjectStore } from "../engine/storage/memory.ts";
import type { ObjectStore } from "../engine/storage/store.ts";
import { historyIn } from "./history.ts";
import { interleaved, printTable } from "./measure.ts";
import { KEY, MACHINE } from "./segments.ts";

const SIZE = 256 * MIB;
const USED = 96 * MIB;
const CHURN = 12 * MIB;
const ROUNDS = 3;
/** As much less than a layer as a real piece is than a large one. */
const LIMITS = { ...SLICES, chunk: bytes(12 * MIB), save: bytes(12 * MIB), runPart: bytes(MIB) };
const clock = () => micros(Date.now() * 1000);

/** Building a base in pieces, against building it in one go: of segments, and of a base with segments behind it. */
export async function run(): Promise<void> {
  const objects = new MemoryObjectStore();
  const [first, second] = await historyIn(objects, {
    size: SIZE,
    used: USED,
    churn: CHURN,
    points: 2,
    at: async () => undefined,
  });
  if (!first || !second) throw new RangeError("no points");
  console.log(
    `${USED / MIB} MiB of operating system files, then ${CHURN / MIB} MiB of writes of 4 to 64 KiB; pieces of ${LIMITS.chunk / MIB} MiB; in memory;\n` +
      `medians of ${ROUNDS} interleaved rounds; load ${loadavg()[0]?.toFixed(1)}. Bytes: got and put.\n`,
  );
  const table = [["", "s wall", "s CPU", "MB got", "MB put", "of one go: CPU", "bytes"]];
  table.push(...(await compare("a first base, of segments", objects, first)));
  await sliced(objects, first);
  table.push(...(await compare("a new base, of the old one and segments", objects, second)));
  printTable(table);
}

async function compare(what: string, objects: MemoryObjectStore, end: RecoveryPoint): Promise<string[][]> {
  const moved = new Map<string, { got: number; put: number }>();
  const counted = (name: string, build: (store: ObjectStore, end: RecoveryPoint) => Promise<unknown>) => ({
    name,
    run: async () => {
      const before = new Set(await namesOf(objects, layersPrefix(MACHINE, end.generation)));
      const { store, count } = counting(objects);
      await build(store, end);
      moved.set(name, count);
      const made = await namesOf(objects, layersPrefix(MACHINE, end.generation));
      await objects.delete(made.filter((each) => !before.has(each)));
      await objects.delete(await namesOf(objects, worksPrefix(MACHINE)));
    },
  });
  const costs = await interleaved([counted("in one go", whole), counted("in pieces", sliced)], ROUNDS);
  const one = costs.get("in one go");
  const floor = moved.get("in one go");
  return [...costs].map(([name, { wall, cpu }]) => {
    const { got = 0, put = 0 } = moved.get(name) ?? {};
    const ratio = (got + put) / ((floor?.got ?? 0) + (floor?.put ?? 0));
    return [
      `${what}, ${name}`,
      (wall / 1000).toFixed(1),
      (cpu / 1000).toFixed(1),
      (got / 1e6).toFixed(0),
      (put / 1e6).toFixed(0),
      (cpu / (one?.cpu ?? Number.NaN)).toFixed(2),
      ratio.toFixed(2),
    ];
  });
}

const whole = (objects: ObjectStore, end: RecoveryPoint): Promise<unknown> =>
  compact({ objects, key: KEY, end, alone: true, clock });

/** To its end, one piece a turn. */
async function sliced(objects: ObjectStore, end: RecoveryPoint): Promise<void> {
  for (;;) {
    const request = { objects, key: KEY, end, alone: true, clock, limits: LIMITS, enough: () => true };
    const made = await compactSlices(request);
    if (made === "given up" || "layer" in made) return;
  }
}

async function namesOf(objects: ObjectStore, prefix: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of objects.list(prefix)) names.push(name);
  return names;
}

function counting(objects: ObjectStore): { store: ObjectStore; count: { got: number; put: number } } {
  const count = { got: 0, put: 0 };
  const store: ObjectStore = {
    get: async (name, check) => {
      const found = await objects.get(name, check);
      count.got += found?.size ?? 0;
      return found;
    },
    put: (name, body, ...rest) => {
      count.put += body.length;
      return objects.put(name, body, ...rest);
    },
    list: (prefix) => objects.list(prefix),
    delete: (names) => objects.delete(names),
    ensureContainer: () => objects.ensureContainer(),
  };
  return { store, count };
}
