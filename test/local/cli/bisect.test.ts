import { randomBytes } from "node:crypto";
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { fileKey } from "../../../engine/journal/file-key.ts";
import { encodeWrappedKey } from "../../../engine/journal/key.ts";
import { keyName } from "../../../engine/journal/names.ts";
import { DirectoryObjectStore } from "../../../engine/storage/directory.ts";
import { carry } from "../../fixtures/carried.ts";
import { leeward } from "../../fixtures/leeward.ts";
import { prefixesOf } from "../../fixtures/prefixes.ts";
import { type Event, type Story, tell } from "../../fixtures/story.ts";

const POINT: Event[] = [{ kind: "barrier" }, { kind: "prove" }, { kind: "seal" }];
const write = (sector: number, fill = 1): Event => ({ kind: "write", disk: 0, sector, sectors: 1, fill });
const SPOILT = 60;
/** Write 38 spoils sector 400; points at each tenth write. */
const EVENTS: Event[] = Array.from({ length: SPOILT }, (_, n) => [
  write(n + 1 === 38 ? 400 : n),
  ...((n + 1) % 10 === 0 ? POINT : []),
]).flat();

let directory: string;
let source: string[];
let story: Story;
let probe: string;
let work: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "leeward-bisect-"));
  const keyFile = path.join(directory, "master.key");
  await writeFile(keyFile, randomBytes(32));
  story = await tell(EVENTS);
  const objects = new DirectoryObjectStore(path.join(directory, "journal"));
  await objects.ensureContainer();
  await carry(story, objects);
  const wrapped = await (await fileKey(keyFile)).wrap(story.key);
  await objects.put(keyName(story.machine), encodeWrappedKey(wrapped), "absent");
  source = ["--from", path.join(directory, "journal"), "--machine", story.machine, "--key-file", keyFile];
  probe = path.join(directory, "probe.sh");
  await writeFile(
    probe,
    `echo "$LEEWARD_SEQUENCE" >> "$(dirname "$1")/tried"
     [ "$1" = "$LEEWARD_DISK0" ] || exit 1
     [ "$(dd if="$1" bs=512 skip=400 count=1 2>/dev/null | tr -d '\\0' | wc -c)" -eq 0 ]`,
  );
});
afterAll(() => rm(directory, { recursive: true, force: true }));
beforeEach(async () => {
  work = await mkdtemp(path.join(directory, "work-"));
});

const bisect = (command: string, ...more: string[]) =>
  leeward(["bisect", ...source, "--work", work, "--probe", command, ...more]);

describe("leeward bisect", () => {
  test("finds the last good state and the write that spoilt it, by points first", async () => {
    const { code, stdout } = await bisect(`sh ${probe}`);
    expect(stdout).toContain("The newest state that passes: write 37 of generation 1");
    expect(stdout).toMatch(/The first bad write: 38, .*Z, disk 0, 512 bytes at 204800/);
    expect(code).toBe(0);
    const tried = (await readFile(path.join(work, "tried"), "utf8")).trim().split("\n").map(Number);
    expect(tried.slice(0, 4)).toEqual([60, 10, 40, 30]);
    expect(tried.length).toBeLessThanOrEqual(9);
    expect(stdout.match(/passes|does not pass/g)?.length).toBe(tried.length + 1);
  });

  test("goes on where it was stopped, with the images that are there, and says it as JSON", async () => {
    const stopping = path.join(work, "stop.sh");
    await writeFile(
      stopping,
      `[ "$LEEWARD_SEQUENCE" -eq 30 ] && [ ! -e ${work}/on ] && exit 127; sh ${probe} "$@"`,
    );
    const first = await bisect(`sh ${stopping}`, "--good", "10", "--bad", "60");
    expect([first.code, first.stderr.split(":")[0]]).toEqual([1, "InvalidSetting"]);
    await writeFile(path.join(work, "on"), "");
    const { stdout } = await bisect(`sh ${stopping}`, "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      good: { sequence: 37, point: null },
      firstBadWrite: { sequence: 38, disk: 0, offset: 204_800, length: 512, kind: "data" },
    });
    const tried = (await readFile(path.join(work, "tried"), "utf8")).trim().split("\n").map(Number);
    expect(tried.slice(0, 2)).toEqual([40, 30]);
  });

  test("is not misled by a probe that writes to its image", async () => {
    const spoiling = path.join(work, "spoil.sh");
    await writeFile(
      spoiling,
      `sh ${probe} "$@"; code=$?; printf x | dd of="$1" bs=1 seek=204900 conv=notrunc 2>/dev/null; exit $code`,
    );
    const { stdout } = await bisect(`sh ${spoiling}`);
    expect(stdout).toContain("The newest state that passes: write 37");
    expect(stdout).toContain("the probe changed an image");
  });

  test("says when everything passes, or nothing does, and takes a probe that hangs for one that does not pass", async () => {
    const all = await bisect("true");
    expect(all.stdout).toContain("write 60 of generation 1");
    expect(all.stdout).toContain("It is the newest write");
    const images = await readFile(path.join(work, "disk0.img"));
    expect(images.equals((await prefixesOf(story)).at(-1)?.disks[0] ?? Buffer.alloc(0))).toBe(true);
    const other = await bisect("false");
    expect(other.stderr).toContain("choose another --work");
    work = await mkdtemp(path.join(directory, "work-"));
    const none = await bisect("sleep 60;", "--timeout", "0.2");
    expect([none.code, none.stderr.split(":")[0]]).toEqual([1, "NoStatePasses"]);
  });
});

test("a state file that is damaged is named", async () => {
  await appendFile(path.join(work, "bisect.json"), "{}");
  expect((await bisect("true")).stderr).toContain("bisect.json");
});
