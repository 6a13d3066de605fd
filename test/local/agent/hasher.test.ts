import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Disk } from "../../../agent/disk.ts";
import { hashHere } from "../../../agent/hash-blocks.ts";
import { Hasher } from "../../../agent/hasher.ts";
import { nodeFiles } from "../../../agent/node-files.ts";
import { BLOCK, MIB, bytes } from "../../../engine/core/units.ts";
import { scratch } from "../../unit/agent/machine.ts";

function opened(hasher = new Hasher()): { disk: Disk; path: string; hasher: Hasher } {
  const path = join(scratch(), "disk.img");
  const content = randomBytes(9 * MIB + 512);
  content.fill(0, 3 * BLOCK, 7 * BLOCK);
  writeFileSync(path, content);
  const disk = new Disk(nodeFiles, path);
  onTestFinished(() => {
    hasher.close();
    disk.close();
  });
  return { disk, path, hasher };
}

const pieces = (size: number): number[] => Array.from({ length: Math.ceil(size / MIB) }, (_, n) => n * MIB);

/** Processes of this one that hash. */
const hashing = (): number[] =>
  execFileSync("ps", ["-o", "pid=,args=", "--ppid", String(process.pid)], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes("--helper=hash"))
    .map((line) => Number.parseInt(line, 10));

test("blocks hashed elsewhere have the digests that they have here, in any number at once", async () => {
  const { disk, hasher } = opened();
  const wanted = await hashHere(disk, bytes(0), disk.size);
  const found = await Promise.all(
    pieces(disk.size).map((at) => hasher.hash(disk, bytes(at), bytes(Math.min(MIB, disk.size - at)))),
  );
  expect(Buffer.concat(found).equals(wanted)).toBe(true);
});

test("a hashing process that is killed is replaced", async () => {
  const { disk, hasher } = opened();
  await hasher.hash(disk, bytes(0), bytes(MIB));
  const found = pieces(disk.size).map((at) =>
    hasher.hash(disk, bytes(at), bytes(Math.min(MIB, disk.size - at))),
  );
  const [victim] = hashing();
  if (victim === undefined) throw new Error("nothing hashes");
  process.kill(victim, "SIGKILL");
  const wanted = await hashHere(disk, bytes(0), disk.size);
  expect(Buffer.concat(await Promise.all(found)).equals(wanted)).toBe(true);
});

test("a disk that was exchanged is not hashed", async () => {
  const { disk, path, hasher } = opened();
  const file = { ...disk.file, path: `${path}.other` };
  writeFileSync(file.path, Buffer.alloc(MIB));
  const other = Object.create(disk, { file: { value: file } });
  await expect(hasher.hash(other, bytes(0), bytes(MIB))).rejects.toMatchObject({ code: "DiskUnreadable" });
});

test("processes that have nothing to do end, and come back when there is work", async () => {
  const { disk, hasher } = opened(new Hasher(20));
  const wanted = await hasher.hash(disk, bytes(0), bytes(MIB));
  while (hasher.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(await hasher.hash(disk, bytes(0), bytes(MIB))).toEqual(wanted);
});
