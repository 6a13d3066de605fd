import type { Micros } from "../core/units.ts";
import type { RecoveryPoint } from "../journal/manifest.ts";
import type { VerificationRecord } from "./verification.ts";

/**
 * Notes that someone wants this point, or a newer one, compared before the interval is over. The same record when that is
 * known, or when the journal was compared so far already.
 */
export function withWish(
  old: VerificationRecord,
  { generation, sequence }: Pick<RecoveryPoint, "generation" | "sequence">,
  now: Micros,
): VerificationRecord {
  if (old.generation !== generation || reaches(old, sequence)) return old;
  if (old.wish && old.wish.sequence >= sequence && isOpen(old)) return old;
  return { ...old, wish: { at: now, sequence } };
}

/** Whether a wish makes verification due. One whose attempt failed waits for the interval, as everything does. */
export const isWanted = (known: VerificationRecord): boolean =>
  known.wish !== undefined && !reaches(known, known.wish.sequence) && isOpen(known);

const reaches = ({ journal }: VerificationRecord, sequence: number): boolean =>
  (journal.point?.sequence ?? -1) >= sequence;

const isOpen = ({ wish, problem, attemptedAt }: VerificationRecord): boolean =>
  wish !== undefined && !(problem && (attemptedAt ?? 0) >= wish.at);
