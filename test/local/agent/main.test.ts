import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { MIB } from "../../../engine/core/units.ts";
import { openNbdDevice } from "../../../local/machine/nbd-device.ts";
import { scratch } from "../../unit/agent/machine.ts";

const MAIN = join(import.meta.dirname, "../../../agent/main.ts");

const ask = (...args: string[]) => spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8" });

interface Places {
  readonly disk: string;
  readonly socket: string;
  readonly spool: string;
}

function places(): Places {
  const directory = scratch();
  const disk = join(directory, "disk.img");
  writeFileSync(disk, Buffer.alloc(MIB, 5));
  return { disk, socket: join(directory, "nbd.sock"), spool: join(directory, "spool") };
}

const argumentsOf = ({ disk, socket, spool }: Places): string[] => [
  `--disk=${disk}`,
  `--listen=unix:${socket}`,
  `--spool=${spool}`,
  `--config=${spool}/never.json`,
];

/** Resolves with the line that says that it serves. */
async function started(at: Places): Promise<{ agent: ChildProcess; ready: unknown }> {
  const agent = spawn(process.execPath, [MAIN, ...argumentsOf(at)], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void agent.kill("SIGKILL"));
  const [line]: Buffer[] = await once(agent.stdout ?? agent, "data");
  return { agent, ready: JSON.parse(String(line)) };
}

test("serves the disk before it has settings, and ends in peace on SIGTERM", async () => {
  const at = places();
  const { agent, ready } = await started(at);
  expect(ready).toEqual({
    ready: true,
    pid: agent.pid,
    nbd: `nbd+unix:///?socket=${at.socket}`,
    exports: [{ name: "disk0", size: MIB }],
  });
  const device = await openNbdDevice({ socket: at.socket, export: "disk0" });
  await device.write(4096, Buffer.alloc(4096, 6));
  expect(await device.read(0, 8192)).toEqual(Buffer.concat([Buffer.alloc(4096, 5), Buffer.alloc(4096, 6)]));
  await device.close();
  agent.kill("SIGTERM");
  expect(await once(agent, "exit")).toEqual([0, null]);
  expect(existsSync(join(at.spool, "lock"))).toBe(false);
  expect(JSON.parse(readFileSync(join(at.spool, "status.json"), "utf8"))).toMatchObject({ version: "0.1.0" });
});

test("a second agent for the same spool is refused, and takes over when the first was killed", async () => {
  const at = places();
  const { agent } = await started(at);
  const refused = ask(...argumentsOf({ ...at, socket: `${at.socket}2` }));
  expect(refused.stderr).toContain(`in use by process ${agent.pid}`);
  expect(refused.status).toBe(2);
  agent.kill("SIGKILL");
  await once(agent, "exit");
  const { ready } = await started(at);
  expect(ready).toMatchObject({ ready: true });
});

test("a wrong argument or a disk that is not there ends it with a sentence", () => {
  expect(ask("--disk", "x")).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("--listen: is missing"),
  });
  const missing = ask(...argumentsOf({ ...places(), disk: "/nowhere/disk.img" }));
  expect(missing).toMatchObject({ status: 1, stderr: expect.stringContaining("/nowhere/disk.img") });
  expect(ask("--help")).toMatchObject({ status: 0, stdout: expect.stringContaining("--spool-limit") });
});
