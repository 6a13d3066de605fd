import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { BLOCK, MIB } from "../engine/core/units.ts";
import { cpuOf } from "./delta-peers.ts";
import { fio } from "./fio.ts";
import { median, printTable } from "./measure.ts";

/** Beginning a generation and the last pieces take some 20 ms, whatever the size. */
const DISK_MIB = 2048;
const BLOCKS = (DISK_MIB * MIB) / BLOCK;
const CHANGED = Math.round(BLOCKS / 100);
const ROUNDS = 5;
const FIO_SECONDS = 3;

/**
 * A disk of which one block in a hundred changed, from the digests of its base to the end of the comparison, beside plain SHA-256
 * of as many bytes in memory on all processors at the same priority; and what a guest's writes at depth 1 take meanwhile.
 */
export async function run(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "leeward-bench-"));
  const children: ChildProcess[] = [];
  const started = async (file: string, args: readonly string[]) => {
    const child = fork(join(import.meta.dirname, file), args);
    children.push(child);
    await once(child, "message");
    return child;
  };
  try {
    const disk = join(directory, "disk.img");
    const socket = join(directory, "agent.sock");
    writeFileSync(disk, "");
    for (let at = 0; at < DISK_MIB; at += 64) writeFileSync(disk, randomBytes(64 * MIB), { flag: "a" });
    mkdirSync(join(directory, "spool"));
    const agent = await started("resync-agent.ts", [
      disk,
      socket,
      join(directory, "spool"),
      join(directory, "sink"),
    ]);
    const plain = await Promise.all(
      Array.from({ length: availableParallelism() }, () => started("plain-hash.ts", [])),
    );
    change(disk);
    await compare(agent, plain);
    await latency(agent, socket);
  } finally {
    for (const child of children) child.kill();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Whole blocks, spread evenly. */
function change(disk: string): void {
  const file = openSync(disk, "r+");
  for (let n = 0; n < CHANGED; n++)
    writeSync(file, randomBytes(BLOCK), 0, BLOCK, Math.floor((n * BLOCKS) / CHANGED) * BLOCK);
  closeSync(file);
}

/** @throws when the process ends instead */
async function answerOf(child: ChildProcess): Promise<unknown> {
  const ended = new AbortController();
  const end = () => ended.abort();
  child.once("exit", end);
  try {
    const [answer]: unknown[] = await once(child, "message", { signal: ended.signal });
    return answer;
  } finally {
    child.off("exit", end);
  }
}

const result = z.object({
  ms: z.number(),
  hashing: z.number(),
  all: z.number(),
  sent: z.number(),
  carried: z.number(),
});

async function resync(agent: ChildProcess): Promise<z.infer<typeof result>> {
  agent.send("resync");
  await answerOf(agent);
  return result.parse(await answerOf(agent));
}

async function compare(agent: ChildProcess, plain: readonly ChildProcess[]): Promise<void> {
  const floors: Taken[] = [];
  const ours: Taken[] = [];
  let sent = 0;
  for (let round = 0; round <= ROUNDS; round++) {
    const floor = await hashPlain(plain);
    const { ms, hashing, all, carried } = await resync(agent);
    sent = carried;
    // The first round warms up.
    if (round === 0) continue;
    floors.push(floor);
    ours.push({ ms, hashing, all });
  }
  console.log(
    `${DISK_MIB} MiB, ${CHANGED} of ${BLOCKS} blocks changed; medians of ${ROUNDS} rounds, load ${loadavg()[0]?.toFixed(0)}.\n`,
  );
  const [least, own] = [medianOf(floors), medianOf(ours)];
  const row = (name: string, { ms, hashing, all }: Taken) => [
    name,
    ((DISK_MIB / ms) * 1000).toFixed(0),
    (least.ms / ms).toFixed(2),
    (hashing * 1000).toFixed(0),
    (least.hashing / hashing).toFixed(2),
    (all * 1000).toFixed(0),
    (least.all / all).toFixed(2),
  ];
  printTable([
    ["", "MiB/s", "of plain", "CPU ms, hashing", "of plain", "all", "of plain"],
    row(`plain SHA-256, ${plain.length} processes`, least),
    row("resync", own),
  ]);
  console.log(`\nsent ${sent} bytes: ${(sent / (CHANGED * BLOCK)).toFixed(3)} of what changed\n`);
}

/** Wall time, and seconds of processor: of those that hash, and of the agent and of the one that seals besides. */
interface Taken {
  readonly ms: number;
  readonly hashing: number;
  readonly all: number;
}

const medianOf = (all: readonly Taken[]): Taken => ({
  ms: median(all.map(({ ms }) => ms)),
  hashing: median(all.map(({ hashing }) => hashing)),
  all: median(all.map((each) => each.all)),
});

async function hashPlain(processes: readonly ChildProcess[]): Promise<Taken> {
  const cpu = () => processes.reduce((sum, { pid }) => sum + cpuOf(pid ?? 0), 0);
  const [before, start] = [cpu(), performance.now()];
  await Promise.all(
    processes.map(async (child) => {
      child.send(DISK_MIB / processes.length);
      await once(child, "message");
    }),
  );
  const ms = performance.now() - start;
  const hashing = cpu() - before;
  return { ms, hashing, all: hashing };
}

async function latency(agent: ChildProcess, socket: string): Promise<void> {
  const alone: number[] = [];
  const beside: number[] = [];
  const through: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    alone.push(await requestTime(socket));
    agent.send("resync");
    await answerOf(agent);
    const ended = answerOf(agent);
    const start = performance.now();
    beside.push(await requestTime(socket));
    const ran = performance.now() - start;
    const { ms } = result.parse(await ended);
    through.push(Math.min(ms / ran, 1));
  }
  const [without, during] = [median(alone), median(beside)];
  console.log("4 KiB random write at depth 1, mean latency:\n");
  printTable([
    ["", "µs", "ratio"],
    ["alone", without.toFixed(0), "1.00"],
    ["while comparing", during.toFixed(0), (during / without).toFixed(2)],
  ]);
  console.log(`\nthe comparison was under way for ${(100 * median(through)).toFixed(0)} % of that time`);
}

/** Microseconds from one answer to the next: at depth 1 that is what a request takes. */
async function requestTime(socket: string): Promise<number> {
  const args = ["--rw=randwrite", "--bs=4k", "--iodepth=1", "--time_based", `--runtime=${FIO_SECONDS}`];
  const { rate } = await fio(`nbd+unix:///?socket=${socket}`, [`--size=${DISK_MIB}M`, ...args]);
  return 1e6 / rate;
}
