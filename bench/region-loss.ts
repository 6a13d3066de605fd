import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { armId } from "../engine/core/ids.ts";
import { MIB } from "../engine/core/units.ts";
import { type Box, openBox } from "../local/box/box.ts";
import { LEDGER_DISK_BYTES, prepareLedgerDisks } from "../local/demo/ledger-disk.ts";
import { type Scene, enableBody, sceneIn } from "../local/demo/scene.ts";
import { vmDirectory } from "../local/machine/vm-directory.ts";
import { fio } from "./fio.ts";
import { printTable } from "./measure.ts";

/** The machine leaves its fourth disk alone. */
const DISK = 512 * MIB;
const SMALL = 64 * MIB;
const BURST = 256 * MIB;
const BURSTS = 3;
const SECONDS = 60;
const LOOK_EVERY = 200;
const GIVE_UP = 180_000;

/**
 * How far the target region is behind while a disk is written at half of what the box can carry: everything is the real
 * thing, with the default policy. The ceiling is what arrives in the target of a burst, from its first write to the arrival
 * of its last.
 */
export async function run(): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), "leeward-bench-"));
  const box = await openBox({
    directory,
    machines: [{ name: "ledger", disks: [LEDGER_DISK_BYTES, SMALL, SMALL, DISK] }],
    prepareDisk: (plan) => prepareLedgerDisks(plan.sourceVm, 1, MIB),
    pointSchedule: "*/10 * * * * *",
    onProgress: () => undefined,
  });
  try {
    await measure(box);
  } finally {
    await box.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measure(box: Box): Promise<void> {
  const scene = sceneIn(box);
  const { properties } = enableBody(box, "warm");
  await box.api.start("PUT", scene.itemPath, {
    properties: { ...properties, leeward: { policy: { replica: "warm" } } },
  });
  await arrival(scene, 0);
  while ((await scene.item()).properties.leeward.agent?.mode !== "streaming") await sleep(500);
  const { socket } = vmDirectory(box.plan.directory, armId(box.plan.sourceVm.id));
  const uri = `nbd+unix:///disk3?socket=${socket}`;
  const job = ["--rw=randwrite", "--bs=64k", "--iodepth=8", "--refill_buffers"];
  const ceilings: number[] = [];
  for (let n = 0; n < BURSTS; n++) {
    const before = (await arrived(scene)).bytes;
    const begun = performance.now();
    await fio(uri, [...job, `--size=${BURST}`]);
    await arrival(scene, before + BURST);
    ceilings.push(BURST / ((performance.now() - begun) / 1000));
  }
  const ceiling = ceilings.toSorted((a, b) => a - b)[Math.floor(BURSTS / 2)] ?? 0;
  const half = Math.round(ceiling / 2);
  const writing = fio(uri, [
    ...job,
    `--size=${DISK}`,
    `--rate=${half}`,
    "--time_based",
    `--runtime=${SECONDS}`,
  ]);
  const losses = await watch(scene, writing);
  const { throughput } = await writing;
  const { latestPoint } = (await scene.item()).properties.leeward;
  const pointAge = latestPoint ? (Date.now() - Date.parse(latestPoint.time)) / 1000 : Number.NaN;
  const at = (part: number) => (losses[Math.floor(part * (losses.length - 1))] ?? 0).toFixed(1);
  console.log(
    `Bursts of ${BURST / MIB} MiB, then ${SECONDS} s of random writes of 64 KiB, incompressible; ${losses.length} looks; load ${loadavg()[0]?.toFixed(1)}.\n`,
  );
  printTable([
    [
      "ceiling MB/s",
      "(of the bursts)",
      "written MB/s",
      "loss p50 s",
      "p90",
      "p99",
      "most",
      "newest point, s ago",
    ],
    [
      (ceiling / 1e6).toFixed(1),
      ceilings.map((each) => (each / 1e6).toFixed(1)).join(" "),
      (throughput / 1e6).toFixed(1),
      at(0.5),
      at(0.9),
      at(0.99),
      at(1),
      pointAge.toFixed(0),
    ],
  ]);
}

const arrived = async (scene: Scene) => {
  const mark = (await scene.item()).properties.leeward.watermarks.arrived;
  return mark ? { bytes: Number(mark.bytes), time: Number(mark.time) } : { bytes: 0, time: 0 };
};

/** Resolves when so many bytes have arrived, and something at all. @throws when it takes too long */
async function arrival(scene: Scene, wanted: number): Promise<void> {
  for (const begun = performance.now(); performance.now() - begun < GIVE_UP;) {
    const { bytes } = await arrived(scene).catch(() => ({ bytes: 0 }));
    if (bytes > 0 && bytes >= wanted) return;
    await sleep(LOOK_EVERY);
  }
  throw new Error(`not ${wanted} bytes have arrived in ${GIVE_UP / 1000} s`);
}

/** Now less the time of the newest write that has arrived, in seconds, ascending; from 10 s on, when the writing is even. */
async function watch(scene: Scene, writing: Promise<unknown>): Promise<number[]> {
  let going = true;
  const over = () => (going = false);
  void writing.then(over, over);
  const losses: number[] = [];
  await sleep(10_000);
  while (going) {
    const { time } = await arrived(scene);
    losses.push(Date.now() / 1000 - time / 1e6);
    await sleep(LOOK_EVERY);
  }
  return losses.toSorted((a, b) => a - b);
}
