import { type FileHandle, open, truncate, writeFile } from "node:fs/promises";
import { LeewardError, messageOf } from "../../engine/core/errors.ts";
import { type Bytes, SECTOR, bytes } from "../../engine/core/units.ts";
import type { BlockDevice } from "./block-device.ts";

/**
 * A raw image file as the machine's disk.
 * @throws DiskUnreadable when there is no such file or its size is no multiple of 512.
 */
export async function openFileDevice(path: string): Promise<BlockDevice> {
  const file = await attempt(`open ${path}`, () => open(path, "r+"));
  const { size } = await attempt(`measure ${path}`, () => file.stat());
  if (size === 0 || size % SECTOR !== 0) {
    await file.close();
    throw new LeewardError("DiskUnreadable", `${path} has ${size} bytes, not a multiple of ${SECTOR}`);
  }
  return new FileDevice(path, file, bytes(size));
}

/** Makes the image file all zero and sparse, of exactly this size, replacing what was there. */
export async function createImage(path: string, size: Bytes): Promise<void> {
  await attempt(`create ${path}`, async () => {
    await writeFile(path, "");
    await truncate(path, size);
  });
}

class FileDevice implements BlockDevice {
  readonly size: Bytes;
  readonly #path: string;
  readonly #file: FileHandle;

  constructor(path: string, file: FileHandle, size: Bytes) {
    this.#path = path;
    this.#file = file;
    this.size = size;
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const data = Buffer.allocUnsafe(length);
    await this.#all(`read ${this.#path} at ${offset}`, length, async (done) => {
      const { bytesRead } = await this.#file.read(data, done, length - done, offset + done);
      return bytesRead;
    });
    return data;
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    await this.#all(`write ${this.#path} at ${offset}`, data.length, async (done) => {
      const { bytesWritten } = await this.#file.write(data, done, data.length - done, offset + done);
      return bytesWritten;
    });
  }

  async flush(): Promise<void> {
    await attempt(`flush ${this.#path}`, () => this.#file.datasync());
  }

  async close(): Promise<void> {
    await attempt(`close ${this.#path}`, () => this.#file.close());
  }

  /** Repeats the step until all bytes are through: the system may take fewer than it was given. */
  async #all(what: string, length: number, step: (done: number) => Promise<number>): Promise<void> {
    for (let done = 0; done < length;) {
      const taken = await attempt(what, () => step(done));
      if (taken === 0) throw new LeewardError("DiskUnreadable", `${what}: the disk ends after ${done} bytes`);
      done += taken;
    }
  }
}

async function attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new LeewardError("DiskUnreadable", `${what}: ${messageOf(cause)}`, cause);
  }
}
