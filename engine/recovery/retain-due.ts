import type { Micros } from "../core/units.ts";
import type { RecoveryPolicy } from "./policy.ts";
import type { ProgressRecord } from "./progress.ts";
import type { RetentionRecord } from "./retention-record.ts";

/** Retention is due when the policy's interval has passed and there is a point to decide about. */
export const retainDue = (
  now: Micros,
  { retention }: RecoveryPolicy,
  { point }: ProgressRecord,
  known: RetentionRecord | undefined,
): boolean => point !== undefined && Math.abs(now - (known?.attemptedAt ?? 0)) >= retention.interval * 1000;
