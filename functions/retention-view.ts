import type { LeewardItem } from "../engine/contract/protected-item.ts";
import { toIso } from "../engine/core/clock.ts";
import type { Micros } from "../engine/core/units.ts";
import type { Building, RetentionRecord } from "../engine/recovery/retention-record.ts";

type View = NonNullable<LeewardItem["retention"]>;

/** What retention keeps and what that takes; null before its first run. */
export function retentionOf(known: RetentionRecord | undefined): View | null {
  if (!known) return null;
  const { kept, dropped, deletedObjects, merged, building, stock, endedAt } = known;
  return {
    lastRun: isoOf(endedAt),
    points: kept.map(({ every, points }) => ({ every, points })),
    dropped,
    deletedObjects,
    segments: stock?.segments ?? null,
    layers: stock?.layers ?? null,
    built: merged.layers,
    building: building ? buildingOf(building) : null,
    merge: ratio(merged.journalBytes, merged.dataBytes),
    compression: ratio(merged.dataBytes, merged.storedBytes),
  };
}

const buildingOf = ({ point, stage, done, total, since, at }: Building) => ({
  point,
  stage,
  done,
  total,
  beganTime: toIso(since),
  lastTime: toIso(at),
});

const isoOf = (time: Micros | undefined): string | null => (time === undefined ? null : toIso(time));
const ratio = (before: number, after: number): number | null => (after > 0 ? before / after : null);
