import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { operationId } from "../../../engine/core/ids.ts";
import { fileKey } from "../../../engine/journal/file-key.ts";
import { encodeWrappedKey } from "../../../engine/journal/key.ts";
import type { RecoveryPoint } from "../../../engine/journal/manifest.ts";
import { keyName } from "../../../engine/journal/names.ts";
import { keepLedger, readLosses } from "../../../engine/replication/loss-ledger.ts";
import { DirectoryObjectStore } from "../../../engine/storage/directory.ts";
import { carry } from "../../fixtures/carried.ts";
import { leeward } from "../../fixtures/leeward.ts";
import { prefixesOf } from "../../fixtures/prefixes.ts";
import { type Event, type Story, cacheSegments, tell } from "../../fixtures/story.ts";
import { POINT, write } from "../../fixtures/verified.ts";

const JOB = "00000000-0000-4000-8000-00000000f0f0";
/** A point, one write that arrived behind it, and two that only the cache holds. */
const EVENTS: Event[] = [
  write(0, 0, 64, 1),
  ...POINT,
  write(0, 8, 8, 2),
  { kind: "seal" },
  write(0, 12, 8, 3),
  { kind: "zero", disk: 0, sector: 40, sectors: 4 },
  { kind: "seal" },
];

let directory: string;
let story: Story;
let point: RecoveryPoint;
let args: string[];

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "leeward-lost-"));
  const keyFile = path.join(directory, "master.key");
  await writeFile(keyFile, randomBytes(32));
  story = await tell(EVENTS);
  const objects = new DirectoryObjectStore(path.join(directory, "target"));
  const cache = new DirectoryObjectStore(path.join(directory, "cache"));
  for (const store of [objects, cache]) await store.ensureContainer();
  const [made] = await carry({ ...story, segments: story.segments.slice(0, -1) }, objects);
  if (!made) throw new RangeError("no point");
  point = made;
  await cacheSegments(cache, story.segments.slice(-1));
  const wrapped = await (await fileKey(keyFile)).wrap(story.key);
  await objects.put(keyName(story.machine), encodeWrappedKey(wrapped), "absent");
  const { machine, key } = story;
  const old = { objects, cache, machine, key };
  await keepLedger(
    objects,
    await readLosses({ old, operation: operationId(JOB), kept: point, last: point.generation }),
  );
  args = ["lost", "--from", path.join(directory, "target"), "--machine", machine, "--key-file", keyFile];
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test("leeward lost lists every write behind a point, from the target and from the old cache", async () => {
  const cache = ["--cache", path.join(directory, "cache")];
  const { code, stdout } = await leeward([...args, ...cache, "--point", point.id]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/write 2 .* disk 0 {2}4096 bytes at 4096 {2}arrived behind what was kept/);
  expect(stdout).toMatch(/write 4 .* disk 0 {2}2048 bytes at 20480, zeros {2}in the old cache/);
  expect(stdout).toContain(
    "3 writes were lost: 8192 bytes of the disks in 2 ranges, after write 1 of generation 1",
  );
  const without = await leeward([...args, "--point", point.id, "--json"]);
  expect(
    without.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
  ).toMatchObject([{ sequence: 2, place: "target" }]);
});

test("leeward lost extracts what was lost by a failover, and what was kept in its place", async () => {
  const out = path.join(directory, "out");
  const cache = ["--cache", path.join(directory, "cache")];
  const { code } = await leeward([...args, ...cache, "--job", JOB, "--extract", out, "--kept"]);
  expect(code).toBe(0);
  const lines: unknown = JSON.parse(await readFile(path.join(out, "lost.json"), "utf8"));
  expect(lines).toMatchObject([{ sequence: 2 }, { sequence: 3 }, { sequence: 4, kind: "zero" }]);
  const prefixes = await prefixesOf(story);
  const lost = await readFile(path.join(out, "disk0.lost"));
  const kept = await readFile(path.join(out, "disk0.kept"));
  for (const [start, end] of [
    [8, 20],
    [40, 44],
  ] as const) {
    const range = [start * 512, end * 512] as const;
    expect(
      lost.subarray(...range).equals(prefixes.at(-1)?.disks[0]?.subarray(...range) ?? Buffer.alloc(0)),
    ).toBe(true);
    expect(kept.subarray(...range).equals(prefixes[0]?.disks[0]?.subarray(...range) ?? Buffer.alloc(0))).toBe(
      true,
    );
  }
  expect(lost.subarray(0, 8 * 512).equals(Buffer.alloc(8 * 512))).toBe(true);
  expect(kept.subarray(0, 8 * 512).equals(Buffer.alloc(8 * 512))).toBe(true);
});

test("leeward lost says when a failover has no ledger", async () => {
  const { code, stderr } = await leeward([...args, "--job", "00000000-0000-4000-8000-00000000dead"]);
  expect([code, stderr.split(":")[0]]).toEqual([1, "NotFound"]);
  expect((await leeward(args)).code).toBe(2);
});
