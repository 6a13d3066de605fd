import { z } from "zod";
import { machineId, operationId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { type Micros, bytes, generation, micros, ordinal, sequence } from "../core/units.ts";
import type { ItemRecord } from "./item.ts";
import { STATES } from "./state.ts";

const count = z.number().int().nonnegative();
const time = z.number().transform(checked(micros));
const at = z.number().transform(checked(sequence));
const of = z.number().transform(checked(generation));

/** How far it is known what a failover lost. Kind `lost`, one for each machine: of its newest failover. */
export const lostRecord = z.object({
  format: z.literal(1),
  machine: z.string().transform(checked(machineId)),
  /** The failover's job. */
  operation: z.string().transform(checked(operationId)),
  /** When the old journal was last looked at. */
  checkedAt: time,
  writes: count,
  bytes: z.number().transform(checked(bytes)),
  /** What comparisons had copied, which are no writes of the guest. */
  copied: z.object({ writes: count, bytes: z.number().transform(checked(bytes)) }).optional(),
  arrived: count,
  /** Ranges of the disks, all together. */
  ranges: count,
  first: time,
  last: time,
  /** How far the newest generation of the old journal was read. */
  until: z.object({ generation: of, next: z.number().transform(checked(ordinal)), sequence: at }).optional(),
  /** What the old agent says that it captured, and what of it is in the cache. */
  handover: z.object({ generation: of, captured: at, capturedTime: time, cached: at, at: time }).optional(),
  /** Why the old journal could not be read to its end. */
  problem: z.object({ code: z.string(), message: z.string(), since: time }).optional(),
});
export type LostRecord = z.infer<typeof lostRecord>;

/** Before the old journal was looked at for the first time. */
export const nothingRead = ({ machine, job, failover }: ItemRecord): LostRecord => ({
  format: 1,
  machine,
  operation: failover?.operation ?? job.operation,
  checkedAt: micros(0),
  writes: 0,
  bytes: bytes(0),
  arrived: 0,
  ranges: 0,
  first: micros(0),
  last: micros(0),
});

/** The record of the item's failover: one of an earlier failover is over. */
export const lostFor = (old: LostRecord | undefined, item: ItemRecord): LostRecord =>
  old?.operation === item.failover?.operation && old ? old : nothingRead(item);

/** The old agent has handed over all that it captured, and all of it was read: no more can come. */
export const isComplete = ({ until, handover, problem }: LostRecord): boolean =>
  problem === undefined &&
  handover !== undefined &&
  handover.cached === handover.captured &&
  until?.generation === handover.generation &&
  until.sequence >= handover.captured;

const SOON = 60_000_000;
const LATER = 900_000_000;
const DAY = 86_400_000_000;

/**
 * Whether the old journal is to be looked at again: when the old agent said something, each minute on the first day, then
 * each quarter of an hour.
 */
export function lossesDue(now: Micros, item: ItemRecord, old: LostRecord | undefined): boolean {
  const { failover, state } = item;
  if (!STATES[state].over || !failover) return false;
  const known = lostFor(old, item);
  if (isComplete(known)) return false;
  if (known.handover && known.handover.at >= known.checkedAt) return true;
  const every = now - (failover.endTime ?? now) < DAY ? SOON : LATER;
  return now - known.checkedAt >= every;
}
