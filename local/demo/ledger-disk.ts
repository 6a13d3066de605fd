import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { GIB, MIB, bytes } from "../../engine/core/units.ts";
import type { SourceVm } from "../box/plan.ts";
import { createImage, openFileDevice } from "../machine/file-device.ts";
import { formatLedger } from "../machine/format-ledger.ts";

export const LEDGER_DISK_BYTES = bytes(GIB);
/** Of documents that were there before anyone thought of protection. */
const ARCHIVE_BYTES = 224 * MIB;

/**
 * Lays a ledger's disks out, once: the database on the OS disk, its log on the first data disk if there is one; the rest
 * is zero. Disks that are there are left alone. The OS disk is last, and appears whole or not at all.
 */
export async function prepareLedgerDisks(
  vm: SourceVm,
  seed: number,
  archiveBytes = ARCHIVE_BYTES,
): Promise<void> {
  if (existsSync(vm.disk)) return;
  mkdirSync(path.dirname(vm.disk), { recursive: true });
  for (const { file, bytes: size } of vm.dataDisks) await createImage(file, bytes(size));
  const draft = `${vm.disk}.draft`;
  rmSync(draft, { force: true });
  await createImage(draft, bytes(vm.diskBytes));
  const device = await openFileDevice(draft);
  const [log] = vm.dataDisks;
  const second = log && (await openFileDevice(log.file));
  await formatLedger(device, { seed, archiveBytes }, second);
  await second?.close();
  await device.close();
  renameSync(draft, vm.disk);
}
