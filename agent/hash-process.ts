import { setPriority } from "node:os";
import { DIGEST_BYTES } from "../engine/core/digest.ts";
import { LeewardError, messageOf } from "../engine/core/errors.ts";
import { BLOCK, type Bytes, KIB, bytes } from "../engine/core/units.ts";
import type { DiskFile } from "./disk.ts";
import type { OpenFile } from "./files.ts";
import { digestsOf } from "./hash-blocks.ts";
import { nodeFiles } from "./node-files.ts";

/** Hash the blocks of a range. Crosses a process: plain data only. */
export interface HashTask {
  readonly disk: DiskFile;
  readonly offset: Bytes;
  readonly length: Bytes;
}

/** What the process answers to each task, in order. */
export type HashAnswer = { readonly digests: Uint8Array } | { readonly failed: string };

/** As sealing: lower, and it would come to nothing on a machine whose processors are all busy. */
setPriority(10);

const files = new Map<string, OpenFile>();
/** What is read at once: it is still in the processor's cache when it is hashed. */
const AT_ONCE = 256 * KIB;
const content = Buffer.allocUnsafe(AT_ONCE);

function hash({ disk, offset, length }: HashTask): Uint8Array {
  const file = opened(disk);
  const digests = new Uint8Array(Math.ceil(length / BLOCK) * DIGEST_BYTES);
  for (let done = 0; done < length; done += AT_ONCE) {
    const part = content.subarray(0, Math.min(AT_ONCE, length - done));
    fill(part, file, offset + done, disk.path);
    digests.set(digestsOf(part), (done / BLOCK) * DIGEST_BYTES);
  }
  return digests;
}

function fill(part: Buffer, file: OpenFile, offset: number, path: string): void {
  for (let done = 0; done < part.length;) {
    const n = file.read(part.subarray(done), offset + done);
    if (n === 0) throw new Error(`${path} ends at ${offset + done}`);
    done += n;
  }
}

function opened({ path, identity }: DiskFile): OpenFile {
  const known = files.get(path);
  if (known) return known;
  const file = nodeFiles.open(path, "read");
  if (file.info().identity !== identity)
    throw new LeewardError("DiskUnreadable", `${path} is another disk by now`);
  files.set(path, file);
  return file;
}

process.on("message", ({ disk, offset, length }: HashTask) => {
  try {
    const digests = hash({ disk, offset: bytes(offset), length: bytes(length) });
    process.send?.({ digests } satisfies HashAnswer);
  } catch (error) {
    process.send?.({ failed: messageOf(error) } satisfies HashAnswer);
  }
});
process.on("disconnect", () => process.exit());
// The agent ends in its own order, and this process with it.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);
