import { existsSync, mkdirSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import path from "node:path";
import { sha256 } from "../../../engine/core/digest.ts";
import type { Bytes } from "../../../engine/core/units.ts";
import type { Box } from "../box.ts";
import type { Disk } from "../model.ts";

/** Where a new disk's image goes: named after the disk, told apart when another group has a disk of that name. */
export function fileFor(box: Box, id: string, name: string): string {
  const plain = path.resolve(box.config.disks, `${name}.img`);
  const used = box.state.disks.all().some(({ hidden }) => hidden.file === plain);
  if (!used && !existsSync(plain)) return plain;
  const tag = sha256(Buffer.from(id.toLowerCase())).slice(0, 8);
  return path.resolve(box.config.disks, `${name}-${tag}.img`);
}

/** An all-zero sparse image; what was in the file is gone. */
export async function createSparse(file: string, size: Bytes): Promise<void> {
  mkdirSync(path.dirname(file), { recursive: true });
  const handle = await open(file, "w");
  try {
    await handle.truncate(size);
  } finally {
    await handle.close();
  }
}

export function removeDisk(box: Box, disk: Disk): void {
  box.state.disks.delete(disk.id);
  rmSync(disk.hidden.file, { force: true });
}
