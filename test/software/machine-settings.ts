import { machineId } from "../../engine/core/ids.ts";
import { KIB, bytes, generation, millis } from "../../engine/core/units.ts";
import { dataKey } from "../../engine/journal/key.ts";

/** What the agent's process and those who read its journal agree on. */
export const MACHINE = machineId("software-01");
export const GENERATION = generation(1);
/** What an agent begins whose journal cannot be continued. */
export const LOST = generation(2);
export const KEY = dataKey(Buffer.alloc(32, 11));
/** Small segments: cuts fall into the middle of many of them, and restoring up to one reads little behind it. */
export const POLICY = { sealBytes: bytes(512 * KIB), sealAge: millis(1000), heartbeatEvery: millis(1000) };
