import { beforeEach, expect, test } from "vitest";
import type { RecoveryPoint } from "../../../../engine/journal/manifest.ts";
import { checkpointName } from "../../../../engine/journal/names.ts";
import { checkpoint } from "../../../../engine/replication/checkpoint.ts";
import {
  type Checkpoint,
  dropCheckpoints,
  listCheckpoints,
  readCheckpoint,
} from "../../../../engine/replication/checkpoints.ts";
import { createReplica } from "../../../../engine/replication/replica.ts";
import { MemoryObjectStore, MemoryPageStore } from "../../../../engine/storage/memory.ts";
import { FOOTER, carry } from "../../../fixtures/carried.ts";
import { DISKS, type Event, type Story, tell } from "../../../fixtures/story.ts";

const POINT: Event[] = [{ kind: "barrier" }, { kind: "prove" }, { kind: "seal" }];
const EVENTS: Event[] = [
  { kind: "write", disk: 0, sector: 0, sectors: 9, fill: 1 },
  ...POINT,
  { kind: "write", disk: 0, sector: 4, sectors: 9, fill: 2 },
  ...POINT,
];

let story: Story;
let target: MemoryObjectStore;
let pages: MemoryPageStore;
let points: readonly RecoveryPoint[];

beforeEach(async () => {
  story = await tell(EVENTS);
  target = new MemoryObjectStore();
  pages = new MemoryPageStore();
  points = await carry(story, target);
  for (const disk of DISKS) await createReplica(pages, story.machine, disk, FOOTER);
});

const pointAt = (n: number): RecoveryPoint => {
  const found = points[n];
  if (!found) throw new RangeError(`no point ${n}`);
  return found;
};

const bring = (from: Checkpoint["applied"], point: RecoveryPoint): Promise<Checkpoint> =>
  checkpoint({ target, pages, key: story.key, from, point });

const spoil = async ({ machine, generation, sequence, id }: Checkpoint, body: string): Promise<string> => {
  const name = checkpointName(machine, generation, sequence, id);
  await target.put(name, Buffer.from(body), "any");
  return name;
};

test.each(["", "{}", '{"format":1}'])("a document that became %j is none, and is made anew", async (body) => {
  await spoil(await bring(story.start, pointAt(0)), body);
  expect(await readCheckpoint(target, pointAt(0))).toBeUndefined();
  expect(await listCheckpoints(target, story.machine)).toEqual([]);
  const again = await bring(story.start, pointAt(0));
  expect(again.id).toBe(pointAt(0).id);
  expect(await readCheckpoint(target, pointAt(0))).toEqual(again);
});

test("a document of a newer version is left alone, by name", async () => {
  await spoil(await bring(story.start, pointAt(0)), JSON.stringify({ format: 3 }));
  const found = readCheckpoint(target, pointAt(0));
  await expect(found).rejects.toMatchObject({ code: "ManifestVersionUnknown" });
});

test("documents that cannot be read are dropped, whatever is to stay", async () => {
  const first = await bring(story.start, pointAt(0));
  const second = await bring(first.applied, pointAt(1));
  const name = await spoil(first, "damaged");
  expect(await dropCheckpoints(target, pages, story.machine, 3)).toEqual([]);
  expect(await target.get(name)).toBeUndefined();
  expect(await listCheckpoints(target, story.machine)).toEqual([second]);
});
