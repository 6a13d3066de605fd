import { type FileHandle, open } from "node:fs/promises";
import { LeewardError, messageOf } from "../engine/core/errors.ts";
import type { Bytes } from "../engine/core/units.ts";
import { type DiskReader, imageDigests } from "../engine/replication/verify.ts";
import { ProgressBar } from "./progress-bar.ts";

/** Calls with a reader of the image; what is behind the end of a short file reads as zeros. @throws DiskUnreadable */
async function withImage<Result>(path: string, use: (read: DiskReader) => Promise<Result>): Promise<Result> {
  const file = await open(path).catch((error: unknown) => {
    throw new LeewardError("DiskUnreadable", `${path}: ${messageOf(error)}`, error);
  });
  try {
    return await use((offset, length) => readAll(file, offset, length));
  } finally {
    await file.close();
  }
}

async function readAll(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const data = Buffer.alloc(length);
  for (let done = 0; done < length;) {
    const { bytesRead } = await file.read(data, done, length - done, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return data;
}

/** SHA-256 of each block of the image, 32 bytes each. Draws a progress bar. */
export async function digestsOfImage(path: string, size: Bytes): Promise<Uint8Array> {
  const bar = new ProgressBar("Verifying");
  const digests = await withImage(path, (read) =>
    imageDigests(read, size, (done) => bar.show(done, size, done)),
  );
  bar.clear();
  return digests;
}
