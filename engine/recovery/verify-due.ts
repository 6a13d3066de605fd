import type { Micros } from "../core/units.ts";
import { scrubWindow, totalBlocks } from "./scrub.ts";
import type { ItemRecord } from "./item.ts";
import type { ProgressRecord } from "./progress.ts";
import type { VerificationRecord } from "./verification.ts";
import { isWanted } from "./verify-wish.ts";

/**
 * Verification is due when someone asked for it, or when the policy's interval has passed and there is something to compare:
 * a newer point than the verified one, a newer checkpoint than the compared one, or blocks whose turn in the scrub has come.
 */
export function verifyDue(
  now: Micros,
  item: ItemRecord,
  progress: ProgressRecord,
  known: VerificationRecord | undefined,
): boolean {
  const { point } = progress;
  if (point?.generation !== item.generation) return false;
  if (known?.generation !== item.generation) return true;
  if (isWanted(known)) return true;
  if (now - (known.attemptedAt ?? 0) < item.policy.verifyInterval * 1000) return false;
  if (known.journal.point?.id !== point.id) return true;
  const { reserved, appliedAt } = progress;
  const checkpointed =
    item.policy.replica === "warm" && reserved?.generation === point.generation && appliedAt;
  if (checkpointed && (known.replica.point?.sequence ?? -1) < reserved.sequence) return true;
  const total = totalBlocks(item.source?.disks ?? []);
  const { start, end } = scrubWindow(now, item.policy.scrubDays, known.journal.scrub, total);
  return end > start;
}
