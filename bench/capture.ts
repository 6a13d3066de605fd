import { type ChildProcess, fork, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MIB } from "../engine/core/units.ts";
import { fio } from "./fio.ts";
import { median, printTable } from "./measure.ts";

const DISK_MIB = 1024;
const ROUNDS = 3;

const JOBS = [
  {
    name: "4 KiB random write, depth 1",
    args: "--rw=randwrite --bs=4k --iodepth=1 --time_based --runtime=2",
  },
  {
    name: "4 KiB random write, depth 16",
    args: "--rw=randwrite --bs=4k --iodepth=16 --time_based --runtime=2",
  },
  { name: "1 MiB sequential write, depth 4", args: "--rw=write --bs=1M --iodepth=4" },
  { name: "1 MiB sequential read, depth 4", args: "--rw=read --bs=1M --iodepth=4" },
] as const;

interface Server {
  readonly name: string;
  readonly socket: string;
  readonly child: ChildProcess;
  /** Resolves when nothing of the last job is still being done in the background. */
  settle(): Promise<void>;
}

/** The agent with its journal on, against NBD servers that only serve, over the same file, in turns. */
export async function run(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "leeward-bench-"));
  const servers: Server[] = [];
  try {
    const disk = join(directory, "disk.img");
    writeFileSync(disk, "");
    for (let at = 0; at < DISK_MIB; at += 64) writeFileSync(disk, randomBytes(64 * MIB), { flag: "a" });
    servers.push(
      await start("qemu-nbd", directory, (socket) =>
        spawn("qemu-nbd", ["-f", "raw", "-t", "-e", "4", "--cache=writeback", "-k", socket, disk]),
      ),
      await start("nbdkit file", directory, (socket) => spawn("nbdkit", ["-f", "-U", socket, "file", disk])),
      await agent(directory, disk),
    );
    await compare(servers);
  } finally {
    for (const { child } of servers) child.kill();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function start(
  name: string,
  directory: string,
  serve: (socket: string) => ChildProcess,
): Promise<Server> {
  const socket = join(directory, `${name.replaceAll(" ", "-")}.sock`);
  const child = serve(socket);
  child.once("error", (error) => console.error(`${name}: ${error.message}`));
  while (!existsSync(socket)) {
    if (child.exitCode !== null || child.pid === undefined) throw new Error(`${name} did not start`);
    await sleep(20);
  }
  return { name, socket, child, settle: () => Promise.resolve() };
}

async function agent(directory: string, disk: string): Promise<Server> {
  const spool = join(directory, "spool");
  mkdirSync(spool);
  const places = [spool, join(directory, "sink")];
  const server = await start("agent, journal on", directory, (socket) =>
    fork(join(import.meta.dirname, "capture-agent.ts"), [disk, socket, ...places]),
  );
  await once(server.child, "message");
  const settle = async () => {
    server.child.send("settle");
    await once(server.child, "message");
  };
  await settle();
  return { ...server, settle };
}

async function compare(servers: readonly Server[]): Promise<void> {
  const found = new Map<string, number[]>();
  for (let round = 0; round <= ROUNDS; round++)
    for (const job of JOBS)
      for (const server of servers) {
        const uri = `nbd+unix:///?socket=${server.socket}`;
        const { rate: speed } = await fio(uri, [`--size=${DISK_MIB}M`, ...job.args.split(" ")]);
        await server.settle();
        const key = `${job.name}/${server.name}`;
        // The first round warms up.
        if (round > 0) found.set(key, [...(found.get(key) ?? []), speed]);
      }
  console.log(
    `fio's nbd engine on a disk of ${DISK_MIB} MiB; requests a second, medians of ${ROUNDS} interleaved rounds.\n`,
  );
  const names = servers.map(({ name }) => name);
  const heading = ["", ...names, ...names.slice(0, 2).map((name) => `agent / ${name}`)];
  printTable([heading, ...JOBS.map((job) => row(job.name, names, found))]);
}

function row(job: string, names: readonly string[], found: ReadonlyMap<string, readonly number[]>): string[] {
  const speeds = names.map((name) => median(found.get(`${job}/${name}`) ?? []));
  const ours = speeds.at(-1) ?? 0;
  return [
    job,
    ...speeds.map((speed) => speed.toFixed(0)),
    ...speeds.slice(0, 2).map((other) => (ours / other).toFixed(2)),
  ];
}
