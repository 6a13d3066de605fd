import { spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packageAgent } from "../../../build.ts";
import { KIB, MIB } from "../../../engine/core/units.ts";
import { type Region, startRegion } from "../../fixtures/region.ts";
import { scratch } from "../../unit/agent/machine.ts";
import { PressedAgent } from "./pressed-agent.ts";

/** The agent as machines get it: built, installed below a folder of its own, run, killed, upgraded, removed. */

const ROOT = path.join(import.meta.dirname, "../../..");
const CONFIG = '{"endpoint":"https://app.example","audience":"api://leeward","machine":"ledger-01"}\n';

let built: string;
let region: Region;
beforeAll(async () => {
  built = mkdtempSync(path.join(tmpdir(), "leeward-package-"));
  await packageAgent(built);
  region = await startRegion();
});
afterAll(async () => {
  rmSync(built, { recursive: true });
  await region.stop();
});

/** A machine's root folder, and what it is told to do with a package. */
class Machine {
  readonly root = path.join(scratch(), "root");
  readonly config = path.join(scratch(), "agent.json");

  constructor() {
    mkdirSync(this.root);
    writeFileSync(this.config, CONFIG);
  }

  run(args: readonly string[], { from = built, path: search = path.dirname(process.execPath) } = {}) {
    return spawnSync("sh", [path.join(from, "install.sh"), ...args], {
      encoding: "utf8",
      env: { PATH: `${search}:/usr/bin:/bin`, DESTDIR: this.root },
    });
  }

  install(...args: string[]) {
    return this.run(["--config", this.config, ...args]);
  }

  at = (name: string): string => path.join(this.root, name);
  read = (name: string): string => readFileSync(this.at(name), "utf8");

  /** Every file with its mode and time of change. */
  files(): Record<string, string> {
    const entries = readdirSync(this.root, { recursive: true, withFileTypes: true });
    return Object.fromEntries(
      entries
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => {
          const { mode, mtimeMs, ino } = statSync(path.join(parentPath, name));
          return [
            path.join(parentPath, name).slice(this.root.length),
            `${mode.toString(8)} ${mtimeMs} ${ino}`,
          ];
        }),
    );
  }
}

const sums = (folder: string): string => readFileSync(path.join(folder, "SHA256SUMS"), "utf8");

/** The package of a later version: another program, and its sums. */
function laterPackage(): string {
  const folder = path.join(scratch(), "later");
  cpSync(built, folder, { recursive: true });
  appendFileSync(path.join(folder, "leeward-agent.mjs"), "// a later version\n");
  const { stdout } = spawnSync("sh", ["-c", "sha256sum $(cut -c67- SHA256SUMS)"], {
    cwd: folder,
    encoding: "utf8",
  });
  writeFileSync(path.join(folder, "SHA256SUMS"), stdout);
  return folder;
}

test("the same sources make the same bytes, which name no place of the machine that made them", async () => {
  const again = path.join(scratch(), "again");
  await packageAgent(again);
  expect(sums(again)).toBe(sums(built));
  expect(readFileSync(path.join(again, "cloud-init.yaml"))).toEqual(
    readFileSync(path.join(built, "cloud-init.yaml")),
  );
  const program = readFileSync(path.join(built, "leeward-agent.mjs"), "utf8");
  expect(program).not.toContain(ROOT);
  expect(program).not.toContain("/node_modules/.");
  expect(readFileSync(path.join(built, "cloud-init.yaml"), "utf8")).toContain(sums(built).split("\n")[0]);
});

test("the checksums are those of the files, and no shell finds fault with the script", () => {
  for (const line of sums(built).trimEnd().split("\n")) {
    const [digest, name = ""] = line.split("  ");
    expect(
      createHash("sha256")
        .update(readFileSync(path.join(built, name)))
        .digest("hex"),
    ).toBe(digest);
  }
  expect(spawnSync("sh", ["-n", path.join(built, "install.sh")]).status).toBe(0);
});

test("the unit leaves the watchdog alive, comes back for ever, and hides nothing that the agent needs", () => {
  const unit = readFileSync(path.join(built, "leeward-agent.service"), "utf8").split("\n");
  expect(unit).toEqual(
    expect.arrayContaining(["KillMode=process", "Restart=always", "StartLimitIntervalSec=0"]),
  );
  expect(
    unit.filter((line) => /^(PrivateDevices|MemoryDenyWriteExecute|PrivateNetwork)=/.test(line)),
  ).toEqual([]);
});

test("installing twice changes nothing the second time", () => {
  const machine = new Machine();
  const first = machine.install(
    "--disk",
    "/dev/disk/azure/scsi1/lun0",
    "--disk",
    "/dev/sdd",
    "--spool-limit",
    "2048",
  );
  expect(first).toMatchObject({ status: 0, stderr: "" });
  expect(machine.read("etc/leeward/agent.env")).toContain(
    "LEEWARD_ARGUMENTS='--disk /dev/disk/azure/scsi1/lun0 --disk /dev/sdd --spool-limit 2048'",
  );
  expect(machine.read("etc/leeward/agent.json")).toBe(CONFIG);
  expect(statSync(machine.at("etc/leeward/agent.json")).mode & 0o777).toBe(0o640);
  expect(statSync(machine.at("var/lib/leeward")).mode & 0o777).toBe(0o700);
  expect(readlinkSync(machine.at("opt/leeward/node"))).toBe(process.execPath);
  const before = machine.files();
  const second = machine.run([]);
  expect(second).toMatchObject({ status: 0, stdout: "leeward agent: installed\n" });
  expect(machine.files()).toEqual(before);
});

test("an upgrade replaces the program and keeps spool, configuration and disks", () => {
  const machine = new Machine();
  machine.install("--disk", "/dev/sdd");
  mkdirSync(machine.at("var/lib/leeward/spool"));
  writeFileSync(machine.at("var/lib/leeward/spool/1-0000000000.log"), "writes that wait");
  const before = machine.files();
  expect(machine.run([], { from: laterPackage() })).toMatchObject({
    status: 0,
    stdout: "leeward agent: installed, and started anew\n",
  });
  expect(machine.read("opt/leeward/leeward-agent.mjs")).toMatch(/a later version\n$/);
  const after = machine.files();
  for (const kept of [
    "/var/lib/leeward/spool/1-0000000000.log",
    "/etc/leeward/agent.json",
    "/etc/leeward/agent.env",
  ])
    expect(after[kept]).toBe(before[kept]);
});

test("removal takes away what was installed, twice as once, and nothing else", () => {
  const machine = new Machine();
  mkdirSync(machine.at("etc/systemd/system"), { recursive: true });
  writeFileSync(machine.at("etc/systemd/system/other.service"), "[Unit]\n");
  writeFileSync(machine.at("disk.img"), "a disk");
  const before = machine.files();
  machine.install("--disk", machine.at("disk.img"));
  expect(machine.run(["--remove"]).status).toBe(0);
  expect(machine.run(["--remove"]).status).toBe(0);
  expect(machine.files()).toEqual(before);
});

test("what is wrong stops it before anything is changed, with a sentence", () => {
  const machine = new Machine();
  const refused = (words: string, ...args: string[]) => {
    const { status, stderr } = machine.run(args);
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining(words) });
    expect(machine.files()).toEqual({});
  };
  refused("--config: is needed the first time");
  refused("not an absolute path", "--config", machine.config, "--disk", "sdd");
  refused("not an absolute path", "--config", machine.config, "--disk", "/dev/sdd' $(reboot)");
  refused("unknown argument", "--install");
  refused("needs a value", "--disk");
  const damaged = laterPackage();
  appendFileSync(path.join(damaged, "leeward-agent.mjs"), "// changed on its way\n");
  const { status, stderr } = machine.run(["--config", machine.config], { from: damaged });
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: expect.stringContaining("the package is damaged"),
  });
  expect(machine.files()).toEqual({});
});

/** An archive in the shape of Node's own, in which `node` is this one. */
function nodeArchive(version?: string): { archive: string; digest: string } {
  const folder = scratch();
  mkdirSync(path.join(folder, "node-v22/bin"), { recursive: true });
  const node = path.join(folder, "node-v22/bin/node");
  writeFileSync(node, version ? "#!/bin/sh\nexit 1\n" : `#!/bin/sh\nexec '${process.execPath}' "$@"\n`);
  chmodSync(node, 0o755);
  const archive = path.join(folder, "node.tar.gz");
  spawnSync("tar", ["-czf", archive, "-C", folder, "node-v22"]);
  return { archive, digest: createHash("sha256").update(readFileSync(archive)).digest("hex") };
}

test("where no Node is new enough it brings the one that is named, if its checksum is right", () => {
  const machine = new Machine();
  const old = scratch();
  writeFileSync(path.join(old, "node"), "#!/bin/sh\nexit 1\n");
  chmodSync(path.join(old, "node"), 0o755);
  const { archive, digest } = nodeArchive();
  const bring = (...args: string[]) => machine.run(["--config", machine.config, ...args], { path: old });
  expect(bring().stderr).toContain("no Node 22.18.0 or newer");
  expect(bring("--node", archive).stderr).toContain("not taken without --node-sha256");
  expect(bring("--node", "http://example.org/node.tar.gz", "--node-sha256", digest).stderr).toContain(
    "only https",
  );
  expect(bring("--node", archive, "--node-sha256", "0".repeat(64)).stderr).toContain("has not the SHA-256");
  const useless = nodeArchive("0");
  expect(bring("--node", useless.archive, "--node-sha256", useless.digest).stderr).toContain("holds no Node");
  expect(existsSync(machine.at("opt/leeward/leeward-agent.mjs"))).toBe(false);
  expect(bring("--node", archive, "--node-sha256", digest)).toMatchObject({ status: 0 });
  expect(readlinkSync(machine.at("opt/leeward/node"))).toBe("/opt/leeward/runtime/bin/node");
  expect(machine.run([], { path: old })).toMatchObject({ status: 0, stderr: "" });
});

test("the installed agent serves, journals, is killed and upgraded, and no write is missing", async () => {
  const machine = new Machine();
  machine.install("--disk", "/dev/sdd");
  const agent = await PressedAgent.over(region, machine.at("opt/leeward/leeward-agent.mjs"));
  await agent.write(0, randomBytes(3 * MIB));
  await agent.point();
  await agent.kill();
  await agent.start();
  await agent.write(64 * KIB, randomBytes(MIB));
  await agent.point();
  expect(machine.run([], { from: laterPackage() }).status).toBe(0);
  await agent.kill("SIGTERM");
  await agent.start();
  await agent.write(2 * MIB, randomBytes(MIB));
  await agent.point();
  await agent.caughtUp();
  expect(agent.plane.registered.map(({ resume }) => resume?.generation)).toEqual([undefined, 1, 1]);
  expect(await agent.checkPoints()).toEqual({ right: 3, wrong: [] });
});
