import type { LostView } from "../engine/contract/losses.ts";
import { toIso } from "../engine/core/clock.ts";
import type { Micros } from "../engine/core/units.ts";
import { type LostRecord, isComplete } from "../engine/recovery/lost-record.ts";

/** What is known of the loss, in figures. */
export const lostView = (record: LostRecord): LostView => {
  const { writes, bytes, copied, arrived, ranges, handover, problem } = record;
  return {
    state: isComplete(record) ? "complete" : "open",
    writes,
    bytes,
    copiedBytes: copied?.bytes ?? 0,
    arrivedWrites: arrived,
    rangeCount: ranges,
    firstTime: timeOf(record.first),
    lastTime: timeOf(record.last),
    checkedTime: timeOf(record.checkedAt),
    handedOver: handover
      ? { captured: handover.captured, capturedTime: toIso(handover.capturedTime), cached: handover.cached }
      : null,
    problem: problem ? { code: problem.code, message: problem.message, since: toIso(problem.since) } : null,
  };
};

/** Zero stands for none. */
const timeOf = (time: Micros): string | null => (time === 0 ? null : toIso(time));
