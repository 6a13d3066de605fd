import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MIB } from "../../../engine/core/units.ts";
import { nbdUrl, openDisk } from "../../../local/machine/disk-url.ts";
import { seededRandom } from "../../../local/machine/seeded-random.ts";

const present = spawnSync("qemu-nbd", ["--version"]).status === 0;
if (!present) console.warn("skipped: qemu-nbd is not installed (Debian: qemu-utils)");

const SIZE = 8 * MIB;

describe.skipIf(!present)("a disk behind qemu-nbd", () => {
  let directory: string;
  let image: string;
  let socket: string;
  let server: ChildProcess;
  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), "leeward-nbd-"));
    image = path.join(directory, "disk.img");
    socket = path.join(directory, "nbd.sock");
    writeFileSync(image, Buffer.alloc(SIZE));
    serve();
  });
  afterEach(async () => {
    await kill();
    rmSync(directory, { recursive: true });
  });

  function serve() {
    server = spawn("qemu-nbd", ["-f", "raw", "-t", "-k", socket, "-x", "disk0", image], { stdio: "inherit" });
  }
  async function kill() {
    const gone = new Promise((resolve) => server.once("exit", resolve));
    if (server.exitCode !== null || server.signalCode !== null) return;
    server.kill("SIGKILL");
    await gone;
  }
  const open = () => openDisk(nbdUrl(socket, "disk0"));

  test("reads what was written, with many requests at once", async () => {
    const device = await open();
    expect(device.size).toBe(SIZE);
    const random = seededRandom(5);
    const model = Buffer.alloc(SIZE);
    const writes = Array.from({ length: 64 }, async (_, index) => {
      const data = Buffer.alloc(64 * 1024, 1 + Math.floor(random() * 255));
      data.copy(model, index * 128 * 1024);
      await device.write(index * 128 * 1024, data);
    });
    await Promise.all(writes);
    await device.flush();
    expect((await device.read(0, SIZE)).equals(model)).toBe(true);
    await device.close();
    expect((await readFile(image)).equals(model)).toBe(true);
  });

  test("stalls while its server is killed again and again, and loses nothing", async () => {
    const device = await open();
    const model = Buffer.alloc(SIZE);
    let writing = true;
    let written = 0;
    const work = (async () => {
      for (let round = 0; writing; round += 1) {
        const offset = (round % 256) * 32 * 1024;
        const data = Buffer.alloc(32 * 1024, 1 + (round % 251));
        await Promise.all([device.write(offset, data), device.read((offset + MIB) % SIZE, 512)]);
        data.copy(model, offset);
        written += 1;
      }
    })();
    for (let kills = 0; kills < 4; kills += 1) {
      const before = written;
      await waitUntil(() => written > before + 20);
      await kill();
      serve();
    }
    writing = false;
    await work;
    await device.flush();
    expect((await device.read(0, SIZE)).equals(model)).toBe(true);
    await device.close();
  });

  test("refuses an export that is not there, and requests beyond the end", async () => {
    await expect(openDisk(nbdUrl(socket, "other"))).rejects.toThrow(/refuses the export "other"/);
    const device = await open();
    await expect(device.read(SIZE, 512)).rejects.toThrow("does not fit");
    await expect(device.write(1, Buffer.alloc(512))).rejects.toThrow("does not fit");
    await device.close();
    await expect(device.read(0, 512)).rejects.toThrow("closed");
  });
});

test.each(["/dev/sda", "nbd://host/disk0", "nbd+unix:///disk0", "http://x/"])(
  "%s is no disk",
  async (url) => {
    await expect(openDisk(url)).rejects.toThrow("not a disk");
  },
);

async function waitUntil(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}
