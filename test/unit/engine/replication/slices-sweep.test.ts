import { expect, test } from "vitest";
import { micros, millis } from "../../../../engine/core/units.ts";
import type { RecoveryPoint } from "../../../../engine/journal/manifest.ts";
import { worksPrefix } from "../../../../engine/journal/names.ts";
import { compact } from "../../../../engine/replication/compact.ts";
import { listLayers } from "../../../../engine/replication/layers.ts";
import { sweep } from "../../../../engine/replication/sweep.ts";
import { listWorks } from "../../../../engine/replication/works.ts";
import { MemoryObjectStore } from "../../../../engine/storage/memory.ts";
import { carry } from "../../../fixtures/carried.ts";
import { collect } from "../../../fixtures/collect.ts";
import { brokenOf } from "../../../fixtures/kept.ts";
import { onePiece } from "../../../fixtures/sliced.ts";
import { type Event, type Story, tell } from "../../../fixtures/story.ts";

const HOUR = 3_600_000_000;
const BEGIN = 1_800_000_000_000_000;

const round = (n: number): Event[] => [
  { kind: "write", disk: 0, sector: n * 20, sectors: 30, fill: 5 },
  { kind: "barrier" },
  { kind: "seal" },
  { kind: "prove" },
  { kind: "seal" },
];

/** A base that stands alone is begun to the last point; layers on its way are needed by no other. */
async function scene() {
  const story = await tell(Array.from({ length: 6 }, (_, n) => round(n)).flat());
  const objects = new MemoryObjectStore();
  const points = await carry(story, objects, 1);
  const [first] = points;
  let begin: RecoveryPoint | undefined;
  const clock = () => micros(BEGIN);
  for (const end of points) {
    await compact({ objects, key: story.key, begin: begin?.id, end, clock });
    begin = end;
  }
  const last = points.at(-1);
  if (!last) throw new Error("no points");
  const next = { begin: undefined, end: last, alone: true };
  const go = (hours: number, pieces = 1) =>
    onePiece(objects, story, { ...next, end: last }, { now: BEGIN + hours * HOUR, pieces });
  /** Then nothing but the work needs the layers between the two. */
  const shorten = () => compact({ objects, key: story.key, begin: first?.id, end: last, clock });
  return { story, objects, last, go, shorten };
}

const sweepAt = async (
  objects: MemoryObjectStore,
  story: Story,
  kept: readonly RecoveryPoint[],
  hours: number,
) =>
  sweep({
    objects,
    machine: story.machine,
    generation: story.start.generation,
    kept,
    works: await listWorks(objects, story.machine),
    delay: millis(24 * 3_600_000),
    clock: () => micros(BEGIN + hours * HOUR),
  });

const worksOf = async (objects: MemoryObjectStore, story: Story) =>
  (await collect(objects.list(worksPrefix(story.machine)))).map(({ name }) => name);

test("what a layer in the making still reads is not swept, however long that takes", async () => {
  const { story, objects, last, go, shorten } = await scene();
  await go(0);
  await shorten();
  const before = (await listLayers(objects, story.machine, last.generation)).length;
  for (let hours = 10; hours < 50; hours += 10) {
    await go(hours);
    await sweepAt(objects, story, [last], hours);
  }
  expect(await listLayers(objects, story.machine, last.generation)).toHaveLength(before);
  const made = await go(100, 1000);
  expect(made).toMatchObject({ layer: { format: 2 } });
  expect(await worksOf(objects, story)).toEqual([]);
  expect(await brokenOf(objects, story, [last])).toEqual([]);
});

test("what nobody goes on with for 12 hours is given up, and is gone a day later with all it had put", async () => {
  const { story, objects, last, go } = await scene();
  await go(0, 3);
  expect((await worksOf(objects, story)).length).toBeGreaterThan(1);
  await sweepAt(objects, story, [last], 11);
  await go(11);
  await sweepAt(objects, story, [last], 22);
  expect(await go(22)).not.toBe("given up");
  await sweepAt(objects, story, [last], 35);
  expect(await go(35)).toBe("given up");
  await sweepAt(objects, story, [last], 60);
  expect(await worksOf(objects, story)).toEqual([]);
  expect(await go(61, 1000)).toMatchObject({ layer: { format: 2 } });
  await sweepAt(objects, story, [last], 61);
  const layers = await listLayers(objects, story.machine, last.generation);
  expect(layers.filter(({ format }) => format === 2)).toHaveLength(1);
  expect(await brokenOf(objects, story, [last])).toEqual([]);
});
