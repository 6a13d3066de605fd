import type { RecoveryPoint } from "../journal/manifest.ts";
import type { RetainedPoint } from "./retention.ts";
import { type VerificationRecord, standingOf } from "./verification.ts";

/** A point as retention sees it: one that follows a bad one, and was not verified since, is no better than that. */
export function retainedOf(point: RecoveryPoint, known: VerificationRecord | undefined): RetainedPoint {
  const { id, generation, sequence, time, consistency } = point;
  const standing = standingOf(known, point);
  const bad = standing === "bad" || standing === "suspect";
  return { id, generation, sequence, time, consistency, verified: standing === "verified", bad };
}
