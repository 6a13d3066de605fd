import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { type Digest, digestOf } from "../core/digest.ts";
import { MIB } from "../core/units.ts";

/** Half a millisecond of work between two turns of the event loop, which also serves a guest's reads and writes. */
const SLICE = MIB / 2;

/** Calls `work` for one slice after the other, and lets others have their turn in between. */
export async function bySlices(all: Buffer, work: (slice: Buffer, at: number) => void): Promise<void> {
  for (let at = 0; at < all.length; at += SLICE) {
    if (at > 0) await setImmediate();
    work(all.subarray(at, at + SLICE), at);
  }
}

export async function slicedSha256(all: Buffer): Promise<Digest> {
  const running = createHash("sha256");
  await bySlices(all, (slice) => running.update(slice));
  return digestOf(running.digest("hex"));
}
