import type { LeewardItem } from "../engine/contract/protected-item.ts";
import { toIso } from "../engine/core/clock.ts";
import type { Micros } from "../engine/core/units.ts";
import type { RetentionRecord } from "../engine/recovery/retention-record.ts";

type View = NonNullable<LeewardItem["retention"]>;

/** What retention keeps and what that takes; null before its first run. */
export function retentionOf(known: RetentionRecord | undefined): View | null {
  if (!known) return null;
  const { kept, dropped, deletedObjects, merged, stock, endedAt } = known;
  return {
    lastRun: isoOf(endedAt),
    points: kept.map(({ every, points }) => ({ every, points })),
    dropped,
    deletedObjects,
    segments: stock?.segments ?? null,
    layers: stock?.layers ?? null,
    built: merged.layers,
    merge: ratio(merged.journalBytes, merged.dataBytes),
    compression: ratio(merged.dataBytes, merged.storedBytes),
  };
}

const isoOf = (time: Micros | undefined): string | null => (time === undefined ? null : toIso(time));
const ratio = (before: number, after: number): number | null => (after > 0 ? before / after : null);
