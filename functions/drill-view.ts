import type { DrillSummary, DrillVerdictView } from "../engine/contract/drill.ts";
import { toIso } from "../engine/core/clock.ts";
import { nextDrill } from "../engine/recovery/drill.ts";
import type { DrillVerdict } from "../engine/recovery/drill-verdict.ts";
import type { ItemRecord } from "../engine/recovery/item.ts";

export const verdictView = (verdict: DrillVerdict): DrillVerdictView => ({
  operation: verdict.operation,
  startTime: toIso(verdict.startTime),
  state: verdict.state,
  point: verdict.point ?? null,
  pointTime: verdict.pointTime === undefined ? null : toIso(verdict.pointTime),
  road: verdict.road ?? null,
  rtoSeconds: verdict.rtoSeconds ?? null,
  failure: verdict.failure ?? null,
  cleanedTime: toIso(verdict.cleanedTime),
});

export function drillView(item: ItemRecord): DrillSummary {
  const next = nextDrill(item);
  const [last] = item.drills ?? [];
  return {
    everyDays: item.policy.drillDays,
    nextTime: next === undefined ? null : toIso(next),
    last: last ? verdictView(last) : null,
  };
}
