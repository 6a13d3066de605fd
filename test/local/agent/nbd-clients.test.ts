import { execFile, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { type ListenOn, serveNbd } from "../../../agent/nbd/server.ts";
import { sha256 } from "../../../engine/core/digest.ts";
import { MIB } from "../../../engine/core/units.ts";
import {
  type TestMachine,
  caughtUp,
  replayed,
  scratch,
  streaming,
  testMachine,
} from "../../unit/agent/machine.ts";

const SIZE = 32 * MIB;

/** Where a tool is not installed its tests are skipped, and the output says so. */
function missing(tool: string): boolean {
  const absent = spawnSync(tool, ["--version"]).error !== undefined;
  if (absent) console.warn(`SKIPPED: ${tool} is not installed (Debian: libnbd-bin, qemu-utils, fio)`);
  return absent;
}

const run = async (command: string, ...args: string[]): Promise<string> =>
  (await promisify(execFile)(command, args, { maxBuffer: 64 * MIB, cwd: tmpdir() })).stdout;

interface Served {
  readonly machine: TestMachine;
  readonly uri: string;
}

async function served(content: Buffer = randomBytes(SIZE), listen?: ListenOn): Promise<Served> {
  const machine = testMachine([content]);
  const path = join(scratch(), "nbd.sock");
  const server = await serveNbd(listen ?? { kind: "unix", path }, machine.capture.exports);
  onTestFinished(() => server.close());
  machine.begin();
  await streaming(machine);
  return { machine, uri: server.uri };
}

/** What came through the journal is what is on the disk. */
async function expectJournalled({ machine }: Served): Promise<void> {
  await caughtUp(machine);
  const [rebuilt] = replayed(await machine.journal(), [SIZE]);
  expect(sha256(rebuilt ?? Buffer.alloc(0))).toBe(sha256(readFileSync(machine.diskPaths[0] ?? "")));
}

test.skipIf(missing("nbdinfo"))("nbdinfo reads size, block sizes and abilities", async () => {
  const { uri } = await served();
  const info = await run("nbdinfo", "--json", uri);
  expect(JSON.parse(info)).toMatchObject({
    protocol: "newstyle-fixed",
    exports: [
      {
        "export-size": SIZE,
        can_multi_conn: true,
        can_fua: true,
        can_trim: true,
        can_zero: true,
        block_size_minimum: 512,
        block_size_preferred: 4096,
        block_size_maximum: 32 * MIB,
      },
    ],
  });
  expect(await run("nbdinfo", "--list", uri)).toContain('export="disk0"');
});

test.skipIf(missing("nbdcopy"))(
  "nbdcopy fills the disk over several connections and reads it back",
  async () => {
    const all = await served(Buffer.alloc(SIZE));
    const directory = scratch();
    const source = join(directory, "source.img");
    const copy = join(directory, "copy.img");
    const content = randomBytes(SIZE);
    content.fill(0, 8 * MIB, 20 * MIB);
    writeFileSync(source, content);
    await run("nbdcopy", "--flush", "--connections=4", source, all.uri);
    await run("nbdcopy", "--connections=4", all.uri, copy);
    expect(sha256(readFileSync(copy))).toBe(sha256(content));
    await expectJournalled(all);
  },
);

test.skipIf(missing("nbdcopy"))("nbdcopy speaks to it over TCP, too", async () => {
  const content = randomBytes(SIZE);
  const { uri } = await served(content, { kind: "tcp", port: 0 });
  const copy = join(scratch(), "copy.img");
  await run("nbdcopy", uri, copy);
  expect(sha256(readFileSync(copy))).toBe(sha256(content));
});

test.skipIf(missing("qemu-io"))(
  "qemu-io writes, discards, zeroes and reads back what it expects",
  async () => {
    const all = await served();
    const commands = [
      "write -P 7 1M 2M",
      "write -f -P 9 3M 64k",
      "discard 1M 512k",
      "write -z 2M 256k",
      "flush",
      "read -P 0 1M 512k",
      "read -P 7 1536k 512k",
      "read -P 0 2M 256k",
      "read -P 7 2304k 768k",
      "read -P 9 3M 64k",
    ];
    const said = await run(
      "qemu-io",
      "-f",
      "raw",
      ...commands.flatMap((command) => ["-c", command]),
      all.uri,
    );
    expect(said).not.toContain("Pattern verification failed");
    expect(said.match(/^read \d+\/\d+/gm)).toHaveLength(5);
    await expectJournalled(all);
  },
);

test.skipIf(missing("fio"))("fio verifies every block it wrote at depth 16", async () => {
  const all = await served();
  const job = ["--name=verify", "--ioengine=nbd", `--uri=${all.uri}`, `--size=${SIZE / MIB}M`];
  const load = ["--rw=randwrite", "--bsrange=512-128k", "--iodepth=16", "--fsync=64"];
  const said = await run("fio", ...job, ...load, "--verify=crc32c", "--do_verify=1", "--verify_fatal=1");
  expect(said).toContain("err= 0");
  await expectJournalled(all);
});
