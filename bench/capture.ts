import { type ChildProcess, fork, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MIB } from "../engine/core/units.ts";
import { fio } from "./fio.ts";
import { median, printTable } from "./measure.ts";

const DISK_MIB = 1024;
const ROUNDS = 3;
/** A second, of the clock that Linux counts processor time with. */
const TICKS = 100;

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
  /** Called when a job begins. */
  begin(): void;
  /** Resolves when nothing of the last job is still being done in the background. */
  settle(): Promise<void>;
}

const AGENTS = [
  { name: "bare agent", args: ["bare"], points: false },
  { name: "agent with marks", args: [], points: false },
  { name: "and points", args: [], points: true },
] as const;

/**
 * The agent with its journal on, against NBD servers that only serve, over the same file, in turns. Bare: without marks and without
 * points; with marks; and with marks and a point for each job, whose blocks are hashed meanwhile.
 * `npm run bench -- capture [rounds]`
 */
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
    );
    for (const kind of AGENTS) servers.push(await agent(directory, disk, kind));
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
  return { name, socket, child, begin: () => undefined, settle: () => Promise.resolve() };
}

async function agent(
  directory: string,
  disk: string,
  { name, args, points }: (typeof AGENTS)[number],
): Promise<Server> {
  const own = join(directory, name.replaceAll(" ", "-"));
  const spool = join(own, "spool");
  mkdirSync(spool, { recursive: true });
  const server = await start(name, own, (socket) =>
    fork(join(import.meta.dirname, "capture-agent.ts"), [disk, socket, spool, join(own, "sink"), ...args]),
  );
  await once(server.child, "message");
  const settle = async () => {
    server.child.send("settle");
    await once(server.child, "message");
  };
  let made = 0;
  const begin = () => void (points && server.child.send(++made));
  await settle();
  return { ...server, begin, settle };
}

async function compare(servers: readonly Server[]): Promise<void> {
  const rounds = Number(process.argv[3] ?? ROUNDS);
  const rates = new Map<string, number[]>();
  const costs = new Map<string, number[]>();
  const counts = new Map<string, number[]>();
  for (let round = 0; round <= rounds; round++)
    for (const job of JOBS)
      for (const server of servers) {
        const uri = `nbd+unix:///?socket=${server.socket}`;
        const before = cpuOf(server.child.pid ?? 0);
        const begun = performance.now();
        server.begin();
        const { rate } = await fio(uri, [`--size=${DISK_MIB}M`, ...job.args.split(" ")]);
        const requests = (rate * (performance.now() - begun)) / 1000;
        const cost = ((cpuOf(server.child.pid ?? 0) - before) * 1e6) / requests;
        await server.settle();
        // The first round warms up.
        if (round === 0) continue;
        const key = `${job.name}/${server.name}`;
        rates.set(key, [...(rates.get(key) ?? []), rate]);
        costs.set(key, [...(costs.get(key) ?? []), cost]);
        counts.set(key, [...(counts.get(key) ?? []), requests]);
      }
  console.log(
    `fio's nbd engine on a disk of ${DISK_MIB} MiB; medians of ${rounds} interleaved rounds; load ${loadavg()[0]?.toFixed(0)}.`,
  );
  const names = servers.map(({ name }) => name);
  print("requests a second", names, rates);
  print("µs of processor for each request, of the serving process", names, costs);
  printPoint(costs, counts);
}

/** Each job is given one point, of all that the jobs before it changed; a policy that says nothing else asks for one a minute. */
function printPoint(
  costs: ReadonlyMap<string, readonly number[]>,
  counts: ReadonlyMap<string, readonly number[]>,
): void {
  const [, marks, points] = AGENTS.map(({ name }) => name);
  console.log("\nprocessor that a point took besides, of the serving process:\n");
  printTable([
    ["", "ms", "of a minute"],
    ...JOBS.map(({ name }) => {
      const of = (found: typeof costs, kind = "") => median(found.get(`${name}/${kind}`) ?? []);
      const ms = ((of(costs, points) - of(costs, marks)) * of(counts, points)) / 1000;
      return [name, ms.toFixed(0), `${(ms / 600).toFixed(1)} %`];
    }),
  ]);
}

/** Seconds of processor that the process has had. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Each agent beside qemu-nbd, and those with more to do beside the bare one. */
function print(what: string, names: readonly string[], found: ReadonlyMap<string, readonly number[]>): void {
  const [, , bare, ...more] = names;
  console.log(`\n${what}:\n`);
  printTable([
    [
      "",
      ...names,
      ...[bare, ...more].map((name) => `${name} / qemu-nbd`),
      ...more.map((name) => `${name} / bare`),
    ],
    ...JOBS.map((job) => {
      const values = names.map((name) => median(found.get(`${job.name}/${name}`) ?? []));
      const [peer = 0, , first = 0, ...rest] = values;
      const ratios = [...[first, ...rest].map((own) => own / peer), ...rest.map((own) => own / first)];
      return [
        job.name,
        ...values.map((value) => value.toFixed(0)),
        ...ratios.map((ratio) => ratio.toFixed(2)),
      ];
    }),
  ]);
}
