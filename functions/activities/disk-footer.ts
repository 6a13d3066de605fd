import { createHash } from "node:crypto";
import { vhdFooter } from "../../engine/azure/vhd-footer.ts";
import type { MachineId } from "../../engine/core/ids.ts";
import type { SizedDisk } from "../../engine/replication/blocks.ts";

/** Of a disk of the machine. The disk's id in it is fixed, so that a second run writes the same bytes. */
export const diskFooter = (machine: MachineId, { index, size }: SizedDisk): Buffer =>
  vhdFooter(size, createHash("sha256").update(`${machine}/${index}`).digest().subarray(0, 16));
