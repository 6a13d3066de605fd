import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { toIso } from "../../../engine/core/clock.ts";
import { micros } from "../../../engine/core/units.ts";
import { fileKey } from "../../../engine/journal/file-key.ts";
import { encodeWrappedKey } from "../../../engine/journal/key.ts";
import type { RecoveryPoint } from "../../../engine/journal/manifest.ts";
import { keyName, pointName } from "../../../engine/journal/names.ts";
import { DirectoryObjectStore } from "../../../engine/storage/directory.ts";
import { carry } from "../../fixtures/carried.ts";
import { leeward } from "../../fixtures/leeward.ts";
import { prefixesOf } from "../../fixtures/prefixes.ts";
import { type Event, type Story, tell } from "../../fixtures/story.ts";

const write = (disk: number, sector: number, sectors: number): Event => ({
  kind: "write",
  disk,
  sector,
  sectors,
  fill: sector + 1,
});
const EVENTS: Event[] = [
  write(0, 3, 200),
  write(1, 0, 5),
  { kind: "seal" },
  { kind: "barrier" },
  { kind: "prove" },
  write(0, 100, 20),
  { kind: "seal" },
  { kind: "zero", disk: 0, sector: 0, sectors: 50 },
  { kind: "barrier" },
  { kind: "prove" },
  { kind: "seal" },
];

let directory: string;
let journal: string;
let keyFile: string;
let story: Story;
let points: RecoveryPoint[];
let source: string[];
let out: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "leeward-cli-"));
  journal = path.join(directory, "journal");
  keyFile = path.join(directory, "master.key");
  await writeFile(keyFile, randomBytes(32));
  story = await tell(EVENTS);
  const objects = new DirectoryObjectStore(journal);
  await objects.ensureContainer();
  points = await carry(story, objects);
  const wrapped = await (await fileKey(keyFile)).wrap(story.key);
  await objects.put(keyName(story.machine), encodeWrappedKey(wrapped), "absent");
  source = ["--from", journal, "--machine", story.machine];
});
afterAll(() => rm(directory, { recursive: true, force: true }));

beforeEach(async () => {
  out = path.join(await mkdtemp(path.join(directory, "out-")), "disk.img");
});

const restore = (...more: string[]) =>
  leeward(["restore", ...source, "--key-file", keyFile, "--out", out, ...more]);
const imagesIn = () => readdir(path.dirname(out));

describe("leeward restore", () => {
  test("rebuilds the newest point, proves it and says so", async () => {
    const { code, stdout } = await restore("--point", "latest");
    expect(stdout).toContain(points[1]?.id);
    expect(stdout).toContain("every block equals the source's");
    expect(code).toBe(0);
    expect((await readFile(out)).equals(story.moments[1]?.disks[0] ?? Buffer.alloc(0))).toBe(true);
    expect(await imagesIn()).toEqual(["disk.img"]);
  });

  test("rebuilds another disk of an older point, with the result as JSON", async () => {
    const [first] = points;
    const { code, stdout } = await restore("--point", first?.id ?? "", "--disk", "1", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      point: { id: first?.id, sequence: first?.sequence },
      disk: { index: 1, name: "data", image: out, verified: true, root: first?.disks[1]?.root },
    });
    expect((await readFile(out)).equals(story.moments[0]?.disks[1] ?? Buffer.alloc(0))).toBe(true);
  });

  test("rebuilds any write between points, and holds what was not written since against the point before", async () => {
    const { code, stdout } = await restore("--sequence", "3");
    expect(stdout).toContain("write     3 of generation 1");
    expect(stdout).toContain("3 blocks equal the source's at point");
    expect(code).toBe(0);
    const [, , , third] = [undefined, ...(await prefixesOf(story))];
    expect((await readFile(out)).equals(third?.disks[0] ?? Buffer.alloc(0))).toBe(true);
    const at = await restore("--at", toIso(third?.time ?? micros(0)), "--force", "--json");
    expect(JSON.parse(at.stdout)).toMatchObject({
      write: { sequence: 3 },
      disk: { verified: false, equalBlocks: 3 },
    });
    expect((await readFile(out)).equals(third?.disks[0] ?? Buffer.alloc(0))).toBe(true);
  });

  test("says what is reachable when an instant or a write is not", async () => {
    const late = await restore("--at", "2036-01-01T00:00:00Z");
    expect(late).toMatchObject({ code: 1 });
    expect(late.stderr).toMatch(
      /MomentUnreachable: .* after the newest write .*; reachable: writes 2 to 4 of generation 1/,
    );
    expect((await restore("--sequence", "1")).stderr).toContain("before everything that is kept");
  });

  test("replaces a file only when it is forced to", async () => {
    await writeFile(out, "precious");
    const refused = await restore("--point", "latest");
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toContain("--force");
    expect(await readFile(out, "utf8")).toBe("precious");
    expect((await restore("--point", "latest", "--force")).code).toBe(0);
    expect((await readFile(out)).equals(story.moments[1]?.disks[0] ?? Buffer.alloc(0))).toBe(true);
  });

  test("leaves nothing behind, and names the object, when the journal is damaged", async () => {
    const copy = path.join(path.dirname(out), "copy");
    const objects = new DirectoryObjectStore(copy);
    await objects.ensureContainer();
    const original = new DirectoryObjectStore(journal);
    let damaged = "";
    for await (const { name } of original.list("")) {
      const body = (await original.get(name))?.body ?? Buffer.alloc(0);
      if (name.endsWith(".seg") && damaged === "") body.fill(1, 300, 302);
      if (name.endsWith(".seg")) damaged ||= name;
      await objects.put(name, body, "absent");
    }
    const args = ["restore", "--from", copy, "--machine", story.machine, "--key-file", keyFile];
    const { code, stderr } = await leeward([...args, "--out", out, "--point", "latest"]);
    expect(code).toBe(1);
    expect(stderr).toContain(`SegmentDamaged: ${damaged}`);
    expect(await imagesIn()).toEqual(["copy"]);
  });

  test("with another master key says that it is the wrong one", async () => {
    const other = path.join(path.dirname(out), "other.key");
    await writeFile(other, randomBytes(32).toString("base64"));
    const args = ["restore", ...source, "--out", out, "--point", "latest", "--key-file", other, "--json"];
    const { code, stdout } = await leeward(args);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "KeyWrong" } });
  });

  test.each([
    ["no point", [], "--point"],
    ["a point that is none", ["--point", "yesterday"], "--point"],
    ["a disk that the machine has not", ["--point", "latest", "--disk", "7"], "disk 7"],
    ["a disk that is no number", ["--point", "latest", "--disk", "two"], "--disk"],
    ["two states at once", ["--point", "latest", "--sequence", "3"], "only one"],
    ["an instant without a zone", ["--at", "2026-11-21T20:15:03"], "--at"],
    ["a write that is no number", ["--sequence", "few"], "--sequence"],
    ["an unknown option", ["--point", "latest", "--speed", "high"], "--speed"],
  ])("refuses %s as wrong usage, naming it", async (_, more, named) => {
    const { code, stderr, stdout } = await restore(...more);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(named);
    expect(await imagesIn()).toEqual([]);
  });

  test("says when there is no such point or machine", async () => {
    const missing = await restore("--point", "00000000-0000-4000-8000-00000000dead");
    expect(missing).toMatchObject({ code: 1 });
    expect(missing.stderr).toContain("NotFound");
    const nobody = await leeward([
      "restore",
      "--from",
      journal,
      "--machine",
      "nobody",
      "--point",
      "latest",
      "--key-file",
      keyFile,
      "--out",
      out,
    ]);
    expect(nobody.stderr).toContain("no recovery point of a machine nobody");
  });
});

describe("leeward points", () => {
  test("lists them, newest last", async () => {
    const { code, stdout } = await leeward(["points", ...source]);
    expect(code).toBe(0);
    const ids = points.map(({ id }) => id);
    expect(stdout.match(/[0-9a-f]{8}-[0-9a-f-]{27}/g)).toEqual(ids);
    expect(stdout).toContain("2 of 2 points");
  });

  test("takes the place from the environment, where no other process sees it, and the only machine without a name; gives JSON", async () => {
    const args = ["points", "--json", "--last", "1"];
    const { code, stdout } = await leeward(args, { LEEWARD_FROM: journal });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      points: [{ id: points[1]?.id, losses: points[1]?.losses }],
      reachable: [{ generation: 1, first: { sequence: points[0]?.sequence }, last: { sequence: 4 } }],
    });
  });
});

describe("leeward verify", () => {
  const verify = (...more: string[]) =>
    leeward(["verify", ...source, "--image", out, "--point", "latest", ...more]);

  test("tells the right image from one with a wrong byte, and names the block", async () => {
    const truth = Buffer.from(story.moments[1]?.disks[0] ?? []);
    await writeFile(out, truth);
    expect(await verify()).toMatchObject({ code: 0, stderr: "" });
    truth[70_000] = (truth[70_000] ?? 0) ^ 1;
    await writeFile(out, truth);
    const { code, stderr } = await verify("--key-file", keyFile);
    expect(code).toBe(1);
    expect(stderr).toContain("DiskDiffers");
    expect(stderr).toContain("1 blocks of 64 KiB differ: 1\n");
  });

  test("does not take an image that is too short for the disk", async () => {
    await writeFile(out, Buffer.alloc(512, 1));
    expect((await verify("--json")).code).toBe(1);
  });
});

describe("leeward verify without an image", () => {
  const verify = (from: string, ...more: string[]) =>
    leeward(["verify", "--from", from, "--key-file", keyFile, ...more]);

  /** A copy of the container in which one object is changed. */
  async function copyWith(wanted: (name: string) => boolean, change: (body: Buffer) => Buffer | undefined) {
    const copy = path.join(path.dirname(out), "copy");
    const objects = new DirectoryObjectStore(copy);
    await objects.ensureContainer();
    const original = new DirectoryObjectStore(journal);
    let changed = "";
    for await (const { name } of original.list("")) {
      const body = (await original.get(name))?.body ?? Buffer.alloc(0);
      const here = changed === "" && wanted(name);
      if (here) changed = name;
      const kept = here ? change(body) : body;
      if (kept) await objects.put(name, kept, "absent");
    }
    return { copy, changed };
  }

  test("finds every point to be what the source had, with nothing but the objects and the key", async () => {
    const { code, stdout } = await verify(journal);
    expect(stdout).toContain("2 of 2 points are what the source had");
    expect(code).toBe(0);
    const one = await verify(journal, "--point", points[1]?.id ?? "", "--json");
    expect(JSON.parse(one.stdout)).toMatchObject({
      points: [{ point: points[1]?.id, verified: true, compared: 6 }],
    });
  });

  const flipped = (body: Buffer) => Buffer.from(body).fill((body[400] ?? 0) ^ 1, 400, 401);
  test.each([
    ["a segment with a flipped bit", ".seg", flipped, "SegmentDamaged"],
    ["a segment that is cut", ".seg", (body: Buffer) => body.subarray(0, -7), "SegmentDamaged"],
    ["a segment that is gone", ".seg", () => undefined, "SegmentMissing"],
    ["a segment of zeros", ".seg", (body: Buffer) => Buffer.alloc(body.length), "SegmentDamaged"],
    ["an empty segment", ".seg", () => Buffer.alloc(0), "SegmentDamaged"],
    ["a manifest with a flipped bit", "points", flipped, "ManifestDamaged"],
    ["an empty manifest", "points", () => Buffer.alloc(0), "ManifestDamaged"],
  ])("names %s", async (_, part, change, error) => {
    const { copy } = await copyWith((name) => name.includes(part), change);
    const { code, stdout, stderr } = await verify(copy);
    expect(code).toBe(1);
    expect(stdout).toMatch(new RegExp(`^BAD .*${error}`));
    expect(stderr).toContain("PointBad");
  });

  test("does not take a wrong key, or none, for a bad point", async () => {
    const other = path.join(path.dirname(out), "other.key");
    await writeFile(other, randomBytes(32));
    const wrong = await leeward(["verify", "--from", journal, "--key-file", other]);
    expect([wrong.code, wrong.stderr.split(":")[0]]).toEqual([3, "KeyWrong"]);
    const { copy } = await copyWith(
      (name) => name.endsWith("key.json"),
      () => undefined,
    );
    expect((await verify(copy)).code).toBe(3);
    expect((await leeward(["verify", "--from", journal])).code).toBe(2);
  });
});

test("a point whose manifest was changed is made again of the journal, and that is said", async () => {
  const [first] = points;
  if (!first) throw new RangeError("no point");
  const name = pointName(first.machine, first.generation, first.sequence, first.id);
  const file = path.join(journal, name);
  const manifest = await readFile(file, "utf8");
  const changed = manifest.replace(/"seconds": 1.5/, '"seconds": 0.5');
  await writeFile(file, changed);
  const { code, stdout, stderr } = await restore("--point", first.id);
  expect([code, stderr]).toEqual([0, expect.stringContaining(name)]);
  expect(stdout).toContain("every block equals the source's");
  expect((await readFile(out)).equals(story.moments[0]?.disks[0] ?? Buffer.alloc(0))).toBe(true);
  // Whoever restores may not be allowed to write.
  expect(await readFile(file, "utf8")).toBe(changed);
  await writeFile(file, manifest);
});

test("leeward without a command, or with one that it has not, explains itself", async () => {
  expect(await leeward([])).toMatchObject({ code: 2 });
  expect((await leeward(["--help"])).stdout).toContain("Exit codes");
  expect((await leeward(["destroy"])).stderr).toContain('no command "destroy"');
  for (const command of ["restore", "points", "verify"]) {
    const { code, stdout } = await leeward([command, "--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain(`leeward ${command} --from`);
  }
});
