import { z } from "zod";
import { digestOf } from "../core/digest.ts";
import { barrierId, machineId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { markedSegment } from "../journal/marked-segment.ts";
import { copies } from "../core/copies.ts";
import { bytes, diskIndex, generation, micros, millis, ordinal, sequence } from "../core/units.ts";
import { type JournalPosition, journalPosition } from "../journal/position.ts";

import { resyncProgress } from "./resync-request.ts";

const count = z.number().int().nonnegative();

/** A generation that is over, and how far the guest's writes in it are known. */
const endedGeneration = z.object({
  generation: z.number().transform(checked(generation)),
  /** The last write before it. */
  from: z.number().transform(checked(sequence)),
  /** The newest write in it that was reported, or has arrived. */
  end: z.object({
    sequence: z.number().transform(checked(sequence)),
    bytes: z.number().transform(checked(bytes)),
    copied: copies.optional(),
  }),
  /** What the guest wrote behind that, and the journal did not take. */
  unrecorded: z.object({ writes: count, bytes: z.number().transform(checked(bytes)) }).optional(),
});
export type EndedGeneration = z.infer<typeof endedGeneration>;

const barrier = z.object({
  kind: z.literal("barrier"),
  id: z.string().transform(checked(barrierId)),
  sequence: z.number().transform(checked(sequence)),
  time: z.number().transform(checked(micros)),
  consistency: z.enum(["crash", "application"]),
  spread: z.number().transform(checked(millis)).optional(),
  /** Of data in the generation, up to the barrier. */
  bytes: z.number().transform(checked(bytes)).optional(),
});

/** How far a machine's replication is. Kind `progress`; written by replication, and by the start of a generation. */
export const progressRecord = z.object({
  format: z.literal(1),
  machine: z.string().transform(checked(machineId)),
  /** The last write before this generation. */
  from: z.number().transform(checked(sequence)),
  /** Generations before the present one, ascending; the newest of them. */
  ended: z.array(endedGeneration).optional(),
  /** Everything before it is in the target region, and was checked there. */
  arrived: journalPosition,
  /** Every proof before it has become a recovery point. */
  cut: journalPosition,
  /** What has arrived behind `cut` with barriers or proofs in it, in order. */
  marked: z.array(markedSegment),
  /** Barriers before `cut` whose proof has not come yet. */
  pending: z.array(barrier),
  /** What the replica holds: its newest checkpoint. */
  applied: journalPosition.optional(),
  /** When that checkpoint was made. */
  appliedAt: z.number().transform(checked(micros)).optional(),
  /** The replica was found wrong then: the next checkpoint rebuilds it from the start of the generation. */
  rebuildSince: z.number().transform(checked(micros)).optional(),
  /** Guest bytes that checkpoints have merged, and the bytes that they wrote for them, since the machine was enabled. */
  merged: z
    .object({ bytes: z.number().transform(checked(bytes)), written: z.number().transform(checked(bytes)) })
    .optional(),
  /** The newest point that the replica may hold writes of, since a checkpoint may have died half-way. */
  reserved: z
    .object({
      generation: z.number().transform(checked(generation)),
      sequence: z.number().transform(checked(sequence)),
    })
    .optional(),
  /** What the disks of this region held when the machine was taken over: a base without a manifest. */
  seed: z
    .object({
      generation: z.number().transform(checked(generation)),
      id: z.string().transform(checked(barrierId)),
      sequence: z.number().transform(checked(sequence)),
      position: journalPosition,
      disks: z.array(
        z.object({
          index: z.number().transform(checked(diskIndex)),
          size: z.number().transform(checked(bytes)),
          root: z.string().transform(checked(digestOf)),
        }),
      ),
    })
    .optional(),
  /** The newest recovery point. */
  point: z
    .object({
      id: z.string().transform(checked(barrierId)),
      generation: z.number().transform(checked(generation)),
      sequence: z.number().transform(checked(sequence)),
      time: z.number().transform(checked(micros)),
      /** Of data in the generation, and what of it comparisons had copied; unknown in records of an older Leeward. */
      bytes: z.number().transform(checked(bytes)).optional(),
      copied: copies.optional(),
    })
    .optional(),
  /** The newest points, as far as retention has not listed them: one of them without a manifest has lost it. */
  made: z
    .array(
      z.object({
        id: z.string().transform(checked(barrierId)),
        generation: z.number().transform(checked(generation)),
        sequence: z.number().transform(checked(sequence)),
      }),
    )
    .optional(),
  /** Since the machine was enabled: segments, objects and stored bytes that were shipped. */
  shipped: z.object({ segments: count, objects: count, bytes: z.number().transform(checked(bytes)) }),
  /** The cache lost or spoiled these segments, the first of which is the next to arrive; the agent is asked for them. */
  wanted: z
    .object({
      ordinals: z
        .array(z.number().transform(checked(ordinal)))
        .min(1)
        .max(16),
      since: z.number().transform(checked(micros)),
    })
    .optional(),
  /** The comparison that the generation began with; absent in records of an older Leeward. */
  resync: resyncProgress.optional(),
  /** What slows replication, or has stopped it until somebody acts. */
  problem: z
    .object({
      code: z.string(),
      message: z.string(),
      since: z.number().transform(checked(micros)),
      stopped: z.boolean(),
    })
    .optional(),
});
export type ProgressRecord = z.infer<typeof progressRecord>;

/** The farther of two positions: a watermark never goes back, whoever reports late. */
export const farther = (a: JournalPosition, b: JournalPosition): JournalPosition =>
  b.generation > a.generation || (b.generation === a.generation && b.next > a.next) ? b : a;
