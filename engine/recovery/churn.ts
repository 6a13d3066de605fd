import { type Bytes, MIB, bytes } from "../core/units.ts";
import type { RecoveryPolicy } from "./policy.ts";

type Churn = Pick<RecoveryPolicy, "churn" | "sealBytes">;

/** Of a machine that writes much: requests cost more than bytes, and a storage account takes so many a second. */
const HIGH_SEAL = 32 * MIB;

/** What a segment holds before it is sealed. */
export const sealBytesOf = ({ churn, sealBytes }: Churn): Bytes =>
  churn === "High" ? bytes(Math.max(sealBytes, HIGH_SEAL)) : sealBytes;

/** How much one run carries to the target: at once, in one object, and in all. Well below an activity's time-out. */
export const carriedOf = ({ churn }: Churn) =>
  churn === "High"
    ? { objectBytes: bytes(64 * MIB), maxBytes: bytes(256 * MIB), parallel: 8 }
    : { objectBytes: bytes(16 * MIB), maxBytes: bytes(128 * MIB), parallel: 6 };
