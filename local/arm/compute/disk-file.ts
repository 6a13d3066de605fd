import { existsSync, mkdirSync, rmSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import path from "node:path";
import { sha256 } from "../../../engine/core/digest.ts";
import { type Bytes, KIB, MIB } from "../../../engine/core/units.ts";
import type { Box } from "../box.ts";
import type { Disk } from "../model.ts";

const PIECE = 4 * MIB;
const PAGE = 64 * KIB;
const ZEROS = Buffer.alloc(PAGE);

/** Where a new image goes: named after its disk or snapshot, told apart when another group has one of that name. */
export function fileFor(box: Box, id: string, name: string, kind: "disk" | "snapshot" = "disk"): string {
  const directory = path.resolve(box.config.disks, kind === "disk" ? "." : "snapshots");
  const plain = path.join(directory, `${name}.img`);
  const used = [...box.state.disks.all(), ...box.state.snapshots.all()].some(
    ({ hidden }) => hidden.file === plain,
  );
  if (!used && !existsSync(plain)) return plain;
  const tag = sha256(Buffer.from(id.toLowerCase())).slice(0, 8);
  return path.join(directory, `${name}-${tag}.img`);
}

/** A copy in which what is zero takes no room. Nobody may write to the source meanwhile. */
export async function copySparse(from: string, to: string, size: Bytes): Promise<void> {
  await createSparse(to, size);
  if (statSync(from).blocks === 0) return;
  const [source, target] = [await open(from, "r"), await open(to, "r+")];
  try {
    const data = Buffer.allocUnsafe(PIECE);
    for (let at = 0; at < size; at += PIECE) {
      const { bytesRead } = await source.read(data, 0, Math.min(PIECE, size - at), at);
      for (let page = 0; page < bytesRead; page += PAGE) {
        const end = Math.min(page + PAGE, bytesRead);
        if (!data.subarray(page, end).equals(ZEROS.subarray(0, end - page)))
          await target.write(data, page, end - page, at + page);
      }
    }
    await target.sync();
  } finally {
    await Promise.all([source.close(), target.close()]);
  }
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
