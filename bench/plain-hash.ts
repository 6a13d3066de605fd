import { hash, randomBytes } from "node:crypto";
import { setPriority } from "node:os";
import { BLOCK, MIB } from "../engine/core/units.ts";

/** Hashes as many MiB of memory as each message says, block by block: the floor of every comparison. */
setPriority(10);
const content = randomBytes(32 * MIB);
process.on("message", (mebibytes: number) => {
  for (let done = 0; done < mebibytes * MIB; done += BLOCK) {
    const at = done % content.length;
    hash("sha256", content.subarray(at, at + BLOCK), "buffer");
  }
  process.send?.("done");
});
process.on("disconnect", () => process.exit());
process.send?.("ready");
