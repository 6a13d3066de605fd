import { hash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { DIGEST_BYTES } from "../engine/core/digest.ts";
import { BLOCK, type Bytes, KIB, bytes } from "../engine/core/units.ts";
import { zeroDigests } from "../engine/journal/digest-tree.ts";
import type { Disk } from "./disk.ts";
import { isZero } from "./zero.ts";

/**
 * Digests of a range of a disk, 32 bytes for each block, in order; the range begins on the border of a block. The guest
 * may write meanwhile: what it touched is to be hashed again, or sent unseen. @throws DiskUnreadable
 */
export type HashBlocks = (disk: Disk, offset: Bytes, length: Bytes) => Promise<Uint8Array>;

/** Hashed in one turn: a fifth of a millisecond. */
const TURN = 256 * KIB;

/** Does it in this process, in turns. */
export async function hashHere(disk: Disk, offset: Bytes, length: Bytes): Promise<Uint8Array> {
  const digests = new Uint8Array(Math.ceil(length / BLOCK) * DIGEST_BYTES);
  const content = Buffer.allocUnsafe(Math.min(TURN, length));
  for (let done = 0; done < length; done += TURN) {
    await setImmediate();
    const part = content.subarray(0, Math.min(TURN, length - done));
    disk.read(bytes(offset + done), part);
    digests.set(digestsOf(part), (done / BLOCK) * DIGEST_BYTES);
  }
  return digests;
}

/** Finding a block zero is ten times as fast as hashing it. */
export function digestsOf(content: Uint8Array): Uint8Array {
  const digests = zeroDigests(bytes(content.length));
  for (let at = 0; at < content.length; at += BLOCK) {
    const block = content.subarray(at, at + BLOCK);
    if (!isZero(block)) digests.set(hash("sha256", block, "buffer"), (at / BLOCK) * DIGEST_BYTES);
  }
  return digests;
}
