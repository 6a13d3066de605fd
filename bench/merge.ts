import { randomBytes } from "node:crypto";
import { KIB, MIB, bytes, diskIndex } from "../engine/core/units.ts";
import { openSegment } from "../engine/journal/open.ts";
import { emptyCoverage, mergeNewest } from "../engine/replication/merge.ts";
import type { CheckedSegment } from "../engine/journal/segment.ts";
import { osFiles } from "./journal.ts";
import { interleaved, printTable } from "./measure.ts";
import { type Journal, KEY, type Place, journalOf } from "./segments.ts";

const WRITE = 4 * KIB;
const SEGMENT = 8 * MIB;
const DISK = bytes(1024 * MIB);
const ROUNDS = 9;
const DISKS = [{ index: diskIndex(0), size: DISK }];

/** Opening and merging scattered writes in memory, against opening them and copying each byte that is left once. */
export async function run(): Promise<void> {
  console.log(
    `Random writes of ${WRITE / KIB} KiB to a disk of ${DISK / MIB} MiB, in segments of ${SEGMENT / MIB} MiB, in memory; medians of ${ROUNDS} interleaved\n` +
      "rounds (in brackets the quartiles of wall time). Calls: page writes of at most 4 MiB, over the least that the touched runs need.\n",
  );
  const table = [HEADING];
  for (const [what, content] of [
    ["operating system files", osFiles],
    ["incompressible", randomBytes],
  ] as const)
    for (const [how, region] of [
      ["each block once or twice", 512 * MIB],
      ["each about 6 times", 16 * MIB],
    ] as const)
      table.push(...(await compare(`${what}, ${how}`, scattered(96 * MIB, region), content)));
  printTable(table);
}

const HEADING = ["", "ms wall", "(quartiles)", "ms CPU", "of floor", "unique MiB", "bytes", "calls"];

/** The same places in every run: writes to blocks of the first `region` bytes, by a fixed generator. */
function scattered(total: number, region: number): Place[] {
  let random = 7;
  return Array.from({ length: total / WRITE }, () => {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
    return { offset: bytes(Math.floor((random / 2 ** 32) * (region / WRITE)) * WRITE), length: WRITE };
  });
}

async function compare(
  name: string,
  places: readonly Place[],
  content: (size: number) => Buffer,
): Promise<string[][]> {
  const perSegment = SEGMENT / WRITE;
  const lists = Array.from({ length: places.length / perSegment }, (_, i) =>
    places.slice(i * perSegment, (i + 1) * perSegment),
  );
  const journal = await journalOf(lists, content);
  const blocks = [...new Set(places.map(({ offset }) => offset))].toSorted((a, b) => a - b);
  const unique = blocks.length * WRITE;
  const from = randomBytes(unique);
  const to = Buffer.alloc(unique);
  const open = "opening";
  const copy = "copying what is left";
  const merge = "merge";
  const costs = await interleaved(
    [
      { name: open, run: () => openAll(journal.segments) },
      { name: copy, run: async () => void from.copy(to) },
      { name: merge, run: async () => void (await merged(journal)) },
    ],
    ROUNDS,
    "each",
  );
  const floor = (costs.get(open)?.wall ?? 0) + (costs.get(copy)?.wall ?? 0);
  const { written, calls } = await merged(journal);
  return [...costs].map(([row, { wall, cpu, quartiles }]) => [
    row === merge ? `${row}: ${name}` : `  ${row}`,
    wall.toFixed(0),
    quartiles.map((each) => each.toFixed(0)).join("-"),
    cpu.toFixed(0),
    ...(row === merge
      ? [
          (floor / wall).toFixed(2),
          (unique / MIB).toFixed(0),
          (written / unique).toFixed(3),
          (calls / leastCalls(blocks)).toFixed(2),
        ]
      : []),
  ]);
}

/** As the merge does it: two at a time, since decompression runs in other threads. */
async function openAll(segments: readonly CheckedSegment[]): Promise<void> {
  for (let at = 0; at < segments.length; at += 2)
    await Promise.all(segments.slice(at, at + 2).map((segment) => openSegment(segment, KEY)));
}

async function merged({ segments, end }: Journal): Promise<{ written: number; calls: number }> {
  const newestFirst = (async function* () {
    yield* segments.toReversed();
  })();
  const request = {
    segments: newestFirst,
    key: KEY,
    upTo: new Map([[end.generation, end.sequence]]),
    disks: DISKS,
  };
  let written = 0;
  let calls = 0;
  for await (const { length, data } of mergeNewest(request, emptyCoverage(DISKS))) {
    written += data ? length : 0;
    calls++;
  }
  return { written, calls };
}

/** Page calls of 4 MiB over runs of touching blocks. @param blocks offsets, ascending */
function leastCalls(blocks: readonly number[]): number {
  let calls = 0;
  let length = 0;
  for (const [i, offset] of blocks.entries()) {
    length += WRITE;
    if (blocks[i + 1] === offset + WRITE) continue;
    calls += Math.ceil(length / (4 * MIB));
    length = 0;
  }
  return calls;
}
