import type { Generation, Ordinal } from "../core/units.ts";
import type { ProgressRecord } from "./progress.ts";
import type { VerificationRecord } from "./verification.ts";

/**
 * The first segment of the generation that someone goes on from: the replica's next checkpoint, the next cut, or the next
 * verification on either road. Undefined when nobody is in it.
 */
export function readerMark(
  of: Generation,
  { applied, cut }: ProgressRecord,
  verification: VerificationRecord | undefined,
): Ordinal | undefined {
  const { journal, replica } = verification ?? {};
  return [applied, cut, journal?.point?.scanned, replica?.point?.scanned]
    .flatMap((at) => (at?.generation === of ? [at.next] : []))
    .toSorted((a, b) => a - b)
    .at(0);
}
