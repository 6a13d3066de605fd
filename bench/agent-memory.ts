import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { GIB, MIB } from "../engine/core/units.ts";
import { fio } from "./fio.ts";
import { printTable } from "./measure.ts";

const DISK = 1024 * GIB;
const MINUTES = 10;
const MINUTE = 60_000;
/** A second; each write makes a block of its own dirty, so the point behind a minute hashes 4 GB. */
const WRITES = 1000;
const MOST = 400 * MIB;

const settings = z.coerce.number().positive();

/**
 * What the agent and its child processes have in memory while a guest writes 4 KiB at random all over a sparse disk of 1 TiB, with a
 * point each minute. `npm run bench -- agent-memory [minutes] [writes a second]`
 */
export async function run(): Promise<void> {
  const minutes = settings.parse(process.argv[3] ?? MINUTES);
  const writes = settings.parse(process.argv[4] ?? WRITES);
  const directory = mkdtempSync(join(tmpdir(), "leeward-bench-"));
  const [disk, socket, spool] = [
    join(directory, "disk.img"),
    join(directory, "agent.sock"),
    join(directory, "spool"),
  ];
  let agent: ChildProcess | undefined;
  try {
    writeFileSync(disk, "");
    truncateSync(disk, DISK);
    mkdirSync(spool);
    agent = fork(
      join(import.meta.dirname, "memory-agent.ts"),
      [disk, socket, spool, join(directory, "sink")],
      {
        execArgv: [],
      },
    );
    await once(agent, "message");
    await watch(agent, socket, minutes, writes);
  } finally {
    agent?.kill();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function watch(agent: ChildProcess, socket: string, minutes: number, writes: number): Promise<void> {
  const job = [
    "--rw=randwrite",
    "--bs=4k",
    "--iodepth=16",
    "--norandommap",
    "--randrepeat=0",
    "--time_based",
  ];
  const limits = [`--size=${DISK}`, `--rate_iops=${writes}`, `--runtime=${Math.round(minutes * 60)}`];
  const state = { ended: false };
  const writing = fio(`nbd+unix:///?socket=${socket}`, [...job, ...limits]).finally(
    () => (state.ended = true),
  );
  console.log(
    `1 TiB, sparse; 4 KiB at random over all of it, ${writes} a second, for ${minutes} minutes; load ${loadavg()[0]?.toFixed(0)}.\n`,
  );
  const table = [["minute", "processes", "MiB, most", "agent alone", "points"]];
  const points = { made: 0, asked: false };
  for (let minute = 1; !state.ended; minute++) {
    const most = await mostIn(agent.pid ?? 0, () => state.ended);
    const row = [most.processes, mebi(most.all), mebi(most.agent), points.made].map(String);
    table.push([String(minute), ...row]);
    console.log(`minute ${minute}: ${row.join("  ")}`);
    if (!points.asked && !state.ended) void point(agent, points);
  }
  const { rate } = await writing;
  console.log("");
  printTable(table);
  const most = Math.max(...table.slice(1).map(([, , all]) => Number(all)));
  console.log(`\n${rate.toFixed(0)} writes a second; ${most} MiB at most, of ${MOST / MIB}`);
  if (most * MIB >= MOST) process.exitCode = 1;
}

/** The next one is asked for when this one is there. */
async function point(agent: ChildProcess, points: { made: number; asked: boolean }): Promise<void> {
  points.asked = true;
  agent.send("point");
  await once(agent, "message");
  points.made++;
  points.asked = false;
}

interface Resident {
  all: number;
  agent: number;
  processes: number;
}

/** Looks four times a second, for a minute. */
async function mostIn(pid: number, ended: () => boolean): Promise<Resident> {
  const most: Resident = { all: 0, agent: 0, processes: 0 };
  for (const end = performance.now() + MINUTE; performance.now() < end && !ended(); await sleep(250)) {
    const children = childrenOf(pid);
    const agent = residentOf(pid);
    const all = children.reduce((sum, child) => sum + residentOf(child), agent);
    most.all = Math.max(most.all, all);
    most.agent = Math.max(most.agent, agent);
    most.processes = Math.max(most.processes, 1 + children.length);
  }
  return most;
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number),
  );
}

/** In bytes; 0 for a process that has ended. */
function residentOf(pid: number): number {
  try {
    return 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

const mebi = (size: number): string => (size / MIB).toFixed(0);
