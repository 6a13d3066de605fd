import fc from "fast-check";
import { expect, test } from "vitest";
import { diskIndex } from "../../../../engine/core/units.ts";
import { type Moment, findMoment } from "../../../../engine/replication/moment.ts";
import { moveImages } from "../../../../engine/replication/move.ts";
import { groundsOf } from "../../../../engine/replication/reach.ts";
import { MemoryObjectStore } from "../../../../engine/storage/memory.ts";
import { carry } from "../../../fixtures/carried.ts";
import { compactAll } from "../../../fixtures/kept.ts";
import { CountingSink } from "../../../fixtures/memory-sink.ts";
import { prefixesOf } from "../../../fixtures/prefixes.ts";
import { DISKS, type Event, type Story, events, tell } from "../../../fixtures/story.ts";
import { POINT, write } from "../../../fixtures/verified.ts";

async function told(list: Event[]) {
  const story = await tell(list);
  const objects = new MemoryObjectStore();
  const points = await carry(story, objects, 2_000);
  return { story, objects, points, prefixes: await prefixesOf(story) };
}

const at = (objects: MemoryObjectStore, { key, machine }: Story, sequence: Moment["sequence"]) =>
  findMoment({ objects, key, machine }, { kind: "write", sequence });

const newSinks = () => DISKS.map(({ size }) => new CountingSink(size));
const mapped = (sinks: readonly CountingSink[]) => new Map(sinks.map((sink, n) => [diskIndex(n), sink]));
const writtenTo = (sinks: readonly CountingSink[]) =>
  sinks.reduce((sum, { times }) => sum + times.filter((count) => count > 0).length, 0);

test("images that are moved forward and back hold each state to the byte, with layers too", async () => {
  await fc.assert(
    fc.asyncProperty(
      events,
      fc.array(fc.nat(), { maxLength: 5 }),
      fc.boolean(),
      async (list, path, layers) => {
        const { story, objects, points, prefixes } = await told(list);
        if (layers) await compactAll(objects, story, points);
        const [ground] = await groundsOf(objects, story.machine);
        const within = prefixes.filter(({ sequence }) => sequence >= (ground?.reach.first.sequence ?? 0));
        const sinks = newSinks();
        let from: Moment | undefined;
        for (const step of within.length === 0 ? [] : path) {
          const prefix = within[step % within.length];
          if (!prefix) continue;
          const to = await at(objects, story, prefix.sequence);
          await moveImages({ objects, key: story.key, from, to, sinks: mapped(sinks) });
          expect(sinks.map(({ content }) => content)).toEqual(prefix.disks);
          from = to;
        }
      },
    ),
    { numRuns: 25 },
  );
});

test("a step writes no more than what was written between the two states", async () => {
  const { story, objects, prefixes } = await told([
    write(0, 0, 400, 1),
    ...POINT,
    write(0, 8, 8, 2),
    { kind: "seal" },
    write(1, 0, 4, 3),
    write(0, 8, 4, 4),
    ...POINT,
    write(0, 100, 8, 5),
    { kind: "seal" },
  ]);
  const [first, , , fourth, fifth] = prefixes;
  if (!first || !fourth || !fifth) throw new RangeError("no writes");
  const start = await at(objects, story, first.sequence);
  const middle = await at(objects, story, fourth.sequence);
  const end = await at(objects, story, fifth.sequence);
  const images = newSinks();
  const step = async (from: Moment | undefined, to: Moment) => {
    for (const { times } of images) times.fill(0);
    return moveImages({ objects, key: story.key, from, to, sinks: mapped(images) });
  };
  expect(await step(undefined, start)).toBe(DISKS.reduce((sum, { size }) => sum + size, 0));
  expect(await step(start, middle)).toBe(12 * 512);
  expect(writtenTo(images)).toBe(12 * 512);
  expect(await step(middle, end)).toBe(8 * 512);
  expect(await step(end, start)).toBe(20 * 512);
  expect(writtenTo(images)).toBe(20 * 512);
  expect(images.map(({ content }) => content)).toEqual(first.disks);
});
