import { type FileHandle, open } from "node:fs/promises";
import { LeewardError, messageOf } from "../core/errors.ts";
import type { Bytes } from "../core/units.ts";
import type { Sink } from "./restore.ts";

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
