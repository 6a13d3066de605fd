import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { openBox } from "../local/box/box.ts";
import { LEDGER_DISK_BYTES, prepareLedgerDisks } from "../local/demo/ledger-disk.ts";
import { readPid } from "../local/process/pid-file.ts";

const SETTLE_MS = 20_000;
const MINUTE_MS = 60_000;
/** Of Linux, a second. */
const TICKS = 100;

/**
 * Prints the processor that the box's Functions host takes with Leeward's own app in it, as on Azure a timer each minute and nothing
 * protected.
 */
export async function idle(): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), "bench-idle-"));
  const box = await openBox({
    directory,
    machines: [{ name: "ledger", disks: [LEDGER_DISK_BYTES] }],
    prepareDisk: async ({ sourceVms: [vm] }) => {
      if (vm) await prepareLedgerDisks(vm, 1);
    },
    pointSchedule: "0 * * * * *",
    onProgress: () => undefined,
  });
  try {
    const pid = readPid(directory, "host");
    if (pid === undefined) throw new Error("the box has no host");
    await setTimeout(SETTLE_MS);
    const before = ticksOf(pid);
    await setTimeout(MINUTE_MS);
    const part = ((ticksOf(pid) - before) / TICKS / MINUTE_MS) * 1000;
    console.log(
      `\nIdle: ${(part * 100).toFixed(2)} % of a processor over a minute (Leeward's app, one run of each timer).`,
    );
  } finally {
    await box.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

function ticksOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
  return Number(fields[11]) + Number(fields[12]);
}
