import { setPriority } from "node:os";
import { LeewardError, messageOf } from "../engine/core/errors.ts";
import { type Bytes, bytes } from "../engine/core/units.ts";
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
let content = Buffer.alloc(0);

function hash({ disk, offset, length }: HashTask): Uint8Array {
  const file = opened(disk);
  if (content.length < length) content = Buffer.allocUnsafeSlow(length);
  const part = content.subarray(0, length);
  for (let done = 0; done < length;) {
    const n = file.read(part.subarray(done), offset + done);
    if (n === 0) throw new Error(`${disk.path} ends at ${offset + done}`);
    done += n;
  }
  return digestsOf(part);
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
