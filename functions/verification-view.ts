import type { LeewardItem } from "../engine/contract/protected-item.ts";
import { toIso } from "../engine/core/clock.ts";
import type { Micros } from "../engine/core/units.ts";
import type { ItemRecord } from "../engine/recovery/item.ts";
import { type BadPoint } from "../engine/recovery/bad-point.ts";
import { type RoadState, type VerificationRecord } from "../engine/recovery/verification.ts";
import { totalBlocks } from "../engine/recovery/scrub.ts";

type View = NonNullable<LeewardItem["verification"]>;

/** What verification knows of a machine; null before it began. */
export function verificationOf(item: ItemRecord, known: VerificationRecord | undefined): View | null {
  if (!known) return null;
  const { point } = known.journal;
  const total = totalBlocks(item.source?.disks ?? []);
  return {
    requestedTime: isoOf(known.wish?.at),
    verifiedPoint: point?.id ?? null,
    verifiedTime: isoOf(point?.time),
    coverage: coverageOf(known.journal, total),
    replica: {
      verifiedPoint: known.replica.point?.id ?? null,
      verifiedTime: isoOf(known.replica.point?.time),
      coverage: coverageOf(known.replica, total),
    },
    bad: known.bad.map(badOf),
    resync: known.resync
      ? {
          generation: known.resync.generation,
          requestedTime: toIso(known.resync.requestedAt),
          begun: known.resync.begun,
        }
      : null,
  };
}

/** Of a comparison in turns, as much as it has compared. */
function coverageOf({ scrub, underway }: RoadState, total: number): View["coverage"] {
  const share = underway && underway.blocks > 0 ? underway.compared / underway.blocks : 0;
  const read = scrub.next + Math.max((underway?.end ?? 0) - scrub.next, 0) * share;
  return {
    fraction: total > 0 ? read / total : 0,
    since: toIso(scrub.since),
    wholeTime: isoOf(scrub.wholeAt),
  };
}

const badOf = (bad: BadPoint): View["bad"][number] => ({
  road: bad.road,
  point: bad.point,
  pointTime: toIso(bad.time),
  foundTime: toIso(bad.foundAt),
  code: bad.code,
  message: bad.message,
  count: bad.count,
  blocks: bad.blocks,
});

const isoOf = (time: Micros | undefined): string | null => (time === undefined ? null : toIso(time));
