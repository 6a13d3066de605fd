import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { GIB, MIB, bytes } from "../../engine/core/units.ts";
import { createImage, openFileDevice } from "../machine/file-device.ts";
import { formatLedger } from "../machine/format-ledger.ts";

export const LEDGER_DISK_BYTES = bytes(GIB);
/** Of documents that were there before anyone thought of protection. */
const ARCHIVE_BYTES = 224 * MIB;

/** Lays the ledger's disk out, once; a disk that is there is left alone. It appears whole or not at all. */
export async function prepareLedgerDisk(file: string, seed: number): Promise<void> {
  if (existsSync(file)) return;
  mkdirSync(path.dirname(file), { recursive: true });
  const draft = `${file}.draft`;
  rmSync(draft, { force: true });
  await createImage(draft, LEDGER_DISK_BYTES);
  const device = await openFileDevice(draft);
  await formatLedger(device, { seed, archiveBytes: ARCHIVE_BYTES });
  await device.close();
  renameSync(draft, file);
}
