import { expect, test } from "vitest";
import { generation, sequence } from "../../../engine/core/units.ts";
import { journalPrefix } from "../../../engine/journal/names.ts";
import { baseOf, createBase } from "../../../engine/replication/lineage.ts";
import { groundsOf } from "../../../engine/replication/reach.ts";
import { writeBetween } from "../../../engine/replication/bisection.ts";
import { MemoryObjectStore } from "../../../engine/storage/memory.ts";
import { bisectStep } from "../../../functions/bisect-step.ts";
import { carry } from "../../fixtures/carried.ts";
import { collect } from "../../fixtures/collect.ts";
import { type Event, type StoryOptions, tell } from "../../fixtures/story.ts";
import { POINT, write } from "../../fixtures/verified.ts";

const writes = (count: number, from = 0): Event[] =>
  Array.from({ length: count }, (_, n) => write(0, from + n * 8, 8, n + 1));
const mark = (at: number, of = 1) => ({ generation: generation(of), sequence: sequence(at) });

async function told(list: Event[], options: StoryOptions = {}) {
  const story = await tell(list, options);
  const objects = new MemoryObjectStore();
  const points = await carry(story, objects, 1);
  return { objects, points, story, source: { objects, machine: story.machine, key: story.key } };
}

/** A second generation that gave numbers of the first one again: writes 1 to 6, and 3 to 8 behind the point at 2. */
async function twice() {
  const first = await told([...writes(2), ...POINT, ...writes(4, 16), { kind: "seal" }]);
  const { story, objects, points } = first;
  const [point] = points;
  const disks = story.moments[0]?.disks;
  if (!point || !disks) throw new RangeError("no point");
  const base = { disks, ...(await createBase(objects, baseOf(generation(2), point))) };
  const list: Event[] = [write(1, 0, 8, 7), ...POINT, ...writes(5, 40), ...POINT, { kind: "seal" }];
  const newer = await tell(list, { generation: generation(2), from: sequence(2), key: story.key, base });
  await carry(newer, objects, 1);
  return first;
}

test("a number that two generations gave is not tried as if it were the older one's", async () => {
  const { source } = await twice();
  await expect(bisectStep(source, { good: mark(2), bad: mark(6) })).rejects.toMatchObject({
    code: "MomentUnreachable",
    message: expect.stringContaining("write 4 of generation 1 cannot be tried: generation 2"),
  });
  const { next } = await bisectStep(source, { good: mark(3, 2), bad: mark(8, 2) });
  expect(next).toMatchObject({ ...mark(5, 2), recoveryPointId: null });
});

test("the write between two states is that of their own generation", async () => {
  const { source } = await twice();
  const grounds = await groundsOf(source.objects, source.machine);
  const found = (of: number) => writeBetween(grounds, source.key, mark(4, of), mark(5, of));
  expect([(await found(1))?.offset, (await found(2))?.offset]).toEqual([32 * 512, 48 * 512]);
  const { culprit } = await bisectStep(source, { good: mark(4), bad: mark(5) });
  expect(culprit).toMatchObject({ ...mark(5), offset: 32 * 512 });
});

test("across generations it stops where no single writes are kept, and says between what", async () => {
  const { source } = await twice();
  const { next } = await bisectStep(source, { good: mark(6), bad: mark(8, 2) });
  expect(next).toMatchObject({ ...mark(3, 2), recoveryPointId: expect.any(String) });
  await expect(bisectStep(source, { good: mark(6), bad: mark(3, 2) })).rejects.toMatchObject({
    code: "MomentUnreachable",
    message: expect.stringMatching(/between write 6 of generation 1 and write 3 of generation 2 is not kept/),
  });
});

test("within what is one change there is no bound and nothing to try", async () => {
  const seal: Event = { kind: "seal" };
  const list = [...writes(1), ...POINT, seal, ...writes(3), seal, ...writes(3), seal];
  const { source } = await told(list, { indivisible: true });
  await expect(bisectStep(source, { good: mark(2) })).rejects.toMatchObject({
    code: "InvalidRequest",
    message: expect.stringMatching(/^properties.good: .* only writes 1 and 4 are states/),
  });
  expect((await bisectStep(source, { good: mark(1) })).next).toMatchObject(mark(4));
  await expect(bisectStep(source, { good: mark(1), bad: mark(4) })).rejects.toMatchObject({
    code: "MomentUnreachable",
  });
});

test("where nothing but single points is kept there is nothing to narrow down", async () => {
  const { source, points, story } = await told([
    ...writes(2),
    ...POINT,
    ...writes(2, 40),
    ...POINT,
    ...POINT,
  ]);
  const listed = await collect(source.objects.list(journalPrefix(story.machine, generation(1))));
  await source.objects.delete(listed.slice(0, 1).map(({ name }) => name));
  const bounds = { good: { point: points[0]?.id ?? fail() }, bad: { point: points.at(-1)?.id ?? fail() } };
  await expect(bisectStep(source, bounds)).rejects.toMatchObject({ code: "MomentUnreachable" });
});

const fail = (): never => {
  throw new Error("no such point");
};
