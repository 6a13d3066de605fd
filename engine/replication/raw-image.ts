import { existsSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { LeewardError, messageOf } from "../core/errors.ts";
import { type Bytes, MIB } from "../core/units.ts";
import type { Sink } from "./restore.ts";
import { isZero } from "./run.ts";

/**
 * A new sparse file of this size; zeros stay holes. An existing file is emptied first.
 * @throws DiskUnreadable when the file cannot be opened or written
 */
export async function rawImage(path: string, size: Bytes): Promise<Sink> {
  const file = await doing(path, () => open(path, "w"));
  await doing(path, () => file.truncate(size));
  return {
    write: (offset, data) => doing(path, () => writeAll(file, data, offset)),
    zero: async () => undefined,
    finish: () => doing(path, () => file.sync()),
    close: () => doing(path, () => file.close()),
  };
}

const ZEROS = Buffer.alloc(4 * MIB);

/**
 * An existing image of this size, to be changed in place; one that there is not is made. Zeros are written.
 * @throws DiskUnreadable
 */
export async function changedImage(path: string, size: Bytes): Promise<Sink> {
  const file = await doing(path, () => open(path, existsSync(path) ? "r+" : "w+"));
  await doing(path, () => file.truncate(size));
  return {
    write: (offset, data) => doing(path, () => writeAll(file, data, offset)),
    zero: (offset, length) => doing(path, () => zeroAll(file, offset, length)),
    finish: () => doing(path, () => file.sync()),
    close: () => doing(path, () => file.close()),
  };
}

/** What reads as zero stays as it is, so that a new image is sparse. */
async function zeroAll(file: FileHandle, offset: number, length: number): Promise<void> {
  const found = Buffer.alloc(Math.min(length, ZEROS.length));
  for (let done = 0; done < length; done += found.length) {
    const part = found.subarray(0, Math.min(found.length, length - done));
    const { bytesRead } = await file.read(part, 0, part.length, offset + done);
    if (!isZero(part.subarray(0, bytesRead)))
      await writeAll(file, ZEROS.subarray(0, part.length), offset + done);
  }
}

async function writeAll(file: FileHandle, data: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < data.length;)
    done += (await file.write(data, done, data.length - done, offset + done)).bytesWritten;
}

async function doing<Result>(path: string, act: () => Promise<Result>): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    throw new LeewardError("DiskUnreadable", `${path}: ${messageOf(error)}`, error);
  }
}
