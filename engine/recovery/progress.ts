import { z } from "zod";
import { machineId } from "../core/ids.ts";
import { bytes, micros } from "../core/units.ts";
import { type JournalPosition, journalPosition } from "../journal/position.ts";

const count = z.number().int().nonnegative();

/** How far a machine's replication is. Kind `progress`; written by replication, and by the start of a generation. */
export const progressRecord = z.object({
  format: z.literal(1),
  machine: z.string().transform(machineId),
  /** Everything before it is in the target region, and was checked there. */
  arrived: journalPosition,
  /** Every proof before it has become a recovery point. */
  cut: journalPosition,
  /** What the replica holds: its newest checkpoint. */
  applied: journalPosition.optional(),
  /** When that checkpoint was made. */
  appliedAt: z.number().transform(micros).optional(),
  /** Since the machine was enabled: segments, objects and stored bytes that were shipped. */
  shipped: z.object({ segments: count, objects: count, bytes: z.number().transform(bytes) }),
  /** What slows replication, or has stopped it until somebody acts. */
  problem: z
    .object({
      code: z.string(),
      message: z.string(),
      since: z.number().transform(micros),
      stopped: z.boolean(),
    })
    .optional(),
});
export type ProgressRecord = z.infer<typeof progressRecord>;

/** The farther of two positions: a watermark never goes back, whoever reports late. */
export const farther = (a: JournalPosition, b: JournalPosition): JournalPosition =>
  b.generation > a.generation || (b.generation === a.generation && b.next > a.next) ? b : a;
